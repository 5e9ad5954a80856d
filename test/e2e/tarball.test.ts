/** The package as it is published: what is in it, what a start loads of it, and what its program says without serving anything. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import packageJson from '../../packages/breakwater/package.json' with { type: 'json' };
import { type Installed, installTarball } from './support/installed.ts';
import { runProgram } from './support/programs.ts';

const GOOD = `
listen: { port: 0 }
upstreams:
  files: { command: npx, args: [-y, some-server, --token, hush-1], env: { KEY: hush-2 } }
  web: { url: https://example.com/mcp, headers: { Authorization: { template: "Bearer \${TOKEN}" } } }
`;

let installed: Installed;

beforeAll(async () => {
  installed = await installTarball();
});

afterAll(async () => {
  await installed?.[Symbol.asyncDispose]();
});

test('the tarball holds the program, its types, the schema and the papers, and nothing else', () => {
  const wanted = ['package.json', 'README.md', 'LICENSE', 'NOTICE', 'schema/breakwater.schema.json'];
  expect(installed.files).toEqual(
    expect.arrayContaining([...wanted, 'dist/bin.js', 'dist/index.js', 'dist/index.d.ts']),
  );
  const others = installed.files.filter((path) => !path.startsWith('dist/') && !wanted.includes(path));
  expect(others).toEqual([]);
  expect(installed.files.filter((path) => path.includes('.test.'))).toEqual([]);
});

test('every export can be imported', async () => {
  const script = `
    import { createBreakwater, ERRORS, GatewayError } from 'breakwater';
    import { createDemoFactory } from 'breakwater/demo';
    import schema from 'breakwater/schema' with { type: 'json' };
    import about from 'breakwater/package.json' with { type: 'json' };
    const gateway = await createBreakwater({ upstreams: { demo: { factory: createDemoFactory() } } });
    await gateway.close();
    console.log(typeof ERRORS, typeof GatewayError, typeof schema, about.version);`;
  const path = await installed.write('import.js', script);
  const { code, stdout, stderr } = await runProgram(process.execPath, [path], { cwd: installed.folder });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toBe(`object function object ${packageJson.version}\n`);
});

test('code of others that is in its files comes with its license', async () => {
  const notices = await readFile(
    join(installed.folder, 'node_modules/breakwater/dist/third-party-notices.txt'),
    'utf8',
  );
  for (const name of ['pino', 'sonic-boom', 'yaml', 'zod']) expect(notices).toMatch(new RegExp(`^${name} \\d`, 'm'));
  expect(notices.match(/without fee|free of charge/g)?.length).toBe(notices.match(/^\S+ \d+\.\d+\.\d+ \(/gm)?.length);
});

/** Writes what was loaded when the process ends. */
const WITNESS = `
  import { writeFileSync } from 'node:fs';
  import { registerHooks } from 'node:module';
  const loaded = [];
  registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
  process.on('exit', () => writeFileSync(process.env.LOADED, [...loaded, ...process.moduleLoadList].join('\\n')));`;

const INITIALIZE = {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
  }),
};

describe('a start loads', () => {
  async function loadedBy(args: readonly string[]): Promise<readonly string[]> {
    const LOADED = join(installed.folder, 'loaded.txt');
    const witness = await installed.write('witness.mjs', WITNESS);
    const gateway = await installed.serve(['--port', '0', ...args], { NODE_OPTIONS: `--import ${witness}`, LOADED });
    // Nobody is there to be described; whoever asks waits for what it takes to find out.
    await (await fetch(gateway.url, INITIALIZE)).text();
    await gateway.stop();
    return (await readFile(LOADED, 'utf8')).split('\n');
  }
  const filesOf = (loaded: readonly string[]): readonly string[] =>
    loaded.flatMap((url) => /^file:.*\/node_modules\/(.*)/.exec(url)?.[1] ?? []);

  test('its own few files and no package for a program on stdio', async () => {
    const loaded = await loadedBy(['--', process.execPath, '-e', '0']);
    const files = filesOf(loaded);
    expect(files.filter((path) => !path.startsWith('breakwater/dist/'))).toEqual([]);
    expect(files.length).toBeGreaterThan(5);
    expect(files.length).toBeLessThan(40);
    // What an import of node:http brings along, whoever imports it.
    expect(loaded.filter((name) => name.includes('internal/deps/undici'))).toEqual([]);
  });

  test('the HTTP client, and no other package, for a server with a URL', async () => {
    const loaded = await loadedBy(['--upstream', 'http://127.0.0.1:1/mcp']);
    const packages = new Set(filesOf(loaded).map((path) => /^(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]));
    expect([...packages].sort()).toEqual(['breakwater', 'undici']);
    expect(loaded.filter((name) => name.includes('internal/deps/undici'))).toEqual([]);
  });
});

