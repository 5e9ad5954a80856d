import type { EventArchive, StreamCopy, TakenStream } from '../core/event-archive.ts';
import { EventLog, type Resumption } from '../core/event-log.ts';
import type { Random } from '../core/ports.ts';
import type { CallStream } from './call-stream.ts';
import type { Context } from './inbound.ts';
import type { Peers } from './options.ts';

/** What the streams of one legacy session sent. In a fleet the answers of its requests are written down, too, under ids that name this node. */
export class SessionLog {
  readonly #log: EventLog<CallStream | undefined>;
  readonly #random: Random;
  readonly #peers: Peers | undefined;
  readonly #sessionId: string;
  readonly #archive: EventArchive | undefined;
  #copies: Map<string, StreamCopy> | undefined;

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

  /** Begins the session's own stream and returns its id. Any node can go on with it, with another one. */
  openOwn(): string {
    return this.#log.open(undefined);
  }

  /** Begins the stream that answers requests and returns its id. */
  openCall(stream: CallStream): string {
    if (this.#peers === undefined) return this.#log.open(stream);
    const id = this.#log.open(stream, this.#peers.tags.mint(this.#random.id()));
    const copy = this.#archive?.open(this.#sessionId, id, stream.ids);
    return copy === undefined ? id : this.#keep(id, copy);
  }

  /** Goes on with the stream that another node began and wrote down. */
  restoreCall(stream: CallStream, id: string, taken: TakenStream): string {
    this.#log.restore(stream, id, taken);
    return this.#keep(id, taken.copy);
  }

  #keep(id: string, copy: StreamCopy): string {
    this.#copies ??= new Map();
    // Attack: a client that leaves before the end of every answer. What cannot be resumed here any more is nobody's.
    for (const known of this.#copies.keys()) if (!this.#log.has(known)) this.#copies.delete(known);
    this.#copies.set(id, copy);
    return id;
  }

  /** Logs an event and returns its id; undefined when nothing is logged of this stream any more. */
  append(streamId: string, data: Buffer): string | undefined {
    const id = this.#log.append(streamId, data);
    if (id !== undefined) this.#copies?.get(streamId)?.append(seqOf(id), data);
    return id;
  }

  /** The id of the stream's newest event, or of the point before its first one. */
  position(streamId: string): string {
    return this.#log.position(streamId);
  }

  /** Says that nothing will be added to a stream; `isComplete`: because everything was sent. */
  end(streamId: string, isComplete: boolean): void {
    this.#log.end(streamId);
    // What ended halfway is open to whoever takes it over: its client is told what is not known.
    if (isComplete) this.#copies?.get(streamId)?.end();
    else this.#copies?.delete(streamId);
  }

  /** Says that the client has got everything of a stream that ended. */
  read(streamId: string): void {
    this.#copies?.get(streamId)?.read();
    this.#copies?.delete(streamId);
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

function seqOf(eventId: string): number {
  return Number(eventId.slice(eventId.lastIndexOf('-') + 1));
}
