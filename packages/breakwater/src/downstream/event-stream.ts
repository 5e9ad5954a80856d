import type { IncomingMessage } from 'node:http';
import { SSE_HEADERS, type SseEventInit, sseComment, sseEvent, sseText } from '../wire/sse-writer.ts';
import { isAlone } from './bare-response.ts';
import type { Beating } from './heartbeats.ts';
import type { Context, Inbound } from './inbound.ts';
import { noteLast } from './last-answers.ts';
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

const KEEP_ALIVE = sseComment('keep-alive').toString('latin1');
/** Larger events are not made text of. */
const TEXT_BYTES = 4_096;
const TCP_KEEP_ALIVE_MS = 60_000;
/** The largest part of the pause by which a heartbeat may come early. */
const HEARTBEAT_SPREAD = 0.2;

const HEAD: readonly string[] = Object.entries(SSE_HEADERS).flat();
const NONE: readonly string[] = [];

/** The head of a response that carries events, names and values by turns, as Node writes them fastest. `bytes`: all that it carries, where that is known. */
export function eventHead(sessionId: string | undefined, bytes: number | undefined): string[] {
  const length = bytes === undefined ? NONE : ['content-length', String(bytes)];
  const session = sessionId === undefined ? NONE : ['mcp-session-id', sessionId];
  return [...HEAD, ...length, ...session];
}

/** One open response that carries events: its head, its heartbeat, its end. */
export class EventStream implements Beating {
  readonly id: string;
  place = -1;
  readonly #writer: PacedWriter;
  readonly #context: Context;
  readonly #onEnded: (reason: EndReason) => void;
  /** Silence after which it carries a comment. */
  readonly #pauseMs: number;
  #lastWrite: number;

  /** The head goes out with the first event or comment, which the caller sends in the same turn. A stream that also ends in it is one body with a length. */
  constructor(init: EventStreamInit) {
    // The request is not kept: it is long over when the stream is not.
    const { arrival, kind, owner, sessionId } = init;
    const { options, deps } = arrival.context;
    this.#context = arrival.context;
    this.#onEnded = init.onEnd;
    this.id = init.id ?? deps.random.id();
    const { backlog, heartbeats } = arrival.context;
    const { req, res } = arrival;
    const writeHead = (bytes: number | undefined): void => {
      // A fault in this turn was told already.
      if (res.headersSent) return this.cut();
      res.writeHead(200, eventHead(sessionId, bytes));
      if (bytes === undefined) heartbeats.add(this);
    };
    this.#writer = new PacedWriter(res, options, { clock: deps.clock, backlog }, this.#onEnd, writeHead);
    this.#lastWrite = deps.clock.now();
    // Inside of somebody's server others follow the connection; and what stands before or behind this answer on it is owed one, too.
    const leaves = init.isLast === true && !arrival.hosted && res.socket !== null && isAlone(req);
    if (leaves) {
      res.shouldKeepAlive = false;
      noteLast(req.socket);
    }
    req.socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
    const principal = arrival.principal.key;
    deps.emit({ type: 'open', resource: 'stream', id: this.id, owner, detail: kind, session: owner, principal });
    // Streams that were opened together, after a restart, must not all be written to in the same moment for ever.
    const longestMs = options.heartbeatMs - heartbeats.grainMs;
    this.#pauseMs = Math.floor(longestMs * (1 - HEARTBEAT_SPREAD * Math.random()));
    // Not before Node's parser, which may have called us, is done with the request.
    if (leaves) setImmediate(() => this.#leaveHttp(req));
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
    if (event.data.length <= TEXT_BYTES) return this.sendText(sseText(event));
    this.#lastWrite = this.#context.deps.clock.now();
    return this.#writer.write(sseEvent(event));
  }

  /** Sends whole events, in latin1. False when the client reads too slowly. */
  sendText(events: string): boolean {
    this.#lastWrite = this.#context.deps.clock.now();
    return this.#writer.writeText(events);
  }

  /** Sends a comment, which no client shows to anybody. */
  comment(): void {
    this.#lastWrite = this.#context.deps.clock.now();
    this.#writer.writeText(KEEP_ALIVE);
  }

  /** Breaks a silence that lasted too long. Who is behind hears nothing of it, and a large message that is being read must not be cut for it. */
  beat(now: number): void {
    // Either way: a clock that was set back must not silence it for as long as that.
    if (this.open && !this.slow && Math.abs(now - this.#lastWrite) >= this.#pauseMs) this.comment();
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
    this.#writer.endText(reason, last === undefined ? '' : sseText(last));
  }

  #leaveHttp(req: IncomingMessage): void {
    if (req.readableEnded) return this.#writer.leaveHttp();
    // A body that is still coming stays where it is, and its sender waits.
    if (!req.complete) return;
    req.once('end', () => this.#writer.leaveHttp());
    req.resume();
  }

  readonly #onEnd = (reason: EndReason): void => {
    const { heartbeats, deps } = this.#context;
    heartbeats.delete(this);
    deps.emit({ type: 'close', resource: 'stream', id: this.id, reason });
    this.#onEnded(reason);
  };
}
