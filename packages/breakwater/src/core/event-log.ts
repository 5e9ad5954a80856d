import { EntryQueue } from './entry-queue.ts';
import type { Clock, Random, Timer } from './ports.ts';

/** One logged event with the id it was sent under. */
export interface LoggedEvent {
  readonly id: string;
  readonly data: Buffer;
}

/** What a `Last-Event-ID` means to a log. */
export type Resumption<T> =
  /** Malformed, forgotten, never issued, or issued by another session. */
  | { readonly kind: 'unknown' }
  | {
      readonly kind: 'known';
      readonly streamId: string;
      readonly owner: T;
      /** What was logged after the given event, oldest first. */
      readonly events: readonly LoggedEvent[];
      /** Events after the given one were dropped to stay within the bounds. */
      readonly trimmed: boolean;
      /** Nothing will be added any more. */
      readonly ended: boolean;
      /** The stream's last event is not among `events` and was not before the given one either: it was dropped. */
      readonly lastLost: boolean;
    };

/** Bounds of a log. `retainMs`: how long an ended stream can still be resumed. */
export interface EventLogLimits {
  readonly events: number;
  readonly bytes: number;
  readonly retainMs: number;
}

/** One stream of a log. Whoever writes to it holds it, so that nothing has to be looked up for an event; only the log changes it. */
export interface LogStream<T> {
  readonly id: string;
  readonly owner: T;
  last: number;
  dropped: number;
  endedAt: number | undefined;
  /** False once it cannot be resumed any more. */
  isKept: boolean;
}

const UNKNOWN = { kind: 'unknown' } as const;

/**
 * What a legacy session's streams sent, so that a client can resume one by `Last-Event-ID`. Bounded for the session as a whole: the oldest
 * event goes first, whichever stream it is of. Event ids are `<stream id>-<seq>`; stream ids are random, so an id of another session is
 * unknown here and can never replay anything.
 */
