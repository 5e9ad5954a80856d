import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import type { Clock } from '../core/ports.ts';
import { createLineSplitter } from '../wire/ndjson.ts';
import type { ChannelEnd, ChannelListener, DuplexChannel } from './channel.ts';
import { childEnvironment } from './child-env.ts';
import { forgetGroup, GROUP_SPAWN_OPTIONS, rememberGroup, signalGroup } from './process-group.ts';
import { residentBytes } from './process-memory.ts';
import { readStderr, type StderrLog } from './stderr-log.ts';

/** What a child is started with. */
export interface StdioChannelOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string | undefined;
  readonly maxMessageBytes: number;
  readonly clock: Clock;
  /** Gets the child's standard error by lines, bounded in length and rate. */
  readonly onStderr: (line: string) => void;
  /** Bytes that may wait for a child that does not read. */
  readonly maxQueueBytes?: number;
  /** How long the child may take after its stdin ended, and again after SIGTERM. */
  readonly graceMs?: number;
}

const QUEUE_BYTES = 16 * 1024 * 1024;
const GRACE_MS = 2_000;
const STRAGGLER_MS = 300;
const STRAGGLER_POLL_MS = 10;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const NEWLINE = Buffer.from('\n');

/** A child process that speaks newline-delimited JSON-RPC on its pipes. A child that cannot be started is a channel that ends as `failed`. */
export class StdioChannel implements DuplexChannel {
  /** The child's process id, also that of its group; undefined when it could not be started. */
  readonly pid: number | undefined;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #options: StdioChannelOptions;
  readonly #stderr: StderrLog;
  readonly #exited = Promise.withResolvers<void>();
  readonly #pipesClosed = Promise.withResolvers<void>();
  readonly #gone: Promise<void>;
  #spawnError: Error | undefined;
  #hasExited = false;
  #ended: { reason: ChannelEnd; detail: string } | undefined;
  #listener: ChannelListener | undefined;
  #stopping: Promise<void> | undefined;
  #closedByUs = false;