describe('compiled code is kept between starts', () => {
  async function cached(folder: string): Promise<readonly string[]> {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  }
  const version = { code: 0, stdout: `${packageJson.version}\n`, stderr: '' };

  // Attack: Node's own choice is a folder in the machine's temporary one, where anybody can lay down code before the gateway starts there.
  test("in the user's own cache folder", async () => {
    const [own, temporary] = [join(installed.folder, 'own'), join(installed.folder, 'temporary')];
    expect(await installed.run(['--version'], { env: { XDG_CACHE_HOME: own, TMPDIR: temporary } })).toEqual(version);
    expect((await cached(join(own, 'breakwater'))).length).toBeGreaterThan(0);
    expect(await cached(temporary)).toEqual([]);
  });

  test('and what lies there in its place is not run', async () => {
    const XDG_CACHE_HOME = join(installed.folder, 'spoilt');
    await installed.run(['--version'], { env: { XDG_CACHE_HOME } });
    for (const file of await cached(XDG_CACHE_HOME)) await writeFile(file, 'nothing that was compiled');
    expect(await installed.run(['--version'], { env: { XDG_CACHE_HOME } })).toEqual(version);
  });

  test('or not, where nothing can be written', async () => {
    const XDG_CACHE_HOME = await installed.write('no-folder', '');
    expect(await installed.run(['--version'], { env: { XDG_CACHE_HOME } })).toEqual(version);
  });

  test('or not, where the operator says so', async () => {
    const XDG_CACHE_HOME = join(installed.folder, 'unwanted');
    expect(await installed.run(['--version'], { env: { XDG_CACHE_HOME, NODE_DISABLE_COMPILE_CACHE: '1' } })).toEqual(
      version,
    );
    expect(await cached(XDG_CACHE_HOME)).toEqual([]);
  });
});

describe('what it says about itself', () => {
  test.each(['--version', '-v'])('%s', async (flag) => {
    expect(await installed.run([flag])).toEqual({ code: 0, stdout: `${packageJson.version}\n`, stderr: '' });
  });

  test.each([['--help'], ['-h'], ['help'], []])('the help, by %s', async (...args) => {
    const { code, stdout, stderr } = await installed.run(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const usage of ['breakwater -- <command>', '--upstream <url>', 'breakwater demo', '--port']) {
      expect(stdout).toContain(usage);
    }
  });

  test.each(['serve', 'demo', 'check', 'print-config'])('the help of %s', async (command) => {
    const { code, stdout } = await installed.run([command, '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain(`breakwater ${command}`);
  });
});

describe('a command line that cannot be understood ends with 2 and says what to write', () => {
  test.each<[args: string[], message: string, hint: string]>([
    [['demo', '--prot', '1'], '--prot', '--port'],
    [['demo', '--port', 'eighty'], '--port is "eighty"', '--port 8808'],
    [['demo', '--port'], '--port needs a value', '--port 8808'],
    [['demo', '--log-level', 'loud'], '--log-level is "loud"', 'debug'],
    [['demo', '--config', 'a.yaml'], '--config does not go with demo', '--help'],
    [['sevre'], 'unknown command "sevre"', 'breakwater serve'],
    [['npx', '-y', 'some-server'], 'unknown command "npx"', 'breakwater -- npx -y some-server'],
    [['https://example.com/mcp'], 'unknown command', 'breakwater --upstream https://example.com/mcp'],
    [['--upstream', 'example.com'], '--upstream', '--upstream https://example.com/mcp'],
    [['--upstream', 'https://example.com/mcp', '-H', 'nonsense'], '--header', '--header'],
    [['--header', 'A: b'], '--header needs --upstream', 'remote server'],
    [['--'], 'no command after --', 'breakwater -- npx'],
    [['--port', '0'], 'no server is named', 'breakwater -- <command>'],
  ])('%j', async (args, message, hint) => {
    const { code, stdout, stderr } = await installed.run(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr).toContain(hint);
  });
});

describe('check', () => {
  test('a good file', async () => {
    await installed.write('good.yaml', GOOD);
    const { code, stdout, stderr } = await installed.run(['check', 'good.yaml']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining('hush') });
    expect(stdout).toContain('good.yaml: valid, 2 upstreams, 3 routes');
  });

  test.each<[what: string, text: string, said: string[]]>([
    ['no YAML', 'upstreams: [', ['bad.yaml:1:']],
    ['an unknown key', 'upstreams:\n  a: { comand: x }\n', ['bad.yaml:2:', 'comand', 'command']],
    ['a wrong value', 'listen: { port: 99999 }\nupstreams:\n  a: { command: x }\n', ['bad.yaml:1:', 'port']],
    [
      'a missing upstream',
      'upstreams:\n  a: { command: x }\nroutes:\n  - { path: /mcp, upstreams: [b] }\n',
      ['bad.yaml:4:', 'b'],
    ],
    ['nothing', '', ['bad.yaml', 'empty']],
  ])('a file with %s ends with 1 and says where', async (_what, text, said) => {
    await installed.write('bad.yaml', text);
    const { code, stdout, stderr } = await installed.run(['check', 'bad.yaml']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    for (const part of said) expect(stderr).toContain(part);
  });

  test('a file that is not there', async () => {
    const { code, stderr } = await installed.run(['check', 'nowhere.yaml']);
    expect(code).toBe(1);
    expect(stderr).toContain('nowhere.yaml');
  });
});

test('print-config shows every default and no secret, and what it shows is valid', async () => {
  await installed.write('shown.yaml', GOOD);
  const { code, stdout } = await installed.run(['print-config', '-c', 'shown.yaml', '--port', '4321']);
  expect(code).toBe(0);
  expect(stdout).toContain('port: 4321');
  expect(stdout).toMatch(/Bearer \$\{TOKEN\}/);
  expect(stdout).toContain('idleTimeout: 5m');
  expect(stdout).not.toContain('hush');
  await installed.write('again.yaml', stdout);
  expect(await installed.run(['check', 'again.yaml'])).toMatchObject({ code: 0 });
});
