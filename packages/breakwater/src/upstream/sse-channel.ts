import { GatewayError } from '../core/errors.ts';
import type { Clock } from '../core/ports.ts';
import { isSseMediaType } from '../wire/content-type.ts';
import { createSseParser, type SseEvent } from '../wire/sse-parser.ts';
import type { ChannelListener, DuplexChannel } from './channel.ts';
import { HttpClient, type HttpControl } from './http-client.ts';
import { GET_HEADERS, POST_HEADERS } from './http-headers.ts';

/** Where an HTTP+SSE server of 2024-11-05 is. */
export interface SseChannelOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly maxMessageBytes: number;
  readonly clock: Clock;
  /** Aborts the opening. */
  readonly signal: AbortSignal;
}

type Waiting = { readonly message: Buffer; readonly onLost: ((detail: string) => void) | undefined };

const QUEUE_BYTES = 16 * 1024 * 1024;
const ENDPOINT_BYTES = 8_192;
/** A notification's POST holds later messages back until it is answered, but no longer than this. */
const ONE_WAY_MS = 10_000;
const EMPTY = Buffer.alloc(0);

/**
 * Opens the stream and waits for its `endpoint` event. Rejects with `upstream.auth` (401, 403), `upstream.unavailable`, or `upstream.invalid` when
 * the endpoint lies on another origin: our credentials go with every POST, and a server must not say where to.
 */
export function openSseChannel(options: SseChannelOptions): Promise<DuplexChannel> {
  return new Promise((resolve, reject) => {
    const channel = new SseChannel(options, (error) => {
      options.signal.removeEventListener('abort', onAbort);
      if (error === undefined) resolve(channel);
      else void channel.close().then(() => reject(error));
    });
    const onAbort = (): void =>
      channel.fail(new GatewayError('upstream.unavailable', { cause: options.signal.reason }));
    options.signal.addEventListener('abort', onAbort);
    if (options.signal.aborted) onAbort();
  });
}

class SseChannel implements DuplexChannel {
  readonly #options: SseChannelOptions;
  readonly #stream: HttpClient;
  readonly #get: HttpControl;
  readonly #incoming: Buffer[] = [];
  readonly #outgoing: Waiting[] = [];
  #settle: ((error: GatewayError | undefined) => void) | undefined;
  #posts: HttpClient | undefined;
  #outgoingBytes = 0;
  #isHeldBack = false;
  #isPaused = false;
  #listener: ChannelListener | undefined;
  #end: { readonly isOurs: boolean; readonly detail: string } | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: SseChannelOptions, settle: (error: GatewayError | undefined) => void) {
    this.#options = options;
    this.#settle = settle;
    const parser = createSseParser((event) => this.#onEvent(event), { maxEventBytes: options.maxMessageBytes });
    this.#stream = new HttpClient(options);
    let status = 0;
    this.#get = this.#stream.send(
      { method: 'GET', headers: GET_HEADERS },
      {
        onHeaders: (received, headers) => {
          status = received;
          const isStream = status === 200 && isSseMediaType(headers['content-type']);
          if (!isStream) this.fail(openError(status));
        },
        onData: (chunk) => {
          if (this.#end !== undefined) return;
          const fault = parser.push(chunk);
          if (fault !== undefined) this.#listener?.oversize({ bytes: fault.maxEventBytes, head: EMPTY, tail: EMPTY });
        },
        onEnd: () => this.fail(new GatewayError('upstream.unavailable', { cause: 'the event stream ended' })),
        onError: (error) => this.fail(error),
      },
    );
  }

