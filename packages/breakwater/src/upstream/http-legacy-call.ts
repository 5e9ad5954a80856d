import { GatewayError, isGatewayError } from '../core/errors.ts';
import type { CallControl, CallSink, Outcome, Timer, UpstreamCall } from '../core/ports.ts';
import type { RawId } from '../jsonrpc/id.ts';
import { type Message, type NotificationMessage, type RequestMessage, RpcCode } from '../jsonrpc/message.ts';
import type { ParseFault } from '../jsonrpc/parse.ts';
import { methodTraits } from '../protocol/methods.ts';
import { GET_HEADERS } from './http-headers.ts';
import { backoffMs, errorOfStatus, type HttpLeg, isAnswer, isIdOf, outcomeOf, postRequest } from './http-leg.ts';
import { type ResponseEnd, type ResponseReader, type ResponseSink, sendRequest } from './http-response.ts';
import type { LegacySession } from './http-session.ts';
import type { ResultWay } from './large-result.ts';

type StatusEnd = Extract<ResponseEnd, { kind: 'status' }>;
type BodyEnd = Exclude<ResponseEnd, StatusEnd>;

/** What a call needs of its handle. */
export interface CallHost {
  readonly leg: HttpLeg;
  /** The session to call in, once everything that must come before this call is done. Rejects with a GatewayError. */
  ready(call: UpstreamCall): LegacySession | Promise<LegacySession>;
  /** Replaces a session that the server forgot; shared by everybody who lost the same one. */
  renew(lost: LegacySession): Promise<LegacySession>;
  onRequest(message: RequestMessage, call: LegacyCall): void;
  onNotification(message: NotificationMessage, call: LegacyCall): void;
  /** Tells the server that nobody waits for this request any more. */
  onCancelled(call: LegacyCall, reason: string): void;
  /** The call is over, whatever the reason. */
  onOver(call: LegacyCall): void;
}

const MAX_RESUMES = 5;
const MIN_RETRY_MS = 50;
const MAX_RETRY_MS = 60_000;

/** One request on a legacy session, from its POST to its answer, over as many resumptions as it takes. */
export class LegacyCall implements CallControl, ResponseSink {
  readonly id: RawId;
  readonly call: UpstreamCall;
  readonly sink: CallSink;
  readonly #host: CallHost;
  readonly #params: Buffer | undefined;
  #session: LegacySession | undefined;
  #reader: ResponseReader | undefined;
  #timer: Timer | undefined;
  #fault: ParseFault | undefined;
  #isOver = false;
  #isPaused = false;
  #isReplay = false;
  #isResumed = false;
  /** A part of the result was passed on: nothing else can be the answer any more. */
  #hasBegun = false;
  #resumes = 0;
  #lastEventId: string | undefined;

  constructor(host: CallHost, init: { id: RawId; call: UpstreamCall; params: Buffer | undefined; sink: CallSink }) {
    this.#host = host;
    this.id = init.id;
    this.call = init.call;
    this.sink = init.sink;
    this.#params = init.params;
  }

