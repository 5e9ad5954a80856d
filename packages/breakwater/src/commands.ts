import { dirname } from 'node:path';
import type { Logger } from 'pino';
import { runAudit } from './audit-command.ts';
import { bannerFacts, renderBanner } from './cli/banner.ts';
import type { Command } from './cli/command.ts';
import { configFromFlags } from './cli/config-from-flags.ts';
import { helpText } from './cli/help.ts';
import { printConfig } from './config/effective.ts';
import { type ConfigIssue, formatIssues } from './config/issue.ts';
import { parseLibraryConfig } from './config/library.ts';
import { type ConfigResult, loadConfig } from './config/load.ts';
import type { Config } from './config/schema.ts';
import type { ServerFactory } from './config/schema-upstream.ts';
import { type ResolvedConfig, resolveSecrets } from './config/secrets.ts';
import { findWarnings } from './config/warnings.ts';
import { watchConfig } from './config/watch.ts';
import { isGatewayError } from './core/errors.ts';
import { runDoctor } from './doctor/doctor.ts';
import { ACCOMMODATIONS } from './downstream/accommodations.ts';
import { runRecord } from './record-command.ts';
import { runReplay } from './replay-command.ts';
import { type RunningGateway, serve } from './serve.ts';
import { createLog } from './telemetry/log.ts';
import { untilSignal, untilStopped } from './until-stopped.ts';
import { VERSION } from './version.ts';
import { WorkerSeat } from './worker-seat.ts';
import { runWorkers, type WorkersAddress } from './workers.ts';

type Serving = Extract<Command, { kind: 'run' | 'demo' | 'serve' }>;

const ACCOMMODATION_IDS = ACCOMMODATIONS.map(({ id }) => id);

const STAY_MS = 60_000;

/** Exit code of a program whose configuration cannot be used. */
const BAD_CONFIG = 1;

/** Does what the command line asks for; resolves to the exit code once the program has nothing left to do. */
export async function runCommand(command: Command): Promise<number> {
  switch (command.kind) {
    case 'help':
      process.stdout.write(helpText(command.topic));
      return 0;
    case 'version':
      process.stdout.write(`${VERSION}\n`);
      return 0;
    case 'check':
      return await check(command.configPath);
    case 'audit':
      return await runAudit(command.query, process);
    case 'doctor':
      return await runDoctor(command.query, { version: VERSION, out: process.stdout, err: process.stderr });
    case 'record':
      return await runRecord(command.query, process, untilSignal());
    case 'replay':
      return await runReplay(command.query, VERSION, process);
    case 'print-config': {
      const result = await loadConfig(command.configPath, {
        overrides: command.overrides,
        accommodationIds: ACCOMMODATION_IDS,
      });
      if (!result.ok) return complain(result.issues, command.configPath);
      process.stdout.write(printConfig(result.config));
      return 0;
    }
    case 'run':
    case 'demo':
    case 'serve':
      return await startServing(command);
  }
}

