import type { Timer } from '../core/ports.ts';
import type { Message } from '../jsonrpc/message.ts';
import { isSseMediaType } from '../wire/content-type.ts';
import { GET_HEADERS } from './http-headers.ts';
import { backoffMs, type HttpLeg, warn } from './http-leg.ts';
import { type ResponseEnd, type ResponseReader, sendRequest } from './http-response.ts';

/** What a feed needs of its handle. */
export interface FeedHost {
  /** The session's headers as they are now. */
  headers(): readonly string[];
  onMessage(message: Message): void;
  /** The feed is back after messages may have been missed. */
  onGap(): void;
  /** The server does not know the session any more. */
  onSessionLost(): void;
}

type State = 'idle' | 'opening' | 'live' | 'waiting' | 'none' | 'closed';

const OPEN_MS = 5_000;
const MAX_RETRY_MS = 60_000;

/**
 * The GET stream of a legacy session: opened once when somebody wants it, and then held: reconnected with back-off, or after the
 * server's own `retry`, until it is closed.
 */
export class GetFeed {
  readonly #leg: HttpLeg;
  readonly #host: FeedHost;
  #state: State = 'idle';
  #opening: Promise<boolean> | undefined;
  #reader: ResponseReader | undefined;
  #timer: Timer | undefined;
  #attempt = 0;
  #lastEventId: string | undefined;

  constructor(leg: HttpLeg, host: FeedHost) {
    this.#leg = leg;
    this.#host = host;
  }

  /** Opens the feed when it is not open. False when the server has none, or did not open one in time (it may still come up). */
  open(): Promise<boolean> {
    if (this.#state === 'live' || this.#state === 'waiting') return Promise.resolve(true);
    if (this.#state === 'none' || this.#state === 'closed') return Promise.resolve(false);
    this.#opening ??= this.#connect(true).finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  /** Starts over on a new session, when the feed was in use. */
  restart(): void {
    if (this.#state === 'idle' || this.#state === 'closed') return;
    this.#drop();
    this.#lastEventId = undefined;
    this.#attempt = 0;
    void this.#connect(false);
  }

  close(): void {
    this.#state = 'closed';
    this.#drop();
  }

  #drop(): void {
    this.#timer?.clear();
    this.#timer = undefined;
    this.#reader?.abort();
    this.#reader = undefined;
  }

  #connect(isFirst: boolean): Promise<boolean> {
    this.#state = isFirst ? 'opening' : 'waiting';
    const resumedFrom = this.#lastEventId;
    const headers = [...GET_HEADERS, ...this.#host.headers()];
    if (resumedFrom !== undefined) headers.push('last-event-id', resumedFrom);
    return new Promise((resolve) => {
      // A server that holds the headers back until its first event has a feed all the same: it is kept, but nobody waits for it.
      const patience = this.#leg.clock.after(OPEN_MS, () => resolve(false));
      const settle = (isOpen: boolean): void => {
        patience.clear();
        resolve(isOpen);
      };
      const reader: ResponseReader = sendRequest(this.#leg.client, { method: 'GET', headers, headersTimeoutMs: 0 }, this.#leg.maxMessageBytes, {
        onOpen: (received) => {
          if (isSseMediaType(received['content-type'])) this.#state = 'live';
          else {
            // A web page, or 204: nothing will ever be said there.
            this.#state = 'none';
            reader.abort();
          }
          if (this.#state === 'live' && !isFirst && resumedFrom === undefined) this.#host.onGap();
          settle(this.#state === 'live');
        },
        onMessage: (message) => this.#host.onMessage(message),
        onFault: (fault) => warn(this.#leg, 'The feed brought something that is no message.', { fault: fault.message }),
        onEnd: (end) => {
          this.#onEnd(end, reader);
          settle(false);
        },
      });
      this.#reader = reader;
    });
  }

  #onEnd(end: ResponseEnd, reader: ResponseReader): void {
    if (this.#state === 'closed' || this.#reader !== reader) return;
    this.#reader = undefined;
    const status = end.kind === 'status' ? end.status : 0;
    if (this.#state === 'opening') {
      // 405 and 404 say that there is no feed; 409, 5xx and a broken connection may be over soon: the next wish for it asks again.
      this.#state = status >= 400 && status < 500 && status !== 409 ? 'none' : 'idle';
      return;
    }
    this.#state = 'waiting';
    if (status === 404 && this.#host.headers().includes('mcp-session-id')) {
      this.#host.onSessionLost();
      return;
    }
    this.#lastEventId = reader.lastEventId ?? this.#lastEventId;
    // The place to resume from may be what the server refuses, or what is too large to read.
    const isStuck = (status !== 0 && status !== 409) || (end.kind === 'failed' && end.error.code === 'upstream.too-large');
    if (isStuck) this.#lastEventId = undefined;
    this.#attempt = reader.received > 0 ? 0 : this.#attempt + 1;
    const asked = reader.retryMs === undefined ? 0 : Math.min(reader.retryMs, MAX_RETRY_MS);
    this.#timer = this.#leg.clock.after(Math.max(asked, backoffMs(this.#attempt)), () => void this.#connect(false));
  }
}