  get token(): string | undefined {
    return this.call.progress ? String(this.id) : undefined;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Starts the call; without anything to wait for, the request is on its way when this returns. */
  start(): void {
    const session = this.#host.ready(this.call);
    if (session instanceof Promise) this.#continueWith(session);
    else this.#post(session);
  }

  pause(): void {
    this.#isPaused = true;
    this.#reader?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#reader?.resume();
  }

  cancel(reason: string): void {
    if (this.#isOver) return;
    if (this.#session !== undefined) this.#host.onCancelled(this, reason);
    this.#end();
    this.#reader?.abort();
  }

  /** Ends the call with an answer or a failure; harmless when it is over. */
  finish(outcome: Outcome): void {
    if (this.#isOver) return;
    this.#end();
    this.#reader?.release();
    this.sink.done(outcome);
  }

  onMessage(message: Message): void {
    if (this.#isOver) return;
    if (message.kind === 'notification') this.#host.onNotification(message, this);
    else if (message.kind === 'request') this.#host.onRequest(message, this);
    else if (isAnswer(message, this.id)) this.answer(message);
  }

  /** Takes the response to this request, wherever it arrived. */
  answer(message: Extract<Message, { kind: 'result' | 'error' }>): void {
    const revision = this.#session?.revision;
    // Attack: a server that answers on its GET stream, too, would write into the middle of a result.
    if (revision === undefined || this.#hasBegun) return;
    this.finish(outcomeOf(message, revision));
  }

  onLarge(id: RawId, bytes: number | undefined): ResultWay | undefined {
    const revision = this.#session?.revision;
    if (this.#isOver || revision === undefined || !isIdOf(id, this.id)) return undefined;
    const write = this.sink.beginResult?.({ revision, bytes });
    if (write === undefined) return undefined;
    this.#hasBegun = true;
    return { write, end: (last) => this.finish({ kind: 'result', revision, result: last }) };
  }

  onFault(fault: ParseFault): void {
    this.#fault = fault;
  }

  onEnd(end: ResponseEnd): void {
    const session = this.#session;
    if (this.#isOver || session === undefined) return;
    const isSeen = (this.#reader?.received ?? 0) > 0;
    if (isSeen) this.#resumes = 0;
    this.#lastEventId = this.#reader?.lastEventId ?? this.#lastEventId;
    if (end.kind === 'status') this.#onStatus(end, session);
    else if (this.#hasBegun || !this.#isBroken(end)) this.#fail(this.#errorOf(end));
    else if (this.#lastEventId !== undefined && session.revision >= '2025-03-26') this.#scheduleResume(session);
    else if (!isSeen && this.#isRepeatable && !this.#isReplay) {
      // Nothing of an answer was seen and asking again changes nothing: a stale kept-alive connection ends like this.
      this.#isReplay = true;
      this.#post(session);
    } else this.#fail(this.#errorOf(end));
  }

  /** True when the response was cut off, so that the rest of it may still be had. */
  #isBroken(end: BodyEnd): boolean {
    if (this.#fault !== undefined) return false;
    if (end.kind === 'closed') return end.format === 'sse' || this.#isResumed;
    const { code } = end.error;
    return (
      code === 'upstream.lost' || (this.#isResumed && (code === 'upstream.unavailable' || code === 'upstream.timeout'))
    );
  }

  #errorOf(end: BodyEnd): GatewayError {
    if (this.#fault !== undefined) return new GatewayError('upstream.invalid', { cause: this.#fault.message });
    if (end.kind === 'failed') return end.error;
    const isLost = end.format === 'sse' || this.#isResumed;
    return new GatewayError(isLost ? 'upstream.lost' : 'upstream.invalid', { cause: 'a response without an answer' });
  }

  get #isRepeatable(): boolean {
    return this.call.idempotent === true || methodTraits(this.call.method)?.safe === true;
  }

  #continueWith(session: Promise<LegacySession>): void {
    session.then(
      (ready) => {
        if (this.#isOver) return;
        // While it waited, another node of the fleet may have got the handle.
        if (this.sink.isHeld === false) this.#fail(new GatewayError('store.unavailable'));
        else this.#post(ready);
      },
      (error: unknown) =>
        this.#fail(error instanceof Error ? error : new GatewayError('gateway.internal', { cause: error })),
    );
  }

  #post(session: LegacySession): void {
    this.#session = session;
    const request = { id: this.id, method: this.call.method, params: this.#params, headers: session.headers };
    this.#read(postRequest(this.#host.leg, request, this));
  }

  #read(reader: ResponseReader): void {
    this.#reader = reader;
    if (this.#isPaused) reader.pause();
  }

  #onStatus(end: StatusEnd, session: LegacySession): void {
    const { status, error } = end;
    if (isSessionLost(end, session)) this.#onSessionLost(session);
    else if (this.#isResumed && (status === 409 || status >= 500)) this.#scheduleResume(session);
    else if (this.#isResumed) this.#fail(notResumed(`HTTP ${status}`));
    else if (error !== undefined && status !== 401 && status !== 403 && (status < 500 || error.id === this.id)) {
      this.finish({ kind: 'error', revision: session.revision, error: error.error });
    } else this.#fail(errorOfStatus(status, end.text));
  }

  #onSessionLost(session: LegacySession): void {
    const renewal = this.#host.renew(session);
    const isSeen = this.#isResumed || this.#lastEventId !== undefined;
    if (this.#isRepeatable && !this.#isReplay && !isSeen) {
      this.#isReplay = true;
      this.#session = undefined;
      this.#continueWith(renewal);
      return;
    }
    renewal.catch(() => undefined); // the handle ends then, and says so to everybody itself
    this.#fail(new GatewayError('upstream.session-lost'));
  }

  // 2025-11-25 servers may close the connection at any time and expect us back after `retry`: such polling is no failed try.
  #scheduleResume(session: LegacySession): void {
    if (this.#resumes >= MAX_RESUMES) {
      this.#fail(notResumed('too many tries'));
      return;
    }
    const asked = this.#reader?.retryMs;
    const delayMs =
      asked === undefined ? backoffMs(this.#resumes) : Math.min(Math.max(asked, MIN_RETRY_MS), MAX_RETRY_MS);
    this.#resumes++;
    this.#timer = this.#host.leg.clock.after(delayMs, () => {
      if (this.#isOver) return;
      this.#isResumed = true;
      const headers = [...GET_HEADERS, ...session.headers, 'last-event-id', this.#lastEventId ?? ''];
      const { client, maxMessageBytes } = this.#host.leg;
      this.#read(sendRequest(client, { method: 'GET', headers }, maxMessageBytes, this));
    });
  }

  #fail(error: Error): void {
    if (isGatewayError(error) && error.code === 'upstream.timeout' && !this.#isOver)
      this.#host.onCancelled(this, 'timeout');
    this.finish({ kind: 'failed', error });
  }

  #end(): void {
    this.#isOver = true;
    this.#timer?.clear();
    this.#host.onOver(this);
  }
}

function notResumed(why: string): GatewayError {
  return new GatewayError('upstream.lost', { cause: `the stream could not be resumed: ${why}` });
}

/** True when a status says that the server does not know the session: 404, or the 400 of servers built after the SDK's first examples. */
function isSessionLost(end: StatusEnd, session: LegacySession): boolean {
  if (session.id === undefined) return false;
  // An error that names our request was made by somebody who took it up, and speaks of something else.
  if (end.status === 400)
    return end.error?.id === undefined && /session/i.test(end.error?.error.toString() ?? end.text);
  return end.status === 404 && !isMethodNotFound(end);
}

// Some servers answer an unknown method with 404 in the legacy era, too.
function isMethodNotFound(end: StatusEnd): boolean {
  return end.error?.id !== undefined && end.error.error.includes(`${RpcCode.methodNotFound}`);
}
