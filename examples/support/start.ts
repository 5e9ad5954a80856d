import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Listens on a free port; returns the address without a path. */
export async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The program `breakwater` while it runs. */
export interface RunningProgram {
  /** The first endpoint that it serves. */
  readonly url: string;
  /** Asks it to end, and returns its exit code. */
  stop(): Promise<number>;
  /** Ends it as a crash does. */
  kill(): Promise<void>;
}

/** Runs `breakwater` as a shell would, and waits until it says where it listens. */
export async function startBreakwater(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<RunningProgram> {
  const bin = fileURLToPath(new URL('bin.js', import.meta.resolve('breakwater')));
  const child = spawn(process.execPath, [bin, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, LOG_LEVEL: 'warn', ...env },
  });
  // Whatever goes wrong here, it must not stay behind.
  process.once('exit', () => child.kill());
  const url = await readUrl(child);
  const end = async (signal: NodeJS.Signals): Promise<number> => {
    const ended = once(child, 'exit');
    child.kill(signal);
    const [code] = await ended;
    return Number(code);
  };
  return { url, stop: () => end('SIGTERM'), kill: async () => void (await end('SIGKILL')) };
}

async function readUrl({ stdout }: ChildProcess): Promise<string> {
  if (stdout === null) throw new TypeError('no stdout');
  for await (const line of createInterface({ input: stdout })) {
    const url = /MCP +(http\S+)/.exec(line)?.[1];
    if (url !== undefined) return url;
  }
  throw new Error('breakwater ended before it listened');
}