export class EventLog<T> {
  // Streams are found by their id only when a client resumes, and then one by one. Maps and sets of what comes and goes with each call cost more than the
  // rest of the log: their tables outlive many collections, and with them what is in them no more (`upstream/call-list.ts`).
  /** The one that was opened first is kept beside the others: most sessions have no other. */
  #first: LogStream<T> | undefined;
  /** The others that have not ended. */
  #running: LogStream<T>[] | undefined;
  /** Those that ended, in the order in which they are forgotten; those before {@link #forgotten} are forgotten. */
  #ended: (LogStream<T> | undefined)[] | undefined;
  #forgotten = 0;
  #entries: EntryQueue<LogStream<T>> | undefined;
  #timer: Timer | undefined;
  #closed = false;
  readonly #limits: EventLogLimits;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(options: { limits: EventLogLimits; clock: Clock; random: Random }) {
    this.#limits = options.limits;
    this.#clock = options.clock;
    this.#random = options.random;
  }

  /** How many events it holds. */
  get size(): number {
    return this.#entries?.size ?? 0;
  }

  /** How many bytes its events hold. */
  get bytes(): number {
    return this.#entries?.bytes ?? 0;
  }

  /** Begins a stream; its id must be unguessable, and `owner` is handed back on resumption. */
  open(owner: T, id: string = this.#random.id()): LogStream<T> {
    const stream = { id, owner, last: 0, dropped: 0, endedAt: undefined, isKept: !this.#closed };
    if (!this.#closed) this.#addRunning(stream);
    return stream;
  }

  /** Goes on with a stream that another log began, from the last of its events, oldest first. */
  restore(
    owner: T,
    id: string,
    known: { readonly events: readonly { readonly seq: number; readonly data: Buffer }[]; readonly last: number },
  ): LogStream<T> {
    const stream = this.open(owner, id);
    const { events, last } = known;
    stream.last = last;
    stream.dropped = (events[0]?.seq ?? 1) - 1;
    if (!this.#closed) for (const { seq, data } of events) this.#add(stream, seq, data);
    return stream;
  }

  /**
   * Logs an event and returns its id; undefined for a stream that ended or went with its session: an upstream may still talk to it. `data` as text is latin1,
   * in which each character is a byte: small events are kept and collected more cheaply like that.
   */
  append(stream: LogStream<T>, data: Buffer | string): string | undefined {
    if (this.#closed || stream.endedAt !== undefined) return undefined;
    const seq = ++stream.last;
    this.#add(stream, seq, data);
    return `${stream.id}-${seq}`;
  }

  /** True for the id of a stream that runs or can be resumed. */
  has(streamId: string): boolean {
    return this.#find(streamId) !== undefined;
  }

  /** The id of the stream's newest event, or of the point before its first one. */
  position(stream: LogStream<T>): string {
    return `${stream.id}-${stream.last}`;
  }

  /** Says that nothing will be added to a stream; it can be resumed for `retainMs` from now. */
  end(stream: LogStream<T>): void {
    if (this.#closed || stream.endedAt !== undefined) return;
    stream.endedAt = this.#clock.now();
    this.#removeRunning(stream);
    this.#ended ??= [];
    this.#ended.push(stream);
    this.#forget(this.#ended, stream.endedAt);
  }

  /** What came after the event with this id. */
  resume(lastEventId: string): Resumption<T> {
    const dash = lastEventId.lastIndexOf('-');
    const digits = lastEventId.slice(dash + 1);
    const stream = dash < 0 ? undefined : this.#find(lastEventId.slice(0, dash));
    if (stream === undefined || !/^(0|[1-9]\d{0,14})$/.test(digits)) return UNKNOWN;
    const after = Number(digits);
    if (after > stream.last) return UNKNOWN;
    const events: LoggedEvent[] = [];
    this.#entries?.visit((of, seq, data) => {
      if (of !== stream || seq <= after) return;
      events.push({ id: `${stream.id}-${seq}`, data: typeof data === 'string' ? Buffer.from(data, 'latin1') : data });
    });
    return {
      kind: 'known',
      streamId: stream.id,
      owner: stream.owner,
      events,
      trimmed: stream.dropped > after,
      ended: stream.endedAt !== undefined,
      lastLost: stream.last > after && stream.dropped === stream.last,
    };
  }

  /** Forgets everything, and keeps nothing from now on. */
  close(): void {
    this.#closed = true;
    this.#timer?.clear();
    this.#timer = undefined;
    this.#first = undefined;
    this.#running = undefined;
    this.#ended = undefined;
    this.#entries = undefined;
  }

  #find(streamId: string): LogStream<T> | undefined {
    if (this.#first?.id === streamId) return this.#first;
    const isIt = (stream: LogStream<T> | undefined): boolean => stream?.id === streamId;
    return this.#running?.find(isIt) ?? this.#ended?.find(isIt);
  }

  #addRunning(stream: LogStream<T>): void {
    if (this.#first === undefined) this.#first = stream;
    else if (this.#running === undefined) this.#running = [stream];
    else this.#running.push(stream);
  }

  #removeRunning(stream: LogStream<T>): void {
    if (this.#first === stream) {
      this.#first = undefined;
      return;
    }
    const at = this.#running?.indexOf(stream) ?? -1;
    if (at >= 0) this.#running?.splice(at, 1);
  }

  #add(stream: LogStream<T>, seq: number, data: Buffer | string): void {
    this.#entries ??= new EntryQueue();
    const entries = this.#entries;
    entries.push(stream, seq, data);
    const { events, bytes } = this.#limits;
    while (entries.size > events || entries.bytes > bytes) this.#drop(entries);
  }

  #drop(entries: EntryQueue<LogStream<T>>): void {
    const { stream } = entries;
    if (stream !== undefined) stream.dropped = entries.shift();
  }

  // Streams of short calls come and go; their number is bounded like the events.
  #forget(ended: (LogStream<T> | undefined)[], now: number): void {
    const { events, retainMs } = this.#limits;
    let dueIn: number | undefined;
    let hasEntries = false;
    for (; this.#forgotten < ended.length; this.#forgotten++) {
      const stream = ended[this.#forgotten];
      if (stream === undefined) continue;
      dueIn = (stream.endedAt ?? now) + retainMs - now;
      if (dueIn > 0 && ended.length - this.#forgotten <= events) break;
      dueIn = undefined;
      stream.isKept = false;
      ended[this.#forgotten] = undefined;
      hasEntries ||= stream.dropped < stream.last;
    }
    this.#compact(ended);
    if (hasEntries) this.#entries?.keep((stream) => stream.isKept);
    if (dueIn === undefined || this.#timer !== undefined) return;
    this.#timer = this.#clock.after(dueIn, () => {
      this.#timer = undefined;
      this.#forget(ended, this.#clock.now());
    });
  }

  // Moving the rest costs O(1) for each stream, all in all.
  #compact(ended: (LogStream<T> | undefined)[]): void {
    if (this.#forgotten < 16 || this.#forgotten * 2 < ended.length) return;
    ended.splice(0, this.#forgotten);
    this.#forgotten = 0;
  }
}
