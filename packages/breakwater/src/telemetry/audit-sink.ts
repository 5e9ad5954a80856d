import { fstatSync, writeSync } from 'node:fs';
import { access, type FileHandle, open, rename, rm } from 'node:fs/promises';
import type { Clock, Timer } from '../core/ports.ts';
import { rotatedFiles, rotatedName } from './audit-files.ts';

/** What an {@link AuditSink} is made of. */
export interface AuditSinkOptions {
  readonly file: string;
  readonly keepFiles: number;
  readonly flushMs: number;
  /** Have the disk keep what was written, within `flushMs`: a disk that only says so when it is asked is a fault then, too. */
  readonly syncs: boolean;
  /** Number of the first record of the file as it is. */
  readonly firstSeq: number;
  readonly clock: Clock;
  /** Called when writing fails, once until it works again; undefined says that it does. */
  readonly onFault: (error: unknown) => void;
  /** Called once when the file holds what this sink did not write: two gateways on one file break each other's chain. */
  readonly onForeign: () => void;
  /** Called when the file had been deleted, and another one was begun in its place. */
  readonly onGone: () => void;
}

/** Lines that are written together. */
interface Chunk {
  readonly lines: string[];
  bytes: number;
  /** Number of the first line's record, when a new file begins with it. */
  readonly begins: number | undefined;
  /** Who waits until they are in the file. */
  readonly waiters: Waiter[];
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** A write costs another thread's wake-up, whatever its size: by 64 KiB it is 2 µs of each record, by 256 KiB 0.6. */
const CHUNK_BYTES = 262_144;
const RETRY_MS = 1_000;
/** How long the end of the process waits for the write that is under way. */
const EXIT_WAIT_MS = 1_000;
const EXIT_STEP_MS = 5;

/** All open files: one listener writes what they hold when the process ends. */
const OPEN = new Set<AuditSink>();

function onExit(): void {
  for (const sink of OPEN) sink.flushSync();
}

/** The audit log's file: takes lines at once, writes them in order and in batches, and begins new files. Never throws. */
export class AuditSink {
  readonly #options: AuditSinkOptions;
  readonly #queue: Chunk[] = [];
  #handle: FileHandle;
  #firstSeq: number;
  #pendingBytes = 0;
  #current: Chunk | undefined;
  #writing: { bytes: Buffer; offset: number; lines: number } | undefined;
  /** Size of the file before the write that is under way; undefined while none is. */
  #sizeBefore: number | undefined;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #retry: { readonly timer: Timer; readonly now: () => void } | undefined;
  #closing = false;
  /** What went wrong last, until the same works again. */
  #fault: 'write' | 'sync' | undefined;
  #syncTimer: Timer | undefined;
  /** Size of the file after the last write; undefined before the first. */
  #size: number | undefined;
  #isForeign = false;
  /** The file system counts no names of files. */
  #isLinkless = false;
  #lost = 0;

  private constructor(options: AuditSinkOptions, handle: FileHandle) {
    this.#options = options;
    this.#handle = handle;
    this.#firstSeq = options.firstSeq;
  }

  /** Opens the file for appending. Rejects with the system's error. */
  static async open(options: AuditSinkOptions): Promise<AuditSink> {
    const sink = new AuditSink(options, await open(options.file, 'a', 0o600));
    if (OPEN.size === 0) process.on('exit', onExit);
    OPEN.add(sink);
    return sink;
  }

  /** Bytes that are not in the file yet. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** True since something could not be written or kept, until it can. */
  get isFaulty(): boolean {
    return this.#fault !== undefined;
  }

  /** Resolves when all that was taken so far is in the file; rejects when it cannot be written now, and then it still waits to be. */
  written(): Promise<void> {
    const last = this.#queue.at(-1) ?? this.#current;
    if (last === undefined) return Promise.resolve();
    return new Promise((resolve, reject) => {
      last.waiters.push({ resolve, reject });
      this.#start();
    });
  }

  /** Takes a line; with `begins`, the number of its record, a new file begins with it. */
  push(line: string, begins?: number): void {
    let chunk = this.#queue.at(-1);
    if (chunk === undefined || chunk.bytes >= CHUNK_BYTES || begins !== undefined) {
      chunk = { lines: [], bytes: 0, begins, waiters: [] };
      this.#queue.push(chunk);
    }
    chunk.lines.push(line);
    chunk.bytes += line.length;
    this.#pendingBytes += line.length;
    if (chunk.bytes >= CHUNK_BYTES) this.#start();
    else this.#timer ??= this.#options.clock.after(this.#options.flushMs, () => this.#start());
  }

  /** Writes what is there; resolves when it is in the file and on the disk. */
  async flush(): Promise<void> {
    this.#start();
    await this.#running;
    await this.#sync();
  }

  /** Writes everything and closes the file; says how many lines could not be written. */
  async close(): Promise<number> {
    this.#closing = true;
    this.#retry?.now();
    await this.flush();
    this.#syncTimer?.clear();
    await this.#handle.close().catch((error: unknown) => this.#onFault('sync', error));
    OPEN.delete(this);
    if (OPEN.size === 0) process.off('exit', onExit);
    return this.#lost;
  }

  /** Writes everything at once, for a process that ends now. */
  flushSync(): void {
    const { fd } = this.#handle;
    try {
      this.#awaitWriteSync(fd);
      const { bytes, offset } = this.#writing ?? { bytes: Buffer.alloc(0), offset: 0 };
      const lines = this.#queue.splice(0).flatMap((chunk) => chunk.lines);
      const rest = Buffer.concat([bytes.subarray(offset), Buffer.from(lines.join(''), 'latin1')]);
      for (let at = 0; at < rest.length; ) at += writeSync(fd, rest, at);
    } catch {
      // The process ends and nobody can be told; the next start finds what is missing and records it.
    }
  }

