import { dirname } from 'node:path';
import type { Logger } from 'pino';
import { bannerFacts, renderBanner } from './cli/banner.ts';
import type { Command } from './cli/command.ts';
import { configFromFlags } from './cli/config-from-flags.ts';
import { type ConfigIssue, formatIssues } from './config/issue.ts';
import { parseLibraryConfig } from './config/library.ts';
import type { ConfigResult } from './config/load.ts';
import type { Config } from './config/schema.ts';
import type { ServerFactory } from './config/schema-upstream.ts';
import { type ResolvedConfig, resolveSecrets } from './config/secrets.ts';
import { findWarnings } from './config/warnings.ts';
import { isGatewayError } from './core/errors.ts';
import type { RunningGateway } from './serve.ts';
import { createLog } from './telemetry/log.ts';
import { untilStopped } from './until-stopped.ts';
import { VERSION } from './version.ts';
import { WorkerSeat } from './worker-seat.ts';
import type { WorkersAddress } from './workers.ts';

type Serving = Extract<Command, { kind: 'run' | 'demo' | 'serve' }>;

const STAY_MS = 60_000;

/** Exit code of a program whose configuration cannot be used. */
const BAD_CONFIG = 1;

/** Where a configuration came from. */
interface Origin {
  /** What issues are said to be in. */
  readonly name: string;
  /** Folder that relative paths start from; the working directory when absent. */
  readonly baseDir?: string;
  /** Calls `onChange` with what the file has become; absent where there is no file. */
  readonly watch?: (onChange: (result: ConfigResult) => void) => { close(): void };
}

/** Serves until it is told to stop, as one process or as several workers; resolves to the exit code. */
export async function runServe(command: Serving): Promise<number> {
  // First of all: whatever ends a worker, its pipe to the primary must not keep it.
  const seat = await WorkerSeat.take();
  try {
    return await serveCommand(command, seat);
  } finally {
    seat?.leave();
  }
}

async function serveCommand(command: Serving, seat: WorkerSeat | undefined): Promise<number> {
  const { loaded, origin } = await loadFor(command);
  if (!loaded.ok) return complain(loaded.issues, origin);
  const { config } = loaded;
  const resolved = await resolveSecrets(config, sourcesOf(origin, loaded));
  if (!resolved.ok) return complain(resolved.issues, origin);
  const log = createLog({
    level: config.log.level,
    format: config.log.format ?? (process.stderr.isTTY ? 'pretty' : 'json'),
  });
  for (const warning of loaded.warnings) log.warn(formatIssues([warning], 'config'));
  const greet = ({ address, adminAddress }: WorkersAddress): void => {
    const facts = bannerFacts(config, address, VERSION, adminAddress);
    process.stdout.write(renderBanner(facts, { color: process.stdout.isTTY }));
  };
  if (seat === undefined && config.workers > 1) {
    const { runWorkers } = await import('./workers.ts');
    return await runWorkers(resolved.config, log, greet);
  }
  let gateway: RunningGateway;
  // The gateway's own timers keep no process alive, and where a store is waited for there is nothing else that does.
  const stay = setInterval(() => undefined, STAY_MS);
  try {
    // Not before: a process that only looks after workers never needs it.
    const { serve } = await import('./serve.ts');
    gateway = await serve(resolved.config, log, seat);
  } catch (error) {
    const reason = describeListenError(error, config);
    // All workers fail alike; the primary says it once.
    if (seat === undefined) process.stderr.write(`breakwater: ${reason}\n`);
    else seat.giveUp(reason);
    return BAD_CONFIG;
  } finally {
    clearInterval(stay);
  }
  // First: whoever is told that it serves may tell it to stop at once, and it must leave in order then.
  const stopped = seat === undefined ? untilStopped(log) : seat.untilStopped(log);
  if (seat === undefined) greet(gateway);
  else seat.serve(gateway);
  const watch = followFile(origin, gateway, log);
  await stopped;
  watch?.close();
  await gateway.close();
  log.info('stopped');
  return 0;
}