  listen(listener: ChannelListener): void {
    this.#listener = listener;
    queueMicrotask(() => this.#deliver());
  }

  send(message: Buffer, onLost?: (detail: string) => void): boolean {
    if (this.#end !== undefined || this.#posts === undefined) return false;
    if (this.#outgoingBytes > 0 && this.#outgoingBytes + message.length > QUEUE_BYTES) return false;
    this.#outgoingBytes += message.length;
    this.#outgoing.push({ message, onLost });
    this.#flush();
    return true;
  }

  pause(): void {
    this.#isPaused = true;
    this.#get.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#get.resume();
    queueMicrotask(() => this.#deliver());
  }

  close(): Promise<void> {
    this.#finish(true, 'closed');
    this.#closing ??= (async () => {
      this.#get.abort();
      await Promise.all([this.#stream.close(), this.#posts?.close()]);
    })();
    return this.#closing;
  }

  /** Ends the channel from the other side, or its opening. */
  fail(error: GatewayError): void {
    const settle = this.#settle;
    this.#settle = undefined;
    this.#finish(
      settle !== undefined,
      error.cause instanceof Error ? error.cause.message : String(error.cause ?? error.message),
    );
    if (settle !== undefined) settle(error);
    else void this.close();
  }

  #onEvent({ event, data }: SseEvent): void {
    if (event === 'endpoint') this.#onEndpoint(data);
    else if (event === 'message' && data.length > 0 && this.#posts !== undefined) {
      this.#incoming.push(data);
      this.#deliver();
    }
  }

  #onEndpoint(data: Buffer): void {
    if (this.#posts !== undefined) return; // it is announced once; a later one could only redirect us
    const endpoint = data.length > ENDPOINT_BYTES ? null : URL.parse(data.toString(), this.#options.url);
    if (endpoint === null || endpoint.origin !== new URL(this.#options.url).origin) {
      this.fail(new GatewayError('upstream.invalid', { cause: 'the endpoint event names another origin or no URL' }));
      return;
    }
    this.#posts = new HttpClient({ ...this.#options, url: endpoint.href });
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.(undefined);
  }

  #deliver(): void {
    while (this.#listener !== undefined && !this.#isPaused) {
      const message = this.#incoming.shift();
      if (message === undefined) break;
      if (this.#end?.isOurs !== true) this.#listener.message(message);
    }
    if (this.#end === undefined || this.#listener === undefined || (this.#incoming.length > 0 && this.#isPaused))
      return;
    const listener = this.#listener;
    this.#listener = undefined;
    listener.end(this.#end.isOurs ? 'closed' : 'lost', this.#end.detail);
  }

  #finish(isOurs: boolean, detail: string): void {
    if (this.#end !== undefined) return;
    this.#end = { isOurs, detail };
    this.#isPaused = false;
    queueMicrotask(() => this.#deliver());
  }

  // POSTs run side by side, and the server may see them in any order. What has no answer (`notifications/initialized`, an answer to a question)
  // must have arrived before what comes after it.
  #flush(): void {
    while (!this.#isHeldBack) {
      const next = this.#outgoing.shift();
      if (next === undefined || this.#posts === undefined) return;
      if (next.onLost === undefined) this.#isHeldBack = true;
      this.#post(this.#posts, next);
    }
  }

  #post(client: HttpClient, { message, onLost }: Waiting): void {
    const isOneWay = onLost === undefined;
    let isOver = false;
    const finish = (failure?: string): void => {
      if (isOver) return;
      isOver = true;
      this.#outgoingBytes -= message.length;
      if (isOneWay) this.#isHeldBack = false;
      if (failure !== undefined) onLost?.(failure);
      this.#flush();
    };
    client.send(
      { method: 'POST', headers: POST_HEADERS, body: message, ...(isOneWay ? { headersTimeoutMs: ONE_WAY_MS } : {}) },
      {
        onHeaders: (status) => {
          if (status === 404)
            this.fail(new GatewayError('upstream.lost', { cause: 'HTTP 404: the server forgot the session' }));
          finish(status >= 200 && status < 300 ? undefined : `HTTP ${status}`);
        },
        onData: () => undefined,
        onEnd: () => finish(),
        onError: (error) => finish(error.cause instanceof Error ? error.cause.message : error.message),
      },
    );
  }
}

function openError(status: number): GatewayError {
  const code = status === 401 || status === 403 ? 'upstream.auth' : 'upstream.unavailable';
  return new GatewayError(code, { cause: `HTTP ${status} instead of an event stream` });
}
