import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { REPOSITORY } from '../e2e/support/programs.ts';

const run = promisify(execFile);

/** The tools are no dependencies of ours: they are fetched once, into a folder that `npm ci` empties. */
const FOLDER = join(REPOSITORY, 'node_modules/.cache/openapi-client');
const TOOLS = { 'openapi-fetch': '0.17.0', 'openapi-typescript': '7.9.1', typescript: '5.9.3' };
const COMPILER = {
  strict: true,
  outDir: 'built',
  skipLibCheck: true,
  target: 'es2022',
  module: 'nodenext',
  lib: ['es2022', 'dom'],
  types: [],
  rewriteRelativeImportExtensions: true,
  exactOptionalPropertyTypes: true,
};
const INSTALL_MS = 240_000;

/** Installs a generator, a compiler and a client for OpenAPI documents; returns their folder. Rejects with what to do when the registry cannot be reached. */
export async function installGenerator(): Promise<string> {
  const marker = join(FOLDER, `installed-${Object.values(TOOLS).join('-')}`);
  if (existsSync(marker)) return FOLDER;
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(join(FOLDER, 'package.json'), JSON.stringify({ private: true, type: 'module', dependencies: TOOLS }));
  try {
    const args = ['install', '--prefix', FOLDER, '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock'];
    await run('npm', args, { cwd: FOLDER, timeout: INSTALL_MS });
  } catch (error) {
    throw new Error(
      `The client generator could not be installed from the npm registry. Connect to it, or put ${JSON.stringify(TOOLS)} into ${FOLDER}.`,
      { cause: error },
    );
  }
  writeFileSync(marker, '');
  return FOLDER;
}

/** Writes types for a document, compiles a program against them, and runs it; returns what it printed. Rejects with the output of the step that failed. */
export async function runGenerated(folder: string, name: string, document: string, program: string): Promise<string> {
  const place = join(folder, name);
  mkdirSync(place, { recursive: true });
  try {
    writeFileSync(join(place, 'openapi.json'), document);
    writeFileSync(join(place, 'program.ts'), program);
    const tool = (path: string) => join(folder, 'node_modules', path);
    await step([tool('openapi-typescript/bin/cli.js'), 'openapi.json', '--output', 'api.ts'], place);
    writeFileSync(
      join(place, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: COMPILER, files: ['program.ts', 'api.ts'] }),
    );
    await step([tool('typescript/bin/tsc'), '--project', place], place);
    return await step(['built/program.js'], place);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

async function step(args: readonly string[], cwd: string): Promise<string> {
  try {
    const { stdout } = await run(process.execPath, args, { cwd, timeout: INSTALL_MS });
    return stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error });
  }
}
