/** Child processes of the runner: pinned, found by the URL they announce, and always stopped. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { CHILD_MARK } from './announce.ts';

/** How to start a child. */
export interface ChildOptions {
  /** Script and arguments for this Node, or a whole command with `command`. */
  readonly args: readonly string[];
  /** Program to run; this Node by default. */
  readonly command?: string;
  /** The core to pin it to; any when absent. */
  readonly core?: number;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Opens an IPC channel. */
  readonly ipc?: boolean;
}

/** A started child and its whole process group. */
export interface Child {
  readonly process: ChildProcess;
  readonly pid: number;
  /** Ends the process group: SIGTERM, and SIGKILL after two seconds. */
  stop(): Promise<void>;
}

const START_MS = 20_000;
const STOP_MS = 2_000;
const running = new Set<Child>();

/** Whether `taskset` works here; without it the figures mix contender, upstream and load generator. */
export const CAN_PIN = process.platform === 'linux' && spawnSync('taskset', ['-c', '0', 'true']).status === 0;

/** Starts a child in its own process group. */
export function startChild(options: ChildOptions): Child {
  const command = [options.command ?? process.execPath, ...options.args];
  if (CAN_PIN && options.core !== undefined) command.unshift('taskset', '-c', String(options.core));
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'pipe', ...(options.ipc ? ['ipc' as const] : [])],
    detached: true,
    env: { ...process.env, [CHILD_MARK]: '1', NODE_ENV: 'production', ...options.env },
  });
  if (child.pid === undefined) throw new Error(`${program} did not start`);
  const started: Child = { process: child, pid: child.pid, stop: () => stopChild(started) };
  running.add(started);
  child.once('exit', () => running.delete(started));
  return started;
}

/** Resolves with the URL of the child's `listening <url>` line. Rejects when the child ends or says nothing for 20 s. */
export function readAnnouncement(child: Child): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = '';
    let errors = '';
    const timer = setTimeout(() => reject(new Error(`not listening after ${START_MS} ms: ${errors}`)), START_MS);
    child.process.stderr?.on('data', (chunk: Buffer) => {
      if (errors.length < 2000) errors += chunk.toString();
    });
    child.process.stdout?.on('data', (chunk: Buffer) => {
      if (output.length < 2000) output += chunk.toString();
      const url = /^listening (\S+)$/m.exec(output)?.[1];
      if (url === undefined) return;
      clearTimeout(timer);
      resolve(url);
    });
    child.process.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`exited with ${code}: ${errors}`));
    });
  });
}

/** Resolves once the child accepts connections on the port, for programs that announce nothing the runner can read. */
export async function waitForPort(child: Child, port: number): Promise<void> {
  let errors = '';
  child.process.stderr?.on('data', (chunk: Buffer) => {
    if (errors.length < 2000) errors += chunk.toString();
  });
  child.process.stdout?.resume();
  const deadline = Date.now() + START_MS;
  while (Date.now() < deadline) {
    if (child.process.exitCode !== null) throw new Error(`exited with ${child.process.exitCode}: ${errors}`);
    if (await canConnect(port)) return;
    await sleep(50);
  }
  throw new Error(`not listening after ${START_MS} ms: ${errors}`);
}

/** Stops every child still running. */
export async function stopAll(): Promise<void> {
  await Promise.all([...running].map((child) => child.stop()));
}

/** Kills what runs when the runner is interrupted or ends in any other way. */
export function installCleanup(): void {
  process.once('exit', () => {
    for (const child of running) signalGroup(child, 'SIGKILL');
  });
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.once(signal, () => process.exit(code));
  }
}

async function stopChild(child: Child): Promise<void> {
  if (!running.has(child)) return;
  const gone = new Promise<void>((resolve) => child.process.once('exit', () => resolve()));
  signalGroup(child, 'SIGTERM');
  const timer = setTimeout(() => signalGroup(child, 'SIGKILL'), STOP_MS);
  await gone;
  clearTimeout(timer);
  // Its own children may outlive it.
  signalGroup(child, 'SIGKILL');
}

function signalGroup(child: Child, signal: NodeJS.Signals): void {
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is gone already, which is what was wanted.
  }
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
