import type { IncomingHttpHeaders } from 'node:http';
import { type Dispatcher, Pool } from 'undici';
import { GatewayError } from '../core/errors.ts';
import { ownHeaders } from './http-headers.ts';

/** How one configured server is reached over HTTP. Durations in ms. */
export interface HttpClientOptions {
  /** The endpoint, http or https. */
  readonly url: string;
  /** Configured headers, sent on every request and never logged; names the gateway owns are ignored. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly connectTimeoutMs?: number;
  /** Longest wait for response headers when a request names no other; a server that answers JSON sends them only when its tool is done. */
  readonly headersTimeoutMs?: number;
  /** Hears of every request: without an error when the server answered, with one when it could not be reached. */
  readonly onReached?: ((error: Error | undefined) => void) | undefined;
}

/** One HTTP request. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Names and values by turns, added to the configured headers. */
  readonly headers: readonly string[];
  readonly body?: Buffer | undefined;
  /** 0 means no limit of its own: the caller aborts. */
  readonly headersTimeoutMs?: number | undefined;
}

/** Receives one response. After `onEnd` or `onError`, exactly one of which is called unless the request is aborted, nothing follows. */
export interface HttpReceiver {
  onHeaders(status: number, headers: IncomingHttpHeaders): void;
  onData(chunk: Buffer): void;
  onEnd(): void;
  /** `upstream.unavailable`: never sent. `upstream.timeout`: no headers in time. `upstream.lost`: sent, and the connection broke. */
  onError(error: GatewayError): void;
}

/** A request under way. */
export interface HttpControl {
  pause(): void;
  resume(): void;
  /** Ends the request; the receiver hears nothing any more. Harmless when it is over. */
  abort(): void;
  /**
   * Says that the rest of the response is of no interest; the receiver hears nothing any more. The connection is kept when the server ends
   * the response soon, and dropped when it does not: aborting at once would cost every event stream its connection.
   */
  release(): void;
}

const LINGER_MS = 2_000;
const CONNECT_TIMEOUT_MS = 10_000;
const HEADERS_TIMEOUT_MS = 600_000;
const MAX_REDIRECTS = 3;

/**
 * The connections to one origin. Requests run over raw `dispatch`: fetch and web streams would cost ten times the call (performance.md §6).
 * It speaks HTTP/1.1 only, one request per connection at a time, so that pausing one response never holds up another.
 */
export class HttpClient {
  readonly #pool: Pool;
  /** Of the endpoint: a `URL` writes its parts anew each time it is asked. */
  readonly #path: string;
  readonly #sendingDeps: SendingDeps;

