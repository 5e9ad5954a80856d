import { GatewayError } from '../core/errors.ts';
import type { CallControl, CallSink, Outcome, UpstreamCall } from '../core/ports.ts';
import type { RawId } from '../jsonrpc/id.ts';
import { type Message, RpcCode, type RpcError } from '../jsonrpc/message.ts';
import type { ParseFault } from '../jsonrpc/parse.ts';
import { decodeError } from '../jsonrpc/write.ts';
import { methodTraits } from '../protocol/methods.ts';
import type { ModernRevision } from '../protocol/revision.ts';
import {
  errorOfStatus,
  type HttpLeg,
  isAnswer,
  isIdOf,
  type LegRequest,
  outcomeOf,
  postRequest,
  warn,
} from './http-leg.ts';
import type { ResponseEnd, ResponseReader, ResponseSink } from './http-response.ts';
import type { ResultWay } from './large-result.ts';
import { idTokenOf } from './modern-feed.ts';

type Headers = Readonly<Record<string, string>>;
type StatusEnd = Extract<ResponseEnd, { kind: 'status' }>;

/** What a call needs of its handle. */
export interface ModernCallHost {
  readonly leg: HttpLeg;
  readonly revision: ModernRevision;
  /** The request as it must leave now, with an id of its own. */
  request(call: UpstreamCall, paramHeaders: Headers): LegRequest;
  /** The `Mcp-Param-*` headers of the call. */
  paramHeaders(call: UpstreamCall): Headers | Promise<Headers>;
  /** The server refused the headers: learns anew what it wants. */
  refreshHeaders(): Promise<void>;
  /** The server refused the revision: changes to another one that both sides serve, or returns false when there is none. */
  changeRevision(error: RpcError): boolean;
  /** The server does not speak the modern era any more. */
  onEraLost(detail: string): void;
  onOver(call: ModernCall): void;
}

/** One request to a modern server. Every try is a POST of its own with an id of its own; the end of its stream is the end of the request. */
export class ModernCall implements CallControl, ResponseSink {
  readonly #host: ModernCallHost;
  readonly #call: UpstreamCall;
  readonly #sink: CallSink;
  #id: RawId | undefined;
  #reader: ResponseReader | undefined;
  #fault: ParseFault | undefined;
  #isOver = false;
  #isPaused = false;
  // Each remedy is tried once: a server that refuses its own cure would be asked for ever.
  readonly #tried = new Set<'replay' | 'headers' | 'revision'>();

  constructor(host: ModernCallHost, call: UpstreamCall, sink: CallSink) {
    this.#host = host;
    this.#call = call;
    this.#sink = sink;
  }

  start(): void {
    const headers = this.#host.paramHeaders(this.#call);
    if (headers instanceof Promise)
      headers.then(
        (ready) => this.#post(ready),
        (error: unknown) => this.#fail(asError(error)),
      );
    else this.#post(headers);
  }

  pause(): void {
    this.#isPaused = true;
    this.#reader?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#reader?.resume();
  }

