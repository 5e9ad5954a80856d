import type { EventArchive, StreamCopy, TakenStream } from '../core/event-archive.ts';
import { EventLog, type LogStream, type Resumption } from '../core/event-log.ts';
import type { Random } from '../core/ports.ts';
import type { CallStream } from './call-stream.ts';
import type { Context } from './inbound.ts';
import type { Peers } from './options.ts';

/** A stream as the log of its session knows it; `owner` is undefined for the session's own. */
export type SessionLogStream = LogStream<CallStream | undefined>;

/** What the streams of one legacy session sent. In a fleet the answers of its requests are written down, too, under ids that name this node. */
export class SessionLog {
  readonly #log: EventLog<CallStream | undefined>;
  readonly #random: Random;
  readonly #peers: Peers | undefined;
  readonly #sessionId: string;
  readonly #archive: EventArchive | undefined;
  #copies: Map<SessionLogStream, StreamCopy> | undefined;

  constructor(context: Context, sessionId: string) {
    const { options, deps } = context;
    const limits = {
      events: options.limits.eventLogEvents,
      bytes: options.limits.eventLogBytes,
      retainMs: options.resumeMs,
    };
    this.#log = new EventLog({ limits, clock: deps.clock, random: deps.random });
    this.#random = deps.random;
    this.#peers = deps.peers;
    this.#sessionId = sessionId;
    this.#archive = deps.archive;
  }

  /** Begins the session's own stream. Any node can go on with it, with another one. */
  openOwn(): SessionLogStream {
    return this.#log.open(undefined);
  }

  /** Begins the stream that answers requests. */
  openCall(call: CallStream): SessionLogStream {
    if (this.#peers === undefined) return this.#log.open(call);
    const stream = this.#log.open(call, this.#peers.tags.mint(this.#random.id()));
    const copy = this.#archive?.open(this.#sessionId, stream.id, call.ids);
    return copy === undefined ? stream : this.#keep(stream, copy);
  }

  /** Goes on with the stream that another node began and wrote down. */
  restoreCall(call: CallStream, id: string, taken: TakenStream): SessionLogStream {
    return this.#keep(this.#log.restore(call, id, taken), taken.copy);
  }

  #keep(stream: SessionLogStream, copy: StreamCopy): SessionLogStream {
    this.#copies ??= new Map();
    // Attack: a client that leaves before the end of every answer. What cannot be resumed here any more is nobody's.
    for (const known of this.#copies.keys()) if (!known.isKept) this.#copies.delete(known);
    this.#copies.set(stream, copy);
    return stream;
  }

  /** Logs an event, which as text is latin1, and returns its id; undefined when nothing is logged of this stream any more. */
  append(stream: SessionLogStream, data: Buffer | string): string | undefined {
    const id = this.#log.append(stream, data);
    if (id === undefined) return undefined;
    const copy = this.#copies?.get(stream);
    copy?.append(stream.last, typeof data === 'string' ? Buffer.from(data, 'latin1') : data);
    return id;
  }

  /** The id of the stream's newest event, or of the point before its first one. */
  position(stream: SessionLogStream): string {
    return this.#log.position(stream);
  }

  /** Says that nothing will be added to a stream; `isComplete`: because everything was sent. */
  end(stream: SessionLogStream, isComplete: boolean): void {
    this.#log.end(stream);
    // What ended halfway is open to whoever takes it over: its client is told what is not known.
    if (isComplete) this.#copies?.get(stream)?.end();
    else this.#copies?.delete(stream);
  }

  /** Says that the client has got everything of a stream that ended. */
  read(stream: SessionLogStream): void {
    this.#copies?.get(stream)?.read();
    this.#copies?.delete(stream);
  }

  /** What came after the event with this id. */
  resume(lastEventId: string): Resumption<CallStream | undefined> {
    return this.#log.resume(lastEventId);
  }

  /** True for a stream of which something is kept here. */
  has(streamId: string): boolean {
    return this.#log.has(streamId);
  }

  /** Forgets everything. `livesOn`: the session does, elsewhere, and can go on with what was written down. */
  close(livesOn: boolean): void {
    this.#log.close();
    this.#copies = undefined;
    if (!livesOn) this.#archive?.forget(this.#sessionId);
  }
}
