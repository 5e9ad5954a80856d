import type { IncomingMessage } from 'node:http';
import { SSE_HEADERS, type SseEventInit, sseComment, sseEvent } from '../wire/sse-writer.ts';
import type { Beating } from './heartbeats.ts';
import type { Context, Inbound } from './inbound.ts';
import { type EndReason, PacedWriter } from './paced-writer.ts';

/** What a stream is for, as the ledger of open resources shows it. */
export type StreamKind = 'get' | 'post' | 'listen' | 'sse-2024' | 'rest';

/** What {@link EventStream} is made of. */
export interface EventStreamInit {
  readonly arrival: Inbound;
  readonly kind: StreamKind;
  /** The session the stream belongs to, for the ledger. */
  readonly owner: string | undefined;
  /** The id it is to have, where something had to name it before it was open. */
  readonly id?: string;
  /** Repeated in the head of the answer. */
  readonly sessionId: string | undefined;
  /** It is as long as its client is there, and the last answer on its connection: `node:http` is left once the head is out. */
  readonly isLast?: boolean;
  readonly onEnd: (reason: EndReason) => void;
}

const KEEP_ALIVE = sseComment('keep-alive');
const TCP_KEEP_ALIVE_MS = 60_000;
/** The largest part of the pause by which a heartbeat may come early. */
const HEARTBEAT_SPREAD = 0.2;

/** One open response that carries events: its head, its heartbeat, its end. */
export class EventStream implements Beating {
  readonly id: string;
  readonly #writer: PacedWriter;
  readonly #context: Context;
  readonly #onEnded: (reason: EndReason) => void;
  /** Silence after which it carries a comment. */
  readonly #pauseMs: number;
  #lastWrite: number;

  /** The head goes out with the first event or comment, which the caller sends in the same turn. */
  constructor(init: EventStreamInit) {
    // The request is not kept: it is long over when the stream is not.
    const { arrival, kind, owner, sessionId } = init;
    const { options, deps } = arrival.context;
    this.#context = arrival.context;
    this.#onEnded = init.onEnd;
    this.id = init.id ?? deps.random.id();
    const { backlog, heartbeats } = arrival.context;
    this.#writer = new PacedWriter(arrival.res, options, { clock: deps.clock, backlog }, this.#onEnd);
    this.#lastWrite = deps.clock.now();
    // Inside of somebody's server others follow the connection.
    const leaves = init.isLast === true && !arrival.hosted;
    if (leaves) arrival.res.shouldKeepAlive = false;
    arrival.res.writeHead(200, sessionId === undefined ? SSE_HEADERS : { ...SSE_HEADERS, 'mcp-session-id': sessionId });
    arrival.req.socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
    const principal = arrival.principal.key;
    deps.emit({ type: 'open', resource: 'stream', id: this.id, owner, detail: kind, session: owner, principal });
    // Streams that were opened together, after a restart, must not all be written to in the same moment for ever.
    const longestMs = options.heartbeatMs - heartbeats.grainMs;
    this.#pauseMs = Math.floor(longestMs * (1 - HEARTBEAT_SPREAD * Math.random()));
    heartbeats.add(this);
    // Not before Node's parser, which may have called us, is done with the request.
    if (leaves) setImmediate(() => this.#leaveHttp(arrival.req));
  }

  /** True while events can still be written. */
  get open(): boolean {
    return this.#writer.writable;
  }

  /** True while the client is behind. */
  get slow(): boolean {
    return this.#writer.slow;
  }

  /** True once everything was handed to the client's connection. */
  get isDelivered(): boolean {
    return this.#writer.finished;
  }

  /** Sends one event. False when the client reads too slowly. */
  send(event: SseEventInit): boolean {
    return this.#write(sseEvent(event));
  }

  /** Sends a comment, which no client shows to anybody. */
  comment(): void {
    this.#write(KEEP_ALIVE);
  }

  /** Breaks a silence that lasted too long. Who is behind hears nothing of it, and a large message that is being read must not be cut for it. */
  beat(now: number): void {
    if (this.open && !this.slow && now - this.#lastWrite >= this.#pauseMs) this.comment();
  }

  /** Calls `run` once when the client has caught up. */
  onceDrained(run: () => void): void {
    this.#writer.onceDrained(run);
  }

  /** Ends the stream at once. */
  cut(): void {
    this.#writer.cut('drain');
  }

  /** Ends the stream in order. */
  end(reason: EndReason, last?: SseEventInit): void {
    this.#writer.end(reason, last === undefined ? undefined : sseEvent(last));
  }

  #leaveHttp(req: IncomingMessage): void {
    if (req.readableEnded) return this.#writer.leaveHttp();
    // A body that is still coming stays where it is, and its sender waits.
    if (!req.complete) return;
    req.once('end', () => this.#writer.leaveHttp());
    req.resume();
  }

  #write(bytes: Buffer): boolean {
    this.#lastWrite = this.#context.deps.clock.now();
    return this.#writer.write(bytes);
  }

  readonly #onEnd = (reason: EndReason): void => {
    const { heartbeats, deps } = this.#context;
    heartbeats.delete(this);
    deps.emit({ type: 'close', resource: 'stream', id: this.id, reason });
    this.#onEnded(reason);
  };
}