// Loaded when it is served: the SDK is a fifth of a start that does not need it.
let demo: Promise<ServerFactory> | undefined;
const demoFactory: ServerFactory = async () => {
  demo ??= import('./demo/server.ts').then(({ createDemoFactory }) => createDemoFactory());
  return await (await demo)();
};

async function loadFor(command: Serving): Promise<{ readonly loaded: ConfigResult; readonly origin: Origin }> {
  if (command.kind === 'serve') {
    const { configPath: path, overrides } = command;
    const { configWatcher, readConfigFile } = await import('./config-file.ts');
    // Before it is read: what changes while the gateway starts must not be missed.
    const watch = configWatcher(path, overrides);
    return { loaded: await readConfigFile(path, overrides), origin: { name: path, baseDir: dirname(path), watch } };
  }
  const origin = { name: 'command line' };
  try {
    const config = parseLibraryConfig(configFromFlags(command, demoFactory));
    const loaded: ConfigResult = { ok: true, config, warnings: findWarnings(config), locate: () => START };
    return { loaded, origin };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { loaded: { ok: false, issues: [{ message, path: [] }] }, origin };
  }
}

const START = { line: 1, column: 1 };

function sourcesOf(
  { baseDir }: Origin,
  { locate }: Extract<ConfigResult, { ok: true }>,
): Parameters<typeof resolveSecrets>[1] {
  return baseDir === undefined ? { env: process.env } : { env: process.env, baseDir, locate };
}

// A bad file never replaces a good one: it is reported and the running configuration stays.
function followFile(origin: Origin, gateway: RunningGateway, log: Logger): { close(): void } | undefined {
  let reloading: Promise<void> = Promise.resolve();
  return origin.watch?.((result) => {
    reloading = reloading.then(() => reload(origin, result, gateway, log));
  });
}

async function reload(origin: Origin, result: ConfigResult, gateway: RunningGateway, log: Logger): Promise<void> {
  const resolved: { ok: true; config: ResolvedConfig } | { ok: false; issues: ConfigIssue[] } = result.ok
    ? await resolveSecrets(result.config, sourcesOf(origin, result))
    : result;
  if (!resolved.ok) {
    log.error(
      { issues: formatIssues(resolved.issues, origin.name).split('\n') },
      'The changed configuration is not valid; the running one stays.',
    );
    return;
  }
  try {
    await gateway.reload(resolved.config);
    log.info('The changed configuration is at work.');
  } catch (error) {
    log.error({ error }, 'The changed configuration could not be put to work; the running one stays.');
  }
}

function complain(issues: readonly ConfigIssue[], { name }: Origin): number {
  process.stderr.write(`${formatIssues(issues, name)}\n`);
  return BAD_CONFIG;
}

/** What an operator is told of a store that is of no use; what clients are told says less. */
function describeStoreError(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  const hint = /\bNOPERM\b/.test(message) ? '; docs/store.md lists what its user must be allowed to do' : '';
  return `${message.startsWith('the store ') ? message : `the store cannot be used: ${message}`}${hint}`;
}

/** What the system's error says of an address that cannot be had. */
interface ListenError extends Error {
  readonly code?: string;
  readonly address?: string;
  readonly port?: number;
}

function describeListenError(error: unknown, { listen }: Config): string {
  // Which one it was: there may be an admin port, one for other nodes, one for plain HTTP.
  const said: Partial<ListenError> = error instanceof Error ? error : {};
  const { code, address = listen.host, port = listen.port } = said;
  const place = `${address}:${port}`;
  const how = port === listen.port ? 'with --port' : 'in the configuration';
  if (code === 'EADDRINUSE') return `another program listens on ${place}; choose another port ${how}`;
  if (code === 'EACCES') return `listening on ${place} is not permitted; choose a port above 1023 ${how}`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return `this machine has no address ${address}`;
  if (isGatewayError(error) && error.code === 'store.unavailable') return describeStoreError(error.cause);
  const message = error instanceof Error ? error.message : String(error);
  // Only the system names a call: what has none did not come from listening.
  return error instanceof Error && !('syscall' in error) ? message : `could not listen on ${place}: ${message}`;
}
