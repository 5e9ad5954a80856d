/** How the contenders of `table.ts` are started. Each is pinned and stopped as a whole. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installPackages, type PinnedPackages } from '../../test/fixtures/npm-packages.ts';
import { type Child, type ChildOptions, readAnnouncement, startChild, waitForPort } from '../child.ts';
import { findFreePort } from '../free-port.ts';
import { CONTENDER_CORE, type RunningContender } from './contender.ts';

/** Long enough to be taken, and nobody reads what it protects. */
const SECRET = 'a secret of the bench that protects nothing';
/** The gateway to measure; another build of it by `BREAKWATER_BIN`. */
const BIN =
  process.env['BREAKWATER_BIN'] ?? fileURLToPath(new URL('../../packages/breakwater/dist/bin.js', import.meta.url));

/** Runs a script beside this file that announces its URL. */
export async function runScript(name: string, ...args: readonly string[]): Promise<RunningContender> {
  const script = fileURLToPath(new URL(name, import.meta.url));
  const child = startChild({ args: [script, ...args], core: CONTENDER_CORE });
  return describe(child, await orStop(child, readAnnouncement(child)));
}

/** Another build to compare with, by `BREAKWATER_BASE_BIN`. */
const BASE_BIN = process.env['BREAKWATER_BASE_BIN'];

/** Why there is no other build to compare with; undefined when there is one. */
export function hasNoBase(): string | undefined {
  return BASE_BIN === undefined ? 'npm run bench:compare -- --load runs it' : undefined;
}

/** Runs the other build by its command line. */
export function runBase(...args: readonly string[]): Promise<RunningContender> {
  return runOnPort((port) => ({ args: [BASE_BIN ?? BIN, ...insertPort(args, port)] }), '/mcp');
}

/** Why the gateway cannot be run; undefined when it can. */
export function isNotBuilt(): string | undefined {
  return existsSync(BIN) ? undefined : 'packages/breakwater/dist/bin.js is not built';
}

/** Runs the gateway by its command line. */
export function runGateway(...args: readonly string[]): Promise<RunningContender> {
  return runOnPort((port) => ({ args: [BIN, ...insertPort(args, port)] }), '/mcp');
}

/** Runs the gateway on whichever cores the system gives it. */
export function runGatewayOnAllCores(...args: readonly string[]): Promise<RunningContender> {
  return runOnPort((port) => ({ args: [BIN, ...insertPort(args, port)] }), '/mcp', {});
}

/** Runs the gateway by a configuration; JSON is YAML. `listen.port` is filled in. */
export async function runConfigured(
  upstream: object,
  settings: Readonly<Record<string, unknown>> & { readonly listen?: object },
): Promise<RunningContender> {
  const folder = mkdtempSync(join(tmpdir(), 'breakwater-bench-'));
  const release = (): void => rmSync(folder, { recursive: true, force: true });
  const file = join(folder, 'config.yaml');
  const log = { level: 'warn', format: 'json' };
  const start = (port: number): Command => {
    const listen = { ...settings.listen, port };
    writeFileSync(file, JSON.stringify({ version: 1, upstreams: { one: upstream }, log, ...settings, listen }));
    return { args: [BIN, 'serve', '--config', file], env: { BENCH_SECRET: SECRET } };
  };
  try {
    return withCleanup(await runOnPort(start, '/mcp'), release);
  } catch (error) {
    release();
    throw error;
  }
}

/** Installs packages, so that no window waits for it. */
export async function preparePackages(packages: PinnedPackages): Promise<void> {
  await installPackages(packages);
}

/** Peers that several benches run. */
export const CIVIC = { '@civic/passthrough-mcp-server': '0.12.1' };

/** What that one is told by its environment: where it stands, and in front of what. */
export function civicSettings(upstreamUrl: string, port: number): Readonly<Record<string, string>> {
  const { origin, pathname } = new URL(upstreamUrl);
  return {
    PORT: `${port}`,
    TARGET_SERVER_URL: origin,
    TARGET_SERVER_MCP_PATH: pathname,
    SOURCE_SERVER_MCP_PATH: '/mcp',
    LOG_LEVEL: 'error',
  };
}

/** The script of a package's program, installed from the npm registry when it is not there. */
export async function locateProgram(packages: PinnedPackages, program: string): Promise<string> {
  const folder = join(await installPackages(packages), 'node_modules');
  return join(folder, binOf(folder, program));
}

/** Runs a package's program from the npm registry. `args` names the program inside `node_modules` first. */
export async function runPackage(
  packages: PinnedPackages,
  command: (port: number) => Omit<Command, 'command'>,
  path: string,
): Promise<RunningContender> {
  const folder = join(await installPackages(packages), 'node_modules');
  return await runOnPort((port) => {
    const { args, env = {} } = command(port);
    const [program = '', ...rest] = args;
    return { args: [join(folder, binOf(folder, program)), ...rest], env };
  }, path);
}

/** Runs a program that listens on a port it is given. */
export async function runOnPort(
  command: (port: number) => Command,
  path: string,
  pin: Pick<ChildOptions, 'core'> = { core: CONTENDER_CORE },
): Promise<RunningContender> {
  const port = await findFreePort();
  const child = startChild({ ...command(port), ...pin });
  await orStop(child, waitForPort(child, port));
  return describe(child, `http://127.0.0.1:${port}${path}`);
}

type Command = Omit<ChildOptions, 'core'>;

// The command's own options stand before `--`; what follows belongs to the server.
function insertPort(args: readonly string[], port: number): readonly string[] {
  return ['--port', String(port), '--log-level', 'warn', ...args];
}

function binOf(folder: string, name: string): string {
  const manifest: unknown = JSON.parse(readFileSync(join(folder, name, 'package.json'), 'utf8'));
  const { bin } = manifest as { readonly bin: string | Readonly<Record<string, string>> };
  const file = typeof bin === 'string' ? bin : Object.values(bin)[0];
  return join(name, file ?? '');
}

function describe(child: Child, url: string): RunningContender {
  return { url, pid: child.pid, close: () => child.stop() };
}

function withCleanup(running: RunningContender, release: () => void): RunningContender {
  return { ...running, close: () => running.close().finally(release) };
}

async function orStop<T>(child: Child, ready: Promise<T>): Promise<T> {
  try {
    return await ready;
  } catch (error) {
    await child.stop();
    throw error;
  }
}
