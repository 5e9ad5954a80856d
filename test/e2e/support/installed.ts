import { access, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Finished, type Program, REPOSITORY, type RunOptions, runProgram, startProgram } from './programs.ts';

const PACKAGE = join(REPOSITORY, 'packages/breakwater');
/** What would otherwise be taken from the environment of whoever runs the tests. */
const PLAIN = { PORT: '', HOST: '', BREAKWATER_PORT: '', BREAKWATER_HOST: '', LOG_LEVEL: '', NO_COLOR: '1' };

/** The package as somebody gets it who installs it: packed, and installed into an empty folder. */
export interface Installed extends AsyncDisposable {
  /** The folder it was installed into, free for files of the test. */
  readonly folder: string;
  /** Paths inside the tarball. */
  readonly files: readonly string[];
  /** Runs the real program until it ends by itself. */
  run(args: readonly string[], options?: RunOptions): Promise<Finished>;
  /** Starts the real program, and resolves once it says where it listens. */
  serve(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Serving>;
  /** Writes a file into the folder and returns its path. */
  write(name: string, text: string): Promise<string>;
}

/** The real program while it serves. */
export interface Serving extends Program {
  /** Where it says that its first endpoint is. */
  readonly url: string;
}

/** Packs the built package and installs it from the tarball. */
export async function installTarball(): Promise<Installed> {
  await access(join(PACKAGE, 'dist/bin.js')).catch(() => {
    throw new Error('packages/breakwater is not built; run: node tools/build.ts');
  });
  const folder = await mkdtemp(join(tmpdir(), 'breakwater-installed-'));
  const write = async (name: string, text: string): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, text);
    return path;
  };
  const packed = await npm(['pack', '--json', '--ignore-scripts', '--pack-destination', folder], PACKAGE);
  const [tarball = ''] = (await readdir(folder)).filter((name) => name.endsWith('.tgz'));
  const files = (JSON.parse(packed) as [{ files: { path: string }[] }])[0].files.map(({ path }) => path);
  await write('package.json', '{ "name": "somebody", "private": true, "type": "module" }\n');
  await npm(['install', `./${tarball}`, '--prefer-offline', '--no-audit', '--no-fund'], folder);
  const bin = join(folder, 'node_modules/.bin/breakwater');
  // Compiled code goes with the folder.
  const plain = { ...PLAIN, XDG_CACHE_HOME: join(folder, '.cache') };
  return {
    folder,
    files,
    write,
    run: (args, options) => runProgram(bin, args, { cwd: folder, ...options, env: { ...plain, ...options?.env } }),
    serve: async (args, env) => {
      const program = startProgram(bin, args, { cwd: folder, env: { ...plain, ...env } });
      const [, url = ''] = await program.until(/MCP +(http\S+)/);
      return { ...program, url };
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

async function npm(args: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await runProgram('npm', args, { cwd });
  if (code !== 0) throw new Error(`npm ${args.join(' ')}: ${code}\n${stderr}`);
  return stdout;
}
