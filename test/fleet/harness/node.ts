import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../../packages/breakwater/src/bin.ts', import.meta.url));
const START_LIMIT_MS = 30_000;

/** One node of a fleet: the program itself, as a child process. */
export interface FleetNode {
  readonly name: string;
  readonly port: number;
  readonly log: string;
  /** Starts it, again after it ended, and resolves when it is ready. */
  start(): Promise<void>;
  /** Ends it as a crash does. */
  kill(): Promise<void>;
  /** Ends it as an operator does, and resolves when it is gone. */
  stop(): Promise<void>;
  /** Stops the process in its tracks, with its sockets open. */
  pause(): void;
  resume(): void;
}

/** Makes a node that serves `configFile` on `port`. `env` holds the fleet's secret. */
export function makeNode(
  name: string,
  port: number,
  configFile: string,
  folder: string,
  env: Readonly<Record<string, string>>,
): FleetNode {
  const log = join(folder, `${name}.log`);
  let child: ChildProcess | undefined;

  async function end(signal: NodeJS.Signals): Promise<void> {
    const ending = child;
    child = undefined;
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
    const gone = once(ending, 'exit');
    ending.kill(signal);
    if (signal !== 'SIGKILL') ending.kill('SIGCONT');
    await gone;
  }

  return {
    name,
    port,
    log,
    async start() {
      // setpriv: the node dies with the test's process, however that ends.
      const args = ['--pdeathsig', 'KILL', process.execPath, BIN, 'serve', '-c', configFile, '--port', String(port)];
      const started = spawn('setpriv', args, {
        stdio: ['ignore', 'ignore', 'pipe'],
        env: { ...process.env, ...env, LOG_LEVEL: 'debug' },
      });
      child = started;
      started.stderr?.pipe(createWriteStream(log, { flags: 'a' }));
      const limit = Date.now() + START_LIMIT_MS;
      while (!(await isReady(port))) {
        if (started.exitCode !== null) throw new Error(`${name} ended with ${started.exitCode}; see ${log}`);
        if (Date.now() > limit) throw new Error(`${name} is not ready; see ${log}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
  };
}

/** True when a node takes new sessions, which it does not while it cannot reach the store. */
export async function takesSessions({ port }: FleetNode): Promise<boolean> {
  const init = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'probe', version: '1' } };
  const response = await fetch(`http://127.0.0.1:${port}/modern`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: init }),
    signal: AbortSignal.timeout(5_000),
  }).catch(() => undefined);
  await response?.text().catch(() => undefined);
  return response?.ok === true;
}

async function isReady(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(2_000) });
    return response.ok;
  } catch {
    return false;
  }
}