  // The write under way belongs to another thread, which goes on while this one waits.
  #awaitWriteSync(fd: number): void {
    if (this.#writing === undefined || this.#sizeBefore === undefined) return;
    const { bytes, offset } = this.#writing;
    const goal = this.#sizeBefore + bytes.length - offset;
    const pause = new Int32Array(new SharedArrayBuffer(4));
    for (let waitedMs = 0; waitedMs < EXIT_WAIT_MS && fstatSync(fd).size < goal; waitedMs += EXIT_STEP_MS) {
      Atomics.wait(pause, 0, 0, EXIT_STEP_MS);
    }
    this.#writing.offset += Math.max(0, fstatSync(fd).size - this.#sizeBefore);
  }

  #start(): void {
    this.#timer?.clear();
    this.#timer = undefined;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      // What came between the last look at the queue and now.
      if (this.#queue.length > 0) this.#start();
    });
  }

  async #run(): Promise<void> {
    for (let chunk = this.#queue.shift(); chunk !== undefined; chunk = this.#queue.shift()) {
      this.#current = chunk;
      if (chunk.begins !== undefined) await this.#rotate(chunk.begins);
      this.#writing = { bytes: Buffer.from(chunk.lines.join(''), 'latin1'), offset: 0, lines: chunk.lines.length };
      await this.#write(this.#writing);
      this.#writing = undefined;
      this.#current = undefined;
      this.#pendingBytes -= chunk.bytes;
      for (const { resolve } of chunk.waiters.splice(0)) resolve();
    }
    if (this.#options.syncs) this.#syncSoon();
  }

  async #write(writing: { readonly bytes: Buffer; offset: number; readonly lines: number }): Promise<void> {
    while (writing.offset < writing.bytes.length) {
      try {
        const { size, nlink } = await this.#handle.stat();
        if (nlink === 0 && !this.#isLinkless) {
          await this.#reopen();
          continue;
        }
        this.#sizeBefore = size;
        if (this.#size !== undefined && this.#size !== this.#sizeBefore && !this.#isForeign) {
          this.#isForeign = true;
          this.#options.onForeign();
        }
        const { bytesWritten } = await this.#handle.write(writing.bytes, writing.offset);
        writing.offset += bytesWritten;
        this.#size = this.#sizeBefore + bytesWritten;
        this.#onWorks('write');
      } catch (error) {
        this.#onFault('write', error);
        this.#refuseWaiters(error);
        if (this.#closing) {
          this.#lost += writing.lines;
          return;
        }
        this.#sizeBefore = undefined;
        await this.#pause();
      }
    }
    this.#sizeBefore = undefined;
  }

  // A disk that is full or away may come back; the records wait for it as long as there is room for them.
  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const now = (): void => {
        this.#retry?.timer.clear();
        this.#retry = undefined;
        resolve();
      };
      this.#retry = { timer: this.#options.clock.after(RETRY_MS, now), now };
    });
  }

  // Where it fails, the records go on in the file as it is: the chain does not need the cut.
  async #rotate(begins: number): Promise<void> {
    const { file, keepFiles } = this.#options;
    try {
      await this.#handle.datasync();
      const name = rotatedName(file, this.#firstSeq);
      // Never over another file: it would be gone.
      if (await exists(file)) await rename(file, (await exists(name)) ? `${name}-${this.#options.clock.now()}` : name);
      const next = await open(file, 'a', 0o600);
      await this.#handle.close();
      this.#handle = next;
      this.#size = undefined;
      this.#firstSeq = begins;
      const full = keepFiles === 0 ? [] : await rotatedFiles(file);
      for (const old of full.slice(0, Math.max(0, full.length - keepFiles))) await rm(old, { force: true });
    } catch (error) {
      this.#onFault('write', error);
    }
  }

  // Attack: who deletes the file, or its folder, has the records go to where nobody ever finds them.
  async #reopen(): Promise<void> {
    const next = await open(this.#options.file, 'a', 0o600);
    await this.#handle.close();
    this.#handle = next;
    this.#size = undefined;
    this.#isLinkless = (await next.stat()).nlink === 0;
    this.#options.onGone();
  }

  #syncSoon(): void {
    const { clock, flushMs } = this.#options;
    this.#syncTimer ??= clock.after(this.#fault === 'sync' ? RETRY_MS : flushMs, () => {
      this.#syncTimer = undefined;
      void this.#sync();
    });
  }

  async #sync(): Promise<void> {
    try {
      await this.#handle.datasync();
      this.#onWorks('sync');
    } catch (error) {
      if (isUnsyncable(error)) return;
      this.#onFault('sync', error);
      if (!this.#closing) this.#syncSoon();
    }
  }

  #refuseWaiters(error: unknown): void {
    for (const chunk of [this.#current, ...this.#queue]) {
      for (const { reject } of chunk?.waiters.splice(0) ?? []) reject(error);
    }
  }

  #onFault(what: 'write' | 'sync', error: unknown): void {
    if (this.#fault === undefined) this.#options.onFault(error);
    this.#fault ??= what;
  }

  #onWorks(what: 'write' | 'sync'): void {
    if (this.#fault !== what) return;
    this.#fault = undefined;
    this.#options.onFault(undefined);
  }
}

/** Pipes and devices keep nothing. */
function isUnsyncable(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EINVAL' || error.code === 'ENOTSUP');
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
