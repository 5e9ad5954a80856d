import type { Timer } from '../core/ports.ts';
import { SSE_HEADERS, type SseEventInit, sseComment, sseEvent } from '../wire/sse-writer.ts';
import type { Arrival } from './inbound.ts';
import { type EndReason, PacedWriter } from './paced-writer.ts';

/** What a stream is for, as the ledger of open resources shows it. */
export type StreamKind = 'get' | 'post' | 'listen' | 'sse-2024';

/** What {@link EventStream} is made of. */
export interface EventStreamInit {
  readonly arrival: Arrival;
  readonly kind: StreamKind;
  /** The session the stream belongs to, for the ledger. */
  readonly owner: string | undefined;
  /** Repeated in the head of the answer. */
  readonly sessionId: string | undefined;
  readonly onEnd: (reason: EndReason) => void;
}

const KEEP_ALIVE = sseComment('keep-alive');
const TCP_KEEP_ALIVE_MS = 60_000;

/** One open response that carries events: its head, its heartbeat, its end. */
export class EventStream {
  readonly id: string;
  readonly #writer: PacedWriter;
  readonly #init: EventStreamInit;
  #heartbeat: Timer | undefined;
  #lastWrite: number;

  /** The head goes out with the first event or comment, which the caller sends in the same turn. */
  constructor(init: EventStreamInit) {
    const { arrival, kind, owner, sessionId } = init;
    const { options, deps } = arrival.context;
    this.#init = init;
    this.id = deps.random.id();
    this.#writer = new PacedWriter(arrival.res, options, deps.clock, this.#onEnd);
    this.#lastWrite = deps.clock.now();
    arrival.res.writeHead(200, sessionId === undefined ? SSE_HEADERS : { ...SSE_HEADERS, 'mcp-session-id': sessionId });
    arrival.req.socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
    deps.emit({ type: 'open', resource: 'stream', id: this.id, owner, detail: kind });
    this.#beat();
  }

  /** True while events can still be written. */
  get open(): boolean {
    return this.#writer.writable;
  }

  /** Sends one event. False when the client reads too slowly. */
  send(event: SseEventInit): boolean {
    return this.#write(sseEvent(event));
  }

  /** Sends a comment, which no client shows to anybody. */
  comment(): void {
    this.#write(KEEP_ALIVE);
  }

  /** Calls `run` once when the client has caught up. */
  onceDrained(run: () => void): void {
    this.#writer.onceDrained(run);
  }

  /** Ends the stream in order. */
  end(reason: EndReason, last?: SseEventInit): void {
    this.#writer.end(reason, last === undefined ? undefined : sseEvent(last));
  }

  #write(bytes: Buffer): boolean {
    this.#lastWrite = this.#init.arrival.context.deps.clock.now();
    return this.#writer.write(bytes);
  }

  // One timer per stream that looks at the time of the last write, instead of one that is set anew by every write.
  #beat(): void {
    const { options, deps } = this.#init.arrival.context;
    const silentMs = deps.clock.now() - this.#lastWrite;
    this.#heartbeat = deps.clock.after(Math.max(1, options.heartbeatMs - silentMs), () => {
      if (!this.open) return;
      if (deps.clock.now() - this.#lastWrite >= options.heartbeatMs) this.comment();
      this.#beat();
    });
  }

  readonly #onEnd = (reason: EndReason): void => {
    this.#heartbeat?.clear();
    this.#init.arrival.context.deps.emit({ type: 'close', resource: 'stream', id: this.id, reason });
    this.#init.onEnd(reason);
  };
}
