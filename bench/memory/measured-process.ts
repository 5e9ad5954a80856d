import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Child, readAnnouncement, startChild, waitForPort } from '../child.ts';
import { CIVIC, civicSettings, locateProgram } from '../contenders/programs.ts';
import { findFreePort } from '../free-port.ts';
import type { Reading } from './reading.ts';

const PROBE = fileURLToPath(new URL('./probe.ts', import.meta.url));
const BIN = fileURLToPath(new URL('../../packages/breakwater/src/bin.ts', import.meta.url));
const DIRECT = fileURLToPath(new URL('../upstream.ts', import.meta.url));
const BARE_PROXY = fileURLToPath(new URL('../contenders/bare-proxy.ts', import.meta.url));
const SDK_SERVER = fileURLToPath(new URL('../contenders/sdk-v1-server.ts', import.meta.url));
/** What nodes that are measured together trust each other by. */
const SECRET = randomBytes(48).toString('base64');
const LONG = 24 * 3_600_000;

/** A process whose memory is measured. */
export interface MeasuredProcess {
  readonly url: string;
  readonly pid: number;
  /** Forces collections and says what is left. */
  read(): Promise<Reading>;
  close(): Promise<void>;
}

/** Starts the gateway from its sources with a configuration over the upstream; JSON is YAML. */
export async function startGateway(
  upstreamUrl: string,
  settings: object,
  core: number,
  flags: readonly string[] = [],
): Promise<MeasuredProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'breakwater-memory-'));
  const port = await findFreePort();
  const file = join(folder, 'config.yaml');
  const config = {
    version: 1,
    listen: { port },
    upstreams: { one: { url: upstreamUrl, era: 'legacy' } },
    log: { level: 'warn', format: 'json' },
    ...settings,
  };
  writeFileSync(file, JSON.stringify(config));
  const child = startMeasured([...flags, BIN, 'serve', '--config', file], core);
  child.process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  await waitForPort(child, port);
  return measure(child, `http://127.0.0.1:${port}/mcp`);
}

/** Starts the bare server that keeps a set of session ids and nothing else: the floor. */
export function startDirect(core: number): Promise<MeasuredProcess> {
  return startScript([DIRECT], core);
}

/** Starts the proxy that passes bytes and knows nothing of sessions: the floor of a stream that has an upstream stream of its own. */
export function startBareProxy(upstreamUrl: string, core: number): Promise<MeasuredProcess> {
  return startScript([BARE_PROXY, upstreamUrl], core);
}

/** Starts a server as one writes it with the official SDK, without a gateway. */
export function startSdkServer(core: number): Promise<MeasuredProcess> {
  return startScript([SDK_SERVER], core);
}

/** Starts the peer that stands between HTTP and HTTP; it comes from npm. */
export async function startCivic(upstreamUrl: string, core: number): Promise<MeasuredProcess> {
  const program = await locateProgram(CIVIC, Object.keys(CIVIC)[0] ?? '');
  const port = await findFreePort();
  const child = startMeasured([program], core, civicSettings(upstreamUrl, port));
  await waitForPort(child, port);
  return measure(child, `http://127.0.0.1:${port}/mcp`);
}

async function startScript(args: readonly string[], core: number): Promise<MeasuredProcess> {
  const child = startMeasured(args, core);
  return measure(child, await readAnnouncement(child));
}

function startMeasured(args: readonly string[], core: number, env: Readonly<Record<string, string>> = {}): Child {
  const flags = ['--expose-gc', '--no-warnings', '--import', PROBE];
  return startChild({ args: [...flags, ...args], core, ipc: true, env: { BENCH_SECRET: SECRET, ...env } });
}

function measure(child: Child, url: string): MeasuredProcess {
  const { process: running, pid } = child;
  return {
    url,
    pid,
    read: () =>
      new Promise((resolve, reject) => {
        const onExit = (code: number | null): void => reject(new Error(`the measured process ended with ${code}`));
        running.once('exit', onExit);
        running.once('message', (reading) => {
          running.off('exit', onExit);
          resolve(reading as Reading);
        });
        running.send('read');
      }),
    close: () => child.stop(),
  };
}

/** Settings under which nothing ends by itself and nothing is refused. */
export const UNBOUNDED = {
  sessions: { idle: LONG, ephemeralIdle: LONG, handshake: LONG, maxAge: LONG },
  // A forced collection of a large heap makes the event loop late.
  limits: { sessions: 2_000_000, sessionsPerPrincipal: 2_000_000, eventLoopDelay: LONG },
} as const;