  constructor(options: StdioChannelOptions) {
    this.#options = options;
    const { command, args, env, cwd } = options;
    this.#child = spawn(command, args, {
      stdio: 'pipe',
      env: childEnvironment(env),
      ...(cwd === undefined ? {} : { cwd }),
      ...GROUP_SPAWN_OPTIONS,
    });
    this.pid = this.#child.pid;
    if (this.pid !== undefined) rememberGroup(this.pid);
    this.#stderr = readStderr(this.#child.stderr, options.clock, options.onStderr);
    this.#child.on('error', (error) => {
      this.#spawnError ??= error;
      if (this.pid === undefined) this.#markExited();
    });
    this.#child.on('exit', () => this.#markExited());
    this.#child.on('close', () => this.#pipesClosed.resolve());
    // EPIPE: the child closed its stdin, so it will never answer again.
    this.#child.stdin.on('error', () => void this.#stop());
    this.#child.stdout.on('error', () => void this.#stop());
    this.#gone = this.#reap();
  }

  listen(listener: ChannelListener): void {
    this.#listener = listener;
    const splitter = createLineSplitter((line) => this.#deliver(line), {
      maxLineBytes: this.#options.maxMessageBytes,
      onOverflow: (overflow) => {
        if (!this.#closedByUs) listener.oversize(overflow);
      },
    });
    const { stdout } = this.#child;
    stdout.on('data', (chunk: Buffer) => splitter.push(chunk));
    stdout.on('end', () => {
      splitter.end();
      // A child that closed its stdout and lives on is of no more use.
      void this.#stop();
    });
    if (this.#ended !== undefined) queueMicrotask(() => this.#tellEnd());
  }

  send(message: Buffer): boolean {
    const { stdin } = this.#child;
    const limit = this.#options.maxQueueBytes ?? QUEUE_BYTES;
    if (this.#stopping !== undefined || this.#hasExited || !stdin.writable) return false;
    if (stdin.writableLength > 0 && stdin.writableLength + message.length > limit) return false;
    stdin.cork();
    stdin.write(toOneLine(message));
    stdin.write(NEWLINE);
    stdin.uncork();
    return true;
  }

  pause(): void {
    if (!this.#hasExited) this.#child.stdout.pause();
  }

  resume(): void {
    if (this.#listener !== undefined) this.#child.stdout.resume();
  }

  memoryBytes(): number | undefined {
    return this.pid === undefined || this.#hasExited ? undefined : residentBytes(this.pid);
  }

  close(): Promise<void> {
    this.#closedByUs = true;
    void this.#stop();
    return this.#gone;
  }

  #deliver(line: Buffer): void {
    if (!this.#closedByUs) this.#listener?.message(line);
  }

  #markExited(): void {
    if (this.#hasExited) return;
    this.#hasExited = true;
    this.#exited.resolve();
    if (this.pid === undefined) this.#pipesClosed.resolve();
    // What it wrote last may still be in the pipe, whoever paused it; without a reader the pipe would never close.
    this.#child.stdout.resume();
  }

  // stdio §Shutdown: close its stdin, then SIGTERM, then SIGKILL.
  #stop(): Promise<void> {
    this.#stopping ??= (async () => {
      const { pid } = this;
      if (pid === undefined || this.#hasExited) return;
      this.#child.stdin.end();
      this.#child.stdout.resume();
      if (await this.#within(this.#exited.promise)) return;
      signalGroup(pid, 'SIGTERM');
      if (await this.#within(this.#exited.promise)) return;
      signalGroup(pid, 'SIGKILL');
    })();
    return this.#stopping;
  }

  async #reap(): Promise<void> {
    await this.#exited.promise;
    if (this.pid !== undefined) {
      // The leader is gone; what is left of its group (a grandchild behind `sh -c`) goes too, after a chance to end by itself.
      if (signalGroup(this.pid, 'SIGTERM')) await this.#endStragglers(this.pid);
      forgetGroup(this.pid);
    }
    await this.#pipesClosed.promise;
    const { exitCode, signalCode } = this.#child;
    const how =
      this.#spawnError !== undefined && this.pid === undefined
        ? this.#spawnError.message
        : signalCode === null
          ? `exited with code ${exitCode}`
          : `killed by ${signalCode}`;
    const tail = this.#stderr.tail();
    this.#ended = {
      reason: this.#closedByUs ? 'closed' : this.pid === undefined ? 'failed' : 'lost',
      detail: tail === '' ? how : `${how}; stderr: ${tail}`,
    };
    this.#tellEnd();
  }

  async #endStragglers(pid: number): Promise<void> {
    // Those that hold no pipe were asked already, and get a moment.
    if (await this.#within(this.#pipesClosed.promise)) await this.#untilGone(pid);
    signalGroup(pid, 'SIGKILL');
    // A process that left the group with our pipe in its hands is beyond reach; it must not hold this channel open.
    if (await this.#within(this.#pipesClosed.promise)) await this.#untilGone(pid);
    else for (const stream of [this.#child.stdin, this.#child.stdout, this.#child.stderr]) stream.destroy();
  }

  // A zombie that nobody reaps looks alive here (PID 1 of a container may not do it), so the wait is short.
  async #untilGone(pid: number): Promise<void> {
    for (let waitedMs = 0; waitedMs < STRAGGLER_MS && signalGroup(pid, 0); waitedMs += STRAGGLER_POLL_MS) {
      await new Promise<void>((resolve) => this.#options.clock.after(STRAGGLER_POLL_MS, resolve));
    }
  }

  #within(done: Promise<void>): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = this.#options.clock.after(this.#options.graceMs ?? GRACE_MS, () => resolve(false));
      void done.then(() => {
        timer.clear();
        resolve(true);
      });
    });
  }

  #tellEnd(): void {
    const listener = this.#listener;
    if (this.#ended === undefined || listener === undefined) return;
    this.#listener = undefined;
    listener.end(this.#ended.reason, this.#ended.detail);
  }
}

/**
 * The message on one line. A client's params arrive here as it wrote them, perhaps over many lines; between JSON tokens a newline is white space,
 * but on this transport it would start another message, one of the client's own making.
 */
function toOneLine(message: Buffer): Buffer {
  if (!message.includes(LF) && !message.includes(CR)) return message;
  return Buffer.from(message).map((byte) => (byte === LF || byte === CR ? SPACE : byte)) as Buffer;
}
