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

interface LogStream<T> {
  readonly id: string;
  readonly owner: T;
  last: number;
  dropped: number;
  endedAt: number | undefined;
}

interface Entry<T> {
  readonly stream: LogStream<T>;
  readonly seq: number;
  readonly data: Buffer;
}

const UNKNOWN = { kind: 'unknown' } as const;

/**
 * What a legacy session's streams sent, so that a client can resume one by `Last-Event-ID`. Bounded for the session as a whole: the oldest
 * event goes first, whichever stream it is of. Event ids are `<stream id>-<seq>`; stream ids are random, so an id of another session is
 * unknown here and can never replay anything.
 */
export class EventLog<T> {
  /** The one that was opened first is kept beside the others: most sessions have no other, and a map costs as much as the rest of the log. */
  #first: LogStream<T> | undefined;
  #others: Map<string, LogStream<T>> | undefined;
  /** Those that ended, in the order in which they are forgotten. */
  #ended: Set<LogStream<T>> | undefined;
  /** Those before {@link #head} were dropped. */
  #entries: (Entry<T> | undefined)[] = [];
  #head = 0;
  #bytes = 0;
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
    return this.#entries.length - this.#head;
  }

  /** How many bytes its events hold. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Begins a stream and returns its id, which must be unguessable; `owner` is handed back on resumption. */
  open(owner: T, id: string = this.#random.id()): string {
    const stream: LogStream<T> = { id, owner, last: 0, dropped: 0, endedAt: undefined };
    if (!this.#closed) this.#addStream(stream);
    return stream.id;
  }

  /** Goes on with a stream that another log began, from the last of its events, oldest first. */
  restore(
    owner: T,
    id: string,
    known: { readonly events: readonly { readonly seq: number; readonly data: Buffer }[]; readonly last: number },
  ): void {
    if (this.#closed) return;
    const { events, last } = known;
    const dropped = (events[0]?.seq ?? 1) - 1;
    const stream: LogStream<T> = { id, owner, last, dropped, endedAt: undefined };
    this.#addStream(stream);
    for (const { seq, data } of events) this.#add({ stream, seq, data });
  }

  /** Logs an event and returns its id; undefined for a stream that ended or went with its session: an upstream may still talk to it. */
  append(streamId: string, data: Buffer): string | undefined {
    const stream = this.#find(streamId);
    if (stream === undefined || stream.endedAt !== undefined) return undefined;
    const seq = ++stream.last;
    this.#add({ stream, seq, data });
    return `${streamId}-${seq}`;
  }

  /** True for a stream that runs or can be resumed. */
  has(streamId: string): boolean {
    return this.#find(streamId) !== undefined;
  }

  /** The id of the stream's newest event, or of the point before its first one. */
  position(streamId: string): string {
    return `${streamId}-${this.#find(streamId)?.last ?? 0}`;
  }

  /** Says that nothing will be added to a stream; it can be resumed for `retainMs` from now. */
  end(streamId: string): void {
    const stream = this.#find(streamId);
    if (stream === undefined || stream.endedAt !== undefined) return;
    stream.endedAt = this.#clock.now();
    this.#ended ??= new Set();
    this.#ended.add(stream);
    this.#forget(this.#ended);
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
    for (let i = this.#head; i < this.#entries.length; i++) {
      const entry = this.#entries[i];
      if (entry?.stream !== stream || entry.seq <= after) continue;
      events.push({ id: `${stream.id}-${entry.seq}`, data: entry.data });
    }
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
    this.#others = undefined;
    this.#ended = undefined;
    this.#entries = [];
    this.#head = 0;
    this.#bytes = 0;
  }

  #find(streamId: string): LogStream<T> | undefined {
    return this.#first?.id === streamId ? this.#first : this.#others?.get(streamId);
  }

  #addStream(stream: LogStream<T>): void {
    if (this.#first === undefined) this.#first = stream;
    else {
      this.#others ??= new Map();
      this.#others.set(stream.id, stream);
    }
  }

  #remove(stream: LogStream<T>): void {
    if (this.#first === stream) this.#first = undefined;
    else this.#others?.delete(stream.id);
  }

  #add(entry: Entry<T>): void {
    this.#entries.push(entry);
    this.#bytes += entry.data.length;
    while (this.size > this.#limits.events || this.#bytes > this.#limits.bytes) this.#drop();
  }

  #drop(): void {
    const entry = this.#entries[this.#head];
    if (entry === undefined) return;
    entry.stream.dropped = entry.seq;
    this.#bytes -= entry.data.length;
    // Attack: a few dozen events of the largest size: dropped, each would live on until the next compaction.
    this.#entries[this.#head] = undefined;
    this.#head++;
    this.#compact();
  }

  // Moving the rest costs O(1) for each event, all in all.
  #compact(): void {
    if (this.#head < 16 || this.#head * 2 < this.#entries.length) return;
    this.#entries = this.#entries.slice(this.#head);
    this.#head = 0;
  }

  // Streams of short calls come and go; their number is bounded like the events.
  #forget(ended: Set<LogStream<T>>): void {
    const { events, retainMs } = this.#limits;
    const now = this.#clock.now();
    let dueIn: number | undefined;
    let hasEntries = false;
    for (const stream of ended) {
      dueIn = (stream.endedAt ?? now) + retainMs - now;
      if (dueIn > 0 && ended.size <= events) break;
      dueIn = undefined;
      ended.delete(stream);
      this.#remove(stream);
      hasEntries ||= stream.dropped < stream.last;
    }
    if (hasEntries) this.#dropForgotten();
    if (dueIn === undefined || this.#timer !== undefined) return;
    this.#timer = this.#clock.after(dueIn, () => {
      this.#timer = undefined;
      this.#forget(ended);
    });
  }

  #dropForgotten(): void {
    const kept = this.#entries.slice(this.#head).filter((entry) => entry !== undefined && this.has(entry.stream.id));
    this.#entries = kept;
    this.#head = 0;
    this.#bytes = kept.reduce((sum, entry) => sum + (entry?.data.length ?? 0), 0);
  }
}