async function check(path: string): Promise<number> {
  const result = await loadConfig(path, { accommodationIds: ACCOMMODATION_IDS });
  if (!result.ok) return complain(result.issues, path);
  if (result.warnings.length > 0) process.stderr.write(`${formatIssues(result.warnings, path)}\n`);
  const { upstreams, routes } = result.config;
  process.stdout.write(
    `${path}: valid, ${count(Object.keys(upstreams).length, 'upstream')}, ${count(routes.length, 'route')}\n`,
  );
  return 0;
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

function complain(issues: readonly ConfigIssue[], path: string): number {
  process.stderr.write(`${formatIssues(issues, path)}\n`);
  return BAD_CONFIG;
}

async function startServing(command: Serving): Promise<number> {
  // First of all: whatever ends a worker, its pipe to the primary must not keep it.
  const seat = await WorkerSeat.take();
  try {
    return await serveCommand(command, seat);
  } finally {
    seat?.leave();
  }
}

async function serveCommand(command: Serving, seat: WorkerSeat | undefined): Promise<number> {
  const loaded = await loadFor(command);
  if (!loaded.ok) return complain(loaded.issues, command.kind === 'serve' ? command.configPath : 'command line');
  const { config } = loaded;
  const resolved = await resolveSecrets(config, sourcesOf(command, loaded));
  if (!resolved.ok) return complain(resolved.issues, command.kind === 'serve' ? command.configPath : 'command line');
  const log = createLog({
    level: config.log.level,
    format: config.log.format ?? (process.stderr.isTTY ? 'pretty' : 'json'),
  });
  for (const warning of loaded.warnings) log.warn(formatIssues([warning], 'config'));
  const greet = ({ address, adminAddress }: WorkersAddress): void => {
    const facts = bannerFacts(config, address, VERSION, adminAddress);
    process.stdout.write(renderBanner(facts, { color: process.stdout.isTTY }));
  };
  if (seat === undefined && config.workers > 1) return await runWorkers(resolved.config, log, greet);
  let gateway: RunningGateway;
  // The gateway's own timers keep no process alive, and where a store is waited for there is nothing else that does.
  const stay = setInterval(() => undefined, STAY_MS);
  try {
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
  if (seat === undefined) greet(gateway);
  else seat.serve(gateway);
  const watch = command.kind === 'serve' ? watchFile(command, gateway, log) : undefined;
  await (seat === undefined ? untilStopped(log) : seat.untilStopped(log));
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

async function loadFor(command: Serving): Promise<ConfigResult> {
  if (command.kind === 'serve') {
    return await loadConfig(command.configPath, { overrides: command.overrides, accommodationIds: ACCOMMODATION_IDS });
  }
  try {
    const config = parseLibraryConfig(configFromFlags(command, demoFactory));
    return { ok: true, config, warnings: findWarnings(config), locate: () => ({ line: 1, column: 1 }) };
  } catch (error) {
    return { ok: false, issues: [{ message: error instanceof Error ? error.message : String(error), path: [] }] };
  }
}

function sourcesOf(
  command: Serving,
  loaded: Extract<ConfigResult, { ok: true }>,
): Parameters<typeof resolveSecrets>[1] {
  if (command.kind !== 'serve') return { env: process.env };
  return { env: process.env, baseDir: dirname(command.configPath), locate: loaded.locate };
}

// A bad file never replaces a good one: it is reported and the running configuration stays.
function watchFile(
  command: Extract<Serving, { kind: 'serve' }>,
  gateway: RunningGateway,
  log: Logger,
): { close(): void } {
  let reloading: Promise<void> = Promise.resolve();
  return watchConfig(command.configPath, {
    overrides: command.overrides,
    accommodationIds: ACCOMMODATION_IDS,
    onChange: (result) => {
      reloading = reloading.then(() => reload(command, result, gateway, log));
    },
  });
}

async function reload(
  command: Extract<Serving, { kind: 'serve' }>,
  result: ConfigResult,
  gateway: RunningGateway,
  log: Logger,
): Promise<void> {
  const resolved: { ok: true; config: ResolvedConfig } | { ok: false; issues: ConfigIssue[] } = result.ok
    ? await resolveSecrets(result.config, sourcesOf(command, result))
    : result;
  if (!resolved.ok) {
    log.error(
      { issues: formatIssues(resolved.issues, command.configPath).split('\n') },
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

/** What an operator is told of a store that is of no use; what clients are told says less. */
function describeStoreError(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  const hint = /\bNOPERM\b/.test(message) ? '; docs/store.md lists what its user must be allowed to do' : '';
  return `${message.startsWith('the store ') ? message : `the store cannot be used: ${message}`}${hint}`;
}

function describeListenError(error: unknown, { listen }: Config): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const place = `${listen.host}:${listen.port}`;
  if (code === 'EADDRINUSE') return `another program listens on ${place}; choose another port with --port`;
  if (code === 'EACCES') return `listening on ${place} is not permitted; choose a port above 1023 with --port`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return `this machine has no address ${listen.host}`;
  if (isGatewayError(error) && error.code === 'store.unavailable') return describeStoreError(error.cause);
  const message = error instanceof Error ? error.message : String(error);
  // Only the system names a call: what has none did not come from listening.
  return error instanceof Error && !('syscall' in error) ? message : `could not listen on ${place}: ${message}`;
}