  constructor(options: HttpClientOptions) {
    const url = new URL(options.url);
    this.#path = url.pathname + url.search;
    this.#pool = new Pool(url.origin, {
      pipelining: 1,
      allowH2: false,
      connect: { timeout: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS },
      headersTimeout: options.headersTimeoutMs ?? HEADERS_TIMEOUT_MS,
      bodyTimeout: 0, // an event stream may be silent for hours; a call's own deadline aborts it
    });
    this.#sendingDeps = {
      pool: this.#pool,
      url,
      headers: ownHeaders(options.headers ?? {}),
      linger: new Linger(),
      onReached: options.onReached ?? noteNothing,
    };
  }

  /** Starts a request at the endpoint. Faults are reported to the receiver, never thrown. */
  send(request: HttpRequest, receiver: HttpReceiver): HttpControl {
    const sending = new Sending(this.#sendingDeps, request, receiver);
    sending.dispatch(this.#path);
    return sending;
  }

  /** Closes every connection; requests under way fail with `upstream.lost`. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

/** Aborts released responses that have not ended after one to two rounds of one timer for all of them. */
class Linger {
  #fresh = new Set<Sending>();
  #old = new Set<Sending>();
  #timer: NodeJS.Timeout | undefined;

  add(sending: Sending): void {
    this.#fresh.add(sending);
    this.#timer ??= setTimeout(() => this.#sweep(), LINGER_MS).unref();
  }

  delete(sending: Sending): void {
    if (!this.#fresh.delete(sending)) this.#old.delete(sending);
  }

  #sweep(): void {
    const due = this.#old;
    this.#old = this.#fresh;
    this.#fresh = new Set();
    for (const sending of due) sending.abort();
    this.#timer = this.#old.size === 0 ? undefined : setTimeout(() => this.#sweep(), LINGER_MS).unref();
  }
}

/** What all requests of one client share. */
interface SendingDeps {
  readonly pool: Pool;
  readonly url: URL;
  /** Configured headers, names and values by turns. */
  readonly headers: readonly string[];
  readonly linger: Linger;
  readonly onReached: (error: Error | undefined) => void;
}

class Sending implements HttpControl, Dispatcher.DispatchHandler {
  readonly #deps: SendingDeps;
  readonly #request: HttpRequest;
  readonly #receiver: HttpReceiver;
  #controller: Dispatcher.DispatchController | undefined;
  #over = false;
  #released = false;
  #paused = false;
  #dispatching = false;
  #hops = 0;
  #redirect: string | undefined;

  constructor(deps: SendingDeps, request: HttpRequest, receiver: HttpReceiver) {
    this.#deps = deps;
    this.#request = request;
    this.#receiver = receiver;
  }

  dispatch(path: string): void {
    const { method, headers, body, headersTimeoutMs } = this.#request;
    this.#controller = undefined;
    this.#dispatching = true;
    this.#deps.pool.dispatch(
      {
        path,
        method,
        headers: this.#deps.headers.length === 0 ? (headers as string[]) : [...this.#deps.headers, ...headers],
        body: body ?? null,
        // Null leaves it to the pool.
        headersTimeout: headersTimeoutMs ?? null,
      },
      this,
    );
    this.#dispatching = false;
  }

  pause(): void {
    this.#paused = true;
    this.#controller?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#controller?.resume();
  }

  abort(): void {
    if (this.#over) return;
    this.#finish();
    this.#controller?.abort(new Error('aborted'));
  }

  release(): void {
    if (this.#over || this.#released) return;
    this.#released = true;
    this.resume();
    // Most responses end in the same read: in a set that lives long, each that comes and goes costs more than its place.
    process.nextTick(Sending.#linger, this);
  }

  static #linger(sending: Sending): void {
    if (!sending.#over) sending.#deps.linger.add(sending);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over) controller.abort(new Error('aborted'));
    else if (this.#paused) controller.pause();
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (this.#isMute || status < 200) return;
    // A proxy that cannot reach the server, or a server that can take no more, is as good as none.
    this.#deps.onReached(status >= 502 && status <= 504 ? new Error(`status ${status}`) : undefined);
    this.#redirect = this.#redirectTarget(status, headers.location);
    if (this.#redirect === undefined) this.#receiver.onHeaders(status, headers);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#isMute && this.#redirect === undefined) this.#receiver.onData(chunk);
  }

  onResponseEnd(): void {
    const path = this.#redirect;
    if (path !== undefined && !this.#isMute) {
      this.#redirect = undefined;
      this.#hops++;
      this.dispatch(path);
      return;
    }
    if (this.#finish()) this.#receiver.onEnd();
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, cause: Error): void {
    // Before `onRequestStart` nothing was written: refused, unknown host, TLS. After it the server may have acted.
    const sent = this.#controller !== undefined;
    const code = !sent
      ? 'upstream.unavailable'
      : hasCode(cause, 'UND_ERR_HEADERS_TIMEOUT')
        ? 'upstream.timeout'
        : 'upstream.lost';
    if (!this.#isMute && code !== 'upstream.timeout') this.#deps.onReached(cause);
    const report = (): void => {
      if (this.#finish()) this.#receiver.onError(new GatewayError(code, { cause }));
    };
    // A pool that is closed fails the request inside `dispatch`, before the caller has its control.
    if (this.#dispatching) queueMicrotask(report);
    else report();
  }

  get #isMute(): boolean {
    return this.#over || this.#released;
  }

  /** Ends it; true when the receiver still has to be told. */
  #finish(): boolean {
    const tell = !this.#isMute;
    this.#over = true;
    if (this.#released) this.#deps.linger.delete(this);
    return tell;
  }

  // Only 307 and 308 repeat the same request, and only within the origin: configured credentials must not travel to another one.
  #redirectTarget(status: number, location: string | undefined): string | undefined {
    if ((status !== 307 && status !== 308) || location === undefined || this.#hops >= MAX_REDIRECTS) return undefined;
    const target = URL.parse(location, this.#deps.url.href);
    return target !== null && target.origin === this.#deps.url.origin ? target.pathname + target.search : undefined;
  }
}

function noteNothing(): void {
  // Nobody keeps count of this server's health.
}

function hasCode(error: Error, code: string): boolean {
  return (error as { code?: unknown }).code === code;
}
