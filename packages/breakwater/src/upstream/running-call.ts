import type { GatewayError } from '../core/errors.ts';
import type { CallNotification, CallSink, Outcome, ServerQuestion, UpstreamCall } from '../core/ports.ts';
import type { RawId } from '../jsonrpc/id.ts';
import { memberValue, type RawObject } from '../jsonrpc/raw.ts';
import { methodTraits } from '../protocol/methods.ts';
import type { Revision } from '../protocol/revision.ts';
import type { ResponseReceiver } from './duplex-rpc.ts';

/** One call of a handle until its end, which is told exactly once, to the sink and then to the handle. */
export class RunningCall implements ResponseReceiver {
  readonly call: UpstreamCall;
  readonly isInteractive: boolean;
  /** Our id for it; undefined until it was sent. */
  id: RawId | undefined;
  isPaused = false;
  readonly #sink: CallSink;
  readonly #revision: Revision;
  readonly #onOver: (call: RunningCall) => void;
  #lastProgress = Number.NEGATIVE_INFINITY;
  #isOver = false;
  #leavesQuestions = false;

  constructor(call: UpstreamCall, sink: CallSink, revision: Revision, onOver: (call: RunningCall) => void) {
    this.call = call;
    this.isInteractive = methodTraits(call.method)?.interactive === true;
    this.#sink = sink;
    this.#revision = revision;
    this.#onOver = onOver;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** The server answered it, or nobody is there who could be asked: a question that was taken for its own may be another's. */
  get leavesQuestions(): boolean {
    return this.#leavesQuestions;
  }

  /** Passes a notification that belongs to this call. */
  notify(method: string, params: RawObject | undefined): void {
    const notification: CallNotification = { method, params, revision: this.#revision };
    if (!this.#isOver) this.#sink.notify(notification);
  }

  /** Passes progress, unless it does not increase: clients take such a value for an error of the protocol. */
  progress(method: string, params: RawObject): void {
    const value = memberValue(params, 'progress');
    if (typeof value !== 'number' || value <= this.#lastProgress) return;
    this.#lastProgress = value;
    this.notify(method, params);
  }

  /** The client is away to gather input for an earlier question. */
  get isSuspended(): boolean {
    return this.#sink.suspended === true;
  }

  /** False while another node may have the handle: it is not begun then. */
  get isHeld(): boolean {
    return this.#sink.isHeld !== false;
  }

  ask(question: ServerQuestion): void {
    this.#sink.ask(question);
  }

  onResult(result: Buffer, isSound: boolean | undefined): void {
    this.#leavesQuestions = true;
    this.#finish({ kind: 'result', revision: this.#revision, result, isSound });
  }

  onError(error: Buffer): void {
    this.#leavesQuestions = true;
    this.#finish({ kind: 'error', revision: this.#revision, error });
  }

  onFailed(error: GatewayError): void {
    this.#finish({ kind: 'failed', error });
  }

  /** Ends it without telling the sink. `isLost`: its caller is gone, and did not give it up. */
  abandon(isLost = false): void {
    if (this.#isOver) return;
    if (isLost) this.#leavesQuestions = true;
    this.#isOver = true;
    this.#onOver(this);
  }

  #finish(outcome: Outcome): void {
    if (this.#isOver) return;
    this.abandon();
    this.#sink.done(outcome);
  }
}
