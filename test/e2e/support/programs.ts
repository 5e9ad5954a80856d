import { type ChildProcess, type ExecFileException, execFile, execFileSync, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

/** The repository's root, with a slash at its end. */
export const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));

/** For polls: how long to wait for what is bound to come when the machine is busy. */
export const PATIENT = { timeout: 20_000 } as const;

const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 20_000;

/** A program that runs. */
export interface Program extends AsyncDisposable {
  readonly child: ChildProcess;
  /** Everything it wrote so far, both streams in the order they came. */
  output(): string;
  stdout(): string;
  stderr(): string;
  /** Resolves with the match once the output (of both streams) has one; rejects when the program ends first. */
  until(pattern: RegExp): Promise<RegExpExecArray>;
  /** Resolves with the exit code, or the signal's name, when it has ended. */
  readonly ended: Promise<number | string>;
  /** Sends SIGTERM, waits for the end (SIGKILL when it takes too long), and says how it ended. May be called again. */
  stop(): Promise<number | string>;
}

/** What {@link startProgram} can be given. */
export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** Starts a program. */
export function startProgram(command: string, args: readonly string[], options: ProgramOptions = {}): Program {
  const child = spawn(command, args, {
    cwd: options.cwd ?? REPOSITORY,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const texts = { output: '', stdout: '', stderr: '' };
  const listeners = new Set<() => void>();
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (chunk: string) => {
      texts[stream] += chunk;
      texts.output += chunk;
      for (const tell of listeners) tell();
    });
  }
  const ended = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown'));
    child.once('error', (error) => resolve(error.message));
  });
  const until = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const finish = (settle: () => void): void => {
        clearTimeout(limit);
        listeners.delete(look);
        settle();
      };
      const look = (): void => {
        const match = pattern.exec(texts.output);
        if (match !== null) finish(() => resolve(match));
      };
      const fail = (why: string): void =>
        finish(() => reject(new Error(`${command} ${args.join(' ')}: ${why}, no ${pattern} in:\n${texts.output}`)));
      const limit = setTimeout(() => fail(`waited ${START_LIMIT_MS} ms`), START_LIMIT_MS);
      listeners.add(look);
      ended.then((how) => fail(`ended (${how})`));
      look();
    });
  const stop = async (): Promise<number | string> => {
    child.kill('SIGTERM');
    const force = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    const how = await ended;
    clearTimeout(force);
    return how;
  };
  return {
    child,
    output: () => texts.output,
    stdout: () => texts.stdout,
    stderr: () => texts.stderr,
    until,
    ended,
    stop,
    [Symbol.asyncDispose]: async () => void (await stop()),
  };
}

/** How a program ended. */
export interface Finished {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** What {@link runProgram} can be given. */
export interface RunOptions extends ProgramOptions {
  /** Written to its standard input. */
  readonly input?: string;
}

/** Runs a program until it ends by itself; never rejects. */
export function runProgram(command: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const { env, cwd = REPOSITORY, input } = options;
  return new Promise((resolve) => {
    const finish = (error: ExecFileException | null, stdout: string, stderr: string): void =>
      resolve({ code: error?.code ?? error?.signal ?? 0, stdout, stderr });
    const limits = { timeout: START_LIMIT_MS * 2, maxBuffer: 64 * 1024 * 1024 };
    const child = execFile(command, args, { cwd, env: { ...process.env, ...env }, ...limits }, finish);
    child.stdin?.end(input);
  });
}

/** A TCP port that nobody has at this moment, for programs that cannot be asked which one they took. */
export async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new TypeError('not a TCP address');
  return address.port;
}

/** The processes below one, however deep, as `pid command`; without the `ps` that asks. */
export function findDescendants(root: number = process.pid): string[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' }).trim().split('\n');
  const processes = lines.map((line) => {
    const [, pid, parent, command] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    return { pid: Number(pid), parent: Number(parent), command: command ?? '' };
  });
  const below = new Set([root]);
  for (let before = 0; before !== below.size; ) {
    before = below.size;
    for (const { pid, parent } of processes) if (below.has(parent)) below.add(pid);
  }
  return processes
    .filter(({ pid, command }) => pid !== root && below.has(pid) && !command.startsWith('ps -A'))
    .map(({ pid, command }) => `${pid} ${command}`);
}
