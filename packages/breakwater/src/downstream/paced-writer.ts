import type { ServerResponse } from 'node:http';
import type { Clock, Timer } from '../core/ports.ts';
import type { Backlog, SlowReader } from './backlog.ts';
import { BareResponse, leaveHttp } from './bare-response.ts';

/** How slow a reader may be. */
export interface Pace {
  /** How long written bytes may stay unread without any progress. */
  readonly writeMs: number;
  /** Unread bytes at which nothing more is taken. */
  readonly streamBytes: number;
}

/** Why a response ended. */
export type EndReason =
  | 'ended'
  | 'client-gone'
  | 'write-deadline'
  | 'stream-bytes'
  | 'node-bytes'
  | 'session-ended'
  | 'replaced'
  | 'drain';

// Progress is seen per slice: a reader at 2 KiB/s passes the default deadline, a dead one does not.
const SLICE_BYTES = 65_536;
/** From here on a write is worth a system call of its own. */
const LARGE_BYTES = 16_384;

/**
 * Writes to one response at the pace its client reads. What the client does not read stays here, counted; a client that makes no progress
 * within the deadline, or lets too much pile up, is cut off (slow reader attack).
 */
export class PacedWriter implements SlowReader {
  #res: ServerResponse | BareResponse;
  readonly #pace: Pace;
  readonly #clock: Clock;
  readonly #backlog: Backlog;
  readonly #onEnd: (reason: EndReason) => void;
  /** Writes the head, while it is not written. */
  #writeHead: ((bytes: number | undefined) => void) | undefined;
  /** What was written in this turn as text. */
  #turn = '';
  #isTurnDue = false;
  #queue: Buffer[] = [];
  #queued = 0;
  #waiting = false;
  #counted = false;
  #ending = false;
  #deadline: Timer | undefined;
  #reason: EndReason | undefined;
  #drained: (() => void)[] = [];

