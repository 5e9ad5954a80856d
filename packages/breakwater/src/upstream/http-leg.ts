import type { IncomingHttpHeaders } from 'node:http';
import { GatewayError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { Clock, ErrorOutcome, ResultOutcome } from '../core/ports.ts';
import type { RawId } from '../jsonrpc/id.ts';
import type { Message } from '../jsonrpc/message.ts';
import { writeNotification, writeRequest } from '../jsonrpc/write.ts';
import { methodTraits } from '../protocol/methods.ts';
import type { Revision } from '../protocol/revision.ts';
import type { HttpClient, HttpRequest } from './http-client.ts';
import { POST_HEADERS } from './http-headers.ts';
import { type ResponseEnd, type ResponseReader, type ResponseSink, sendRequest } from './http-response.ts';

/** What every conversation with one configured HTTP server works with. */
export interface HttpLeg {
  readonly upstream: string;
  readonly client: HttpClient;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly maxMessageBytes: number;
}

/** A JSON-RPC request as it leaves: headers by turns, beside those that every POST has. */
export interface LegRequest {
  readonly id: RawId;
  readonly method: string;
  readonly params: Buffer | undefined;
  readonly headers: readonly string[];
}

/** Sends a request and counts it. */
export function postRequest(leg: HttpLeg, request: LegRequest, sink: ResponseSink): ResponseReader {
  const { id, method, params, headers } = request;
  leg.emit({ type: 'upstream-request', upstream: leg.upstream, method });
  // A tool may take as long as its caller waits; whoever only reads may have forgotten to bound it.
  const headersTimeoutMs = methodTraits(method)?.safe === true ? undefined : 0;
  return post(leg, { body: writeRequest(id, method, params), headers, headersTimeoutMs }, sink);
}

function post(leg: HttpLeg, request: Omit<HttpRequest, 'method'>, sink: ResponseSink): ResponseReader {
  const { body, headersTimeoutMs } = request;
  const headers = [...POST_HEADERS, ...request.headers];
  return sendRequest(leg.client, { method: 'POST', headers, body, headersTimeoutMs }, leg.maxMessageBytes, sink);
}

/** Sends a notification and counts it. Resolves with how its response ended; never rejects. */
export function postNotification(
  leg: HttpLeg,
  method: string,
  params: Buffer | undefined,
  headers: readonly string[],
  bounds?: Bounds,
): Promise<ResponseEnd> {
  leg.emit({ type: 'upstream-request', upstream: leg.upstream, method });
  return postOneWay(leg, writeNotification(method, params), headers, bounds);
}

/** Sends a message that has no answer. Resolves with how its response ended; never rejects. */
export function postOneWay(
  leg: HttpLeg,
  body: Buffer,
  headers: readonly string[],
  bounds?: Bounds,
): Promise<ResponseEnd> {
  return new Promise((resolve) => {
    const finish = (end: ResponseEnd): void => {
      release();
      // A server that opens a stream here instead of 202 has taken the message all the same.
      if (end.kind === 'closed') reader.release();
      else reader.abort();
      resolve(end);
    };
    const release = watchBounds(leg, bounds ?? { deadline: leg.clock.now() + ONE_WAY_MS }, (error) =>
      finish({ kind: 'failed', error }),
    );
    const reader: ResponseReader = post(
      leg,
      { body, headers },
      {
        onOpen: () => finish({ kind: 'closed', format: undefined }),
        onMessage: () => undefined,
        onFault: () => undefined,
        onEnd: finish,
      },
    );
  });
}

/** The answer to a single request. */
export type SingleReply =
  | { readonly kind: 'result'; readonly result: Buffer; readonly headers: IncomingHttpHeaders }
  /** The server answered an error, in a 2xx response or as the body of another status. */
  | { readonly kind: 'error'; readonly error: Buffer; readonly status: number }
  /** An HTTP status whose body is no JSON-RPC error. `text` is for the log. */
  | { readonly kind: 'status'; readonly status: number; readonly text: string }
  | { readonly kind: 'failed'; readonly error: GatewayError };

/** How long something may take and what ends it early. */
export interface Bounds {
  /** Absolute time. */
  readonly deadline: number;
  readonly signal?: AbortSignal;
}

/** Calls `run` once when the bounds are reached (never before this returns), unless the returned function is called first. */
function watchBounds(leg: HttpLeg, bounds: Bounds, run: (error: GatewayError) => void): () => void {
  const { deadline, signal } = bounds;
  const onAbort = (): void => {
    release();
    run(new GatewayError('upstream.unavailable', { cause: signal?.reason }));
  };
  const release = (): void => {
    timer.clear();
    signal?.removeEventListener('abort', onAbort);
  };
  const timer = leg.clock.after(Math.max(0, deadline - leg.clock.now()), () => {
    release();
    run(new GatewayError('upstream.timeout'));
  });
  if (signal?.aborted === true) queueMicrotask(onAbort);
  else signal?.addEventListener('abort', onAbort);
  return release;
}

/** Sends one request of the handshake and waits for its answer; everything else the server says meanwhile is dropped. Never rejects. */
export function requestOnce(leg: HttpLeg, request: LegRequest, bounds: Bounds): Promise<SingleReply> {
  return new Promise((resolve) => {
    let headers: IncomingHttpHeaders = {};
    const finish = (reply: SingleReply): void => {
      release();
      if (reply.kind === 'failed') reader.abort();
      else reader.release();
      resolve(reply);
    };
    const release = watchBounds(leg, bounds, (error) => finish({ kind: 'failed', error }));
    const reader: ResponseReader = postRequest(leg, request, {
      onOpen: (received) => {
        headers = received;
      },
      onMessage: (message) => {
        if (!isAnswer(message, request.id)) return;
        if (message.kind === 'result') finish({ kind: 'result', result: message.result, headers });
        else finish({ kind: 'error', error: message.error, status: 200 });
      },
      onFault: (fault) =>
        finish({ kind: 'failed', error: new GatewayError('upstream.invalid', { cause: fault.message }) }),
      onEnd: (end) => finish(replyOfEnd(end)),
    });
  });
}

function replyOfEnd(end: ResponseEnd): SingleReply {
  if (end.kind === 'failed') return end;
  if (end.kind === 'closed')
    return { kind: 'failed', error: new GatewayError('upstream.invalid', { cause: 'a response without an answer' }) };
  if (end.error !== undefined) return { kind: 'error', error: end.error.error, status: end.status };
  return { kind: 'status', status: end.status, text: end.text };
}

/**
 * True for the response to request `id`, on a stream that belongs to that request alone: servers that turn numbers into strings, or answer
 * errors with a null id, mean no other (adcp#2408).
 */
export function isAnswer(message: Message, id: RawId): message is Extract<Message, { kind: 'result' | 'error' }> {
  if (message.kind !== 'result' && message.kind !== 'error') return false;
  if (message.id === undefined) return message.kind === 'error';
  return isIdOf(message.id, id);
}

/** True when a server that says `said` means request `id`; see {@link isAnswer}. */
export function isIdOf(said: RawId, id: RawId): boolean {
  return said === id || said === `"${id}"`;
}

/** A response of the server as the outcome of the call it answers. */
export function outcomeOf(
  message: Extract<Message, { kind: 'result' | 'error' }>,
  revision: Revision,
): ResultOutcome | ErrorOutcome {
  if (message.kind === 'error') return { kind: 'error', revision, error: message.error };
  return { kind: 'result', revision, result: message.result, isSound: message.isSound };
}

/** The gateway's error for an HTTP status that carries no answer. */
export function errorOfStatus(status: number, text: string): GatewayError {
  const cause = `HTTP ${status}: ${text}`;
  if (status === 401 || status === 403) return new GatewayError('upstream.auth', { cause });
  // 4xx that are neither about credentials nor about load: the two sides do not understand each other.
  const isRefusal = status >= 400 && status < 500 && status !== 408 && status !== 425 && status !== 429;
  return new GatewayError(isRefusal ? 'upstream.invalid' : 'upstream.unavailable', { cause });
}

const ONE_WAY_MS = 30_000;
const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 30_000;

/** The wait before reconnection number `attempt` (from 0). */
export function backoffMs(attempt: number): number {
  return Math.min(FIRST_DELAY_MS * 2 ** Math.min(attempt, 10), MAX_DELAY_MS);
}

/** Tells the operator something; `detail` may hold upstream text. */
export function warn(leg: HttpLeg, message: string, detail: Readonly<Record<string, unknown>> = {}): void {
  leg.emit({ type: 'notice', level: 'warn', message, detail: { upstream: leg.upstream, ...detail } });
}
