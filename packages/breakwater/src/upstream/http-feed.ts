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

/** `held`: the request is taken, but its headers have not come; `none`: the server has no feed. */
type State = 'idle' | 'opening' | 'held' | 'live' | 'waiting' | 'none' | 'closed';

/**
 * A refusal comes at once. Some servers (SDK v2 behind its Node adapter) send even the headers only with their first event, so whoever is silent
 * for longer than this has a feed.
 */
const REFUSAL_MS = 1_000;
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

  /** Opens the feed when it is not open. False when the server has none, or could not be reached. */
  open(): Promise<boolean> {
    if (this.#isInUse) return this.#opening ?? Promise.resolve(true);
    if (this.#state !== 'idle') return Promise.resolve(false);
    this.#opening = this.#connect(true).finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  /** Starts over on a new session, when the feed is in use. */
  restart(): void {
    if (!this.#isInUse) return;
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

  get #isInUse(): boolean {
    return this.#state !== 'idle' && this.#state !== 'none' && this.#state !== 'closed';
  }

  #connect(isFirst: boolean): Promise<boolean> {
    this.#state = isFirst ? 'opening' : 'waiting';
    const resumedFrom = this.#lastEventId;
    const headers = [...GET_HEADERS, ...this.#host.headers()];
    if (resumedFrom !== undefined) headers.push('last-event-id', resumedFrom);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    let isSettled = false;
    const settle = (isOpen: boolean): void => {
      if (isSettled) return;
      isSettled = true;
      patience.clear();
      if (isOpen && !isFirst && resumedFrom === undefined) this.#host.onGap();
      resolve(isOpen);
    };
    const request = { method: 'GET', headers, headersTimeoutMs: 0 } as const;
    const reader: ResponseReader = sendRequest(this.#leg.client, request, this.#leg.maxMessageBytes, {
      onOpen: (received) => {
        const isStream = isSseMediaType(received['content-type']);
        this.#state = isStream ? 'live' : 'none';
        // A web page, or 204: nothing will ever be said there.
        if (!isStream) reader.abort();
        settle(isStream);
      },
      onMessage: (message) => this.#host.onMessage(message),
      onFault: ({ message }) => warn(this.#leg, 'The feed brought something that is no message.', { fault: message }),
      onEnd: (end) => {
        if (this.#reader === reader) this.#onEnd(end, reader, isFirst);
        settle(false);
      },
    });
    this.#reader = reader;
    const patience = this.#leg.clock.after(REFUSAL_MS, () => {
      if (this.#reader === reader) this.#state = 'held';
      settle(this.#reader === reader);
    });
    return promise;
  }

  #onEnd(end: ResponseEnd, reader: ResponseReader, isFirst: boolean): void {
    this.#reader = undefined;
    const status = end.kind === 'status' ? end.status : 0;
    // 405 and 404 say that there is no feed; 409, 5xx and a broken connection may be over soon: the next wish for it asks again.
    const isRefused = status >= 400 && status < 500 && status !== 409;
    if (isFirst && (this.#state === 'opening' || (this.#state === 'held' && isRefused))) {
      // Somebody may have believed in it meanwhile.
      if (this.#state === 'held') this.#host.onGap();
      this.#state = isRefused ? 'none' : 'idle';
      return;
    }
    this.#state = 'waiting';
    if (status === 404 && this.#host.headers().includes('mcp-session-id')) {
      this.#host.onSessionLost();
      return;
    }
    this.#lastEventId = reader.lastEventId ?? this.#lastEventId;
    // The place to resume from may be what the server refuses, or what is too large to read.
    const isTooLarge = end.kind === 'failed' && end.error.code === 'upstream.too-large';
    if (isTooLarge || (status !== 0 && status !== 409)) this.#lastEventId = undefined;
    this.#attempt = reader.received > 0 ? 0 : this.#attempt + 1;
    const asked = reader.retryMs === undefined ? 0 : Math.min(reader.retryMs, MAX_RETRY_MS);
    this.#timer = this.#leg.clock.after(Math.max(asked, backoffMs(this.#attempt)), () => void this.#connect(false));
  }
}