  /**
   * @param onEnd called once when the response is over, however that came.
   * @param writeHead writes the head at the end of this turn or earlier, with the first bytes; `bytes`: the whole body is written by then, and so long. Absent
   * where the head is written already.
   */
  constructor(
    res: ServerResponse,
    pace: Pace,
    deps: { readonly clock: Clock; readonly backlog: Backlog },
    onEnd: (reason: EndReason) => void,
    writeHead?: (bytes: number | undefined) => void,
  ) {
    this.#res = res;
    this.#pace = pace;
    this.#clock = deps.clock;
    this.#backlog = deps.backlog;
    this.#onEnd = onEnd;
    this.#writeHead = writeHead;
    if (writeHead !== undefined) this.#awaitTurn();
    res.on('drain', this.#onDrain);
    // It closes once; `once` would keep a wrapper for each of many thousand streams.
    res.on('close', this.#onClose);
    // Who left before hears of it all the same: whatever was opened for this response has to be closed.
    if (res.closed) process.nextTick(this.#onClose);
  }

  /** Goes on without `node:http`, where that can be done; harmless where it cannot. */
  leaveHttp(): void {
    if (!this.slow && !(this.#res instanceof BareResponse))
      this.#res = leaveHttp(this.#res, { onDrain: this.#onDrain, onClose: this.#onClose }) ?? this.#res;
  }

  /** True while bytes can still be written. */
  get writable(): boolean {
    return this.#reason === undefined && !this.#ending && !this.#res.destroyed;
  }

  /** True once everything was handed to the client's connection. */
  get finished(): boolean {
    return this.#res.writableFinished;
  }

  /** True while the client is behind. */
  get slow(): boolean {
    return this.#waiting || this.#queued > 0;
  }

  /** Writes bytes, `head` before them. False when the client is behind and the source should pause until {@link onceDrained}. */
  write(bytes: Buffer, head?: Buffer): boolean {
    if (!this.writable) return true;
    if (this.#isFull) return this.#cutFull();
    this.#endTurn();
    if (!this.slow && bytes.length <= SLICE_BYTES) {
      this.#hand(bytes, head);
    } else {
      if (head !== undefined) this.#enqueue(head);
      this.#enqueue(bytes);
      this.#pump();
    }
    this.#count();
    return !this.slow;
  }

  /** Writes text in latin1. What is written in one turn leaves in one piece; a head, events and an end are then one system call and one buffer. As {@link write}. */
  writeText(text: string): boolean {
    if (!this.writable) return true;
    if (this.slow || text.length >= LARGE_BYTES) return this.write(Buffer.from(text, 'latin1'));
    if (this.#isFull) return this.#cutFull();
    this.#turn += text;
    if (this.#turn.length < LARGE_BYTES) this.#awaitTurn();
    else this.#endTurn();
    return !this.slow;
  }

  /** Writes the last text and ends the response in order, as {@link end}. */
  endText(reason: EndReason, text: string): void {
    if (!this.writable) return;
    if (this.slow || text.length >= LARGE_BYTES) {
      this.end(reason, text === '' ? undefined : Buffer.from(text, 'latin1'));
      return;
    }
    this.#reason = reason;
    this.#ending = true;
    const last = this.#turn + text;
    this.#turn = '';
    this.#beginBody(last.length);
    if (last === '') this.#res.end();
    else this.#res.end(last, 'latin1');
    if (!this.#res.writableFinished) this.#wait();
  }

  /** Writes the last message, which may be in pieces, and ends the response in order; what is queued still goes out, within the deadline. */
  end(reason: EndReason, first?: Buffer, ...rest: readonly Buffer[]): void {
    if (!this.writable) return;
    if (first !== undefined) this.write(first);
    if (!this.writable) return;
    this.#endTurn();
    for (const piece of rest) this.#enqueue(piece);
    this.#reason = reason;
    this.#ending = true;
    this.#pump();
  }

  /** Ends the response at once; what was not read is lost. */
  cut(reason: EndReason): void {
    if (this.#res.destroyed) return;
    this.#reason ??= reason;
    this.#res.destroy();
  }

  /** Calls `run` once when the client has caught up; at once when it is not behind. */
  onceDrained(run: () => void): void {
    if (this.slow && this.writable) this.#drained.push(run);
    else run();
  }

  get #isFull(): boolean {
    // Measured before each write: one large message must pass, a pile of them must not.
    return this.#queued + this.#turn.length + this.#res.writableLength > this.#pace.streamBytes;
  }

  #cutFull(): true {
    this.cut('stream-bytes');
    return true;
  }

  #awaitTurn(): void {
    if (this.#isTurnDue) return;
    this.#isTurnDue = true;
    process.nextTick(PacedWriter.#onTurn, this);
  }

  // Of the class: a closure for each of many thousand streams would outlive its one turn.
  static #onTurn(writer: PacedWriter): void {
    writer.#isTurnDue = false;
    if (writer.writable) writer.#endTurn();
  }

  /** Writes what this turn brought so far. */
  #endTurn(): void {
    this.#beginBody(undefined);
    if (this.#turn === '') return;
    const text = this.#turn;
    this.#turn = '';
    if (!this.#res.write(text, 'latin1')) this.#wait();
    this.#count();
  }

  #beginBody(bytes: number | undefined): void {
    const writeHead = this.#writeHead;
    this.#writeHead = undefined;
    writeHead?.(bytes);
  }

  #enqueue(bytes: Buffer): void {
    this.#queue.push(bytes);
    this.#queued += bytes.length;
  }

  #pump(): void {
    while (!this.#waiting) {
      const next = this.#queue[0];
      if (next === undefined) break;
      const slice = next.length > SLICE_BYTES ? next.subarray(0, SLICE_BYTES) : next;
      if (slice.length === next.length) this.#queue.shift();
      else this.#queue[0] = next.subarray(SLICE_BYTES);
      this.#queued -= slice.length;
      this.#hand(slice);
    }
    if (!this.#ending || this.#queue.length > 0 || this.#res.writableEnded) return;
    this.#res.end();
    if (!this.#res.writableFinished) this.#wait();
  }

  #hand(bytes: Buffer, head?: Buffer): void {
    if (head === undefined && bytes.length < LARGE_BYTES) {
      if (!this.#res.write(bytes)) this.#wait();
      return;
    }
    // By itself Node keeps what is written until the end of the turn, and calls everybody slow who is sent more than it likes to keep. What the kernel took
    // at once needs no waiting, no deadline and no pause of its source.
    const { socket } = this.#res;
    socket?.cork();
    if (head !== undefined) this.#res.write(head);
    const hasRoom = this.#res.write(bytes);
    socket?.uncork();
    if (!hasRoom && this.#res.writableLength > 0) this.#wait();
  }

  // Only who is behind is counted: a reader that keeps up costs nothing here.
  #count(): void {
    if (!this.#counted && !this.slow) return;
    this.#counted = this.slow && !this.#res.destroyed;
    this.#backlog.set(this, this.#counted ? this.#queued + this.#res.writableLength : 0);
  }

  #wait(): void {
    this.#waiting = true;
    this.#deadline?.clear();
    this.#deadline = this.#clock.after(this.#pace.writeMs, () => this.cut('write-deadline'));
  }

  readonly #onDrain = (): void => {
    this.#waiting = false;
    this.#deadline?.clear();
    this.#deadline = undefined;
    this.#pump();
    this.#count();
    if (this.slow || this.#drained.length === 0) return;
    const drained = this.#drained;
    this.#drained = [];
    for (const run of drained) run();
  };

  readonly #onClose = (): void => {
    this.#deadline?.clear();
    this.#queue = [];
    this.#queued = 0;
    this.#turn = '';
    this.#waiting = false;
    this.#count();
    this.#reason ??= this.#res.writableFinished ? 'ended' : 'client-gone';
    // A paused source must not wait for a reader that is gone.
    const drained = this.#drained;
    this.#drained = [];
    this.#onEnd(this.#reason);
    for (const run of drained) run();
  };
}