  // Closing the response stream is how a modern client cancels (2026-07-28 patterns/cancellation).
  cancel(): void {
    if (this.#isOver) return;
    this.#end();
    this.#reader?.abort();
  }

  /** Ends the call with an answer or a failure; harmless when it is over. */
  finish(outcome: Outcome): void {
    if (this.#isOver) return;
    this.#end();
    if (outcome.kind === 'failed') this.#reader?.abort();
    else this.#reader?.release();
    this.#sink.done(outcome);
  }

  onMessage(message: Message): void {
    if (this.#isOver || this.#id === undefined) return;
    const { revision, leg } = this.#host;
    if (message.kind === 'notification') {
      // A server that mixes up its tokens would show one call's progress in another's stream.
      const { method, params } = message;
      const token = params === undefined ? undefined : idTokenOf(params, 'progressToken');
      if (method !== 'notifications/progress' || token === this.#id) this.#sink.notify({ method, params, revision });
    } else if (message.kind === 'request')
      warn(leg, 'A modern server sent a request, which it must not.', { method: message.method });
    else if (!isAnswer(message, this.#id)) warn(leg, 'The server answered a request that was not sent.');
    else if (message.kind === 'result') this.finish(outcomeOf(message, revision));
    else this.#onError(message.error);
  }

  onLarge(id: RawId, bytes: number | undefined): ResultWay | undefined {
    if (this.#isOver || this.#id === undefined || !isIdOf(id, this.#id)) return undefined;
    const { revision } = this.#host;
    const write = this.#sink.beginResult?.({ revision, bytes });
    if (write === undefined) return undefined;
    return { write, end: (last) => this.finish({ kind: 'result', revision, result: last }) };
  }

  onFault(fault: ParseFault): void {
    this.#fault = fault;
  }

  onEnd(end: ResponseEnd): void {
    if (this.#isOver) return;
    const isBroken =
      end.kind === 'failed' ? end.error.code === 'upstream.lost' : end.kind === 'closed' && end.format === 'sse';
    const isSeen = (this.#reader?.received ?? 0) > 0;
    const isRepeatable = this.#call.idempotent === true || methodTraits(this.#call.method)?.safe === true;
    if (end.kind === 'status') this.#onStatus(end);
    else if (this.#fault !== undefined)
      this.#fail(new GatewayError('upstream.invalid', { cause: this.#fault.message }));
    // Nothing of an answer was seen and asking again changes nothing: a stale kept-alive connection ends like this.
    else if (isBroken && !isSeen && isRepeatable && this.#isFirst('replay')) this.start();
    else if (end.kind === 'failed') this.#fail(end.error);
    else
      this.#fail(
        new GatewayError(isBroken ? 'upstream.lost' : 'upstream.invalid', { cause: 'a response without an answer' }),
      );
  }

  #post(paramHeaders: Headers): void {
    if (this.#isOver) return;
    const request = this.#host.request(this.#call, paramHeaders);
    this.#id = request.id;
    this.#reader = postRequest(this.#host.leg, request, this);
    if (this.#isPaused) this.#reader.pause();
  }

  #onStatus({ status, text, error }: StatusEnd): void {
    const failure = errorOfStatus(status, text);
    // An error that names our request was made by a server that read it; without the id only modern codes are trusted.
    const isAnswered = error !== undefined && (error.id === this.#id || (status < 500 && isModernError(error.error)));
    if (failure.code === 'upstream.auth') this.#fail(failure);
    else if (isAnswered) this.#onError(error.error);
    else if (status === 400 || status === 404 || status === 405) {
      this.#host.onEraLost(`HTTP ${status}: ${text}`);
      this.#fail(new GatewayError('upstream.unavailable', { cause: failure.cause }));
    } else this.#fail(failure);
  }

  #onError(bytes: Buffer): void {
    const error = decodeError(bytes);
    const cause = bytes.toString();
    if (error?.code === RpcCode.headerMismatch) this.#onHeaderMismatch(new GatewayError('upstream.headers', { cause }));
    else if (error?.code !== RpcCode.unsupportedVersion) {
      this.finish({ kind: 'error', revision: this.#host.revision, error: bytes });
    } else if (!this.#host.changeRevision(error)) this.#fail(new GatewayError('upstream.unavailable', { cause }));
    else if (!this.#isFirst('revision')) this.#fail(new GatewayError('upstream.version', { cause }));
    else {
      this.#reader?.release();
      this.start();
    }
  }

  #onHeaderMismatch(failure: GatewayError): void {
    if (this.#call.method !== 'tools/call' || !this.#isFirst('headers')) {
      this.#fail(failure);
      return;
    }
    this.#reader?.release();
    this.#host.refreshHeaders().then(
      () => this.start(),
      () => this.#fail(failure),
    );
  }

  #isFirst(remedy: 'replay' | 'headers' | 'revision'): boolean {
    if (this.#tried.has(remedy)) return false;
    this.#tried.add(remedy);
    return true;
  }

  #fail(error: Error): void {
    this.finish({ kind: 'failed', error });
  }

  #end(): void {
    this.#isOver = true;
    this.#host.onOver(this);
  }
}

const MODERN_CODES: ReadonlySet<number> = new Set([
  RpcCode.headerMismatch,
  RpcCode.missingCapability,
  RpcCode.unsupportedVersion,
  RpcCode.invalidParams,
  RpcCode.methodNotFound,
]);

/** True for an error that only a modern server has reason to make of a well-formed modern request. */
export function isModernError(bytes: Buffer): boolean {
  const error = decodeError(bytes);
  return error !== undefined && MODERN_CODES.has(error.code);
}

function asError(value: unknown): Error {
  return value instanceof Error ? value : new GatewayError('gateway.internal', { cause: value });
}
