import type { ServerQuestion } from '../core/ports.ts';
import type { RawId } from '../jsonrpc/id.ts';
import { type RequestMessage, RpcCode, type RpcError } from '../jsonrpc/message.ts';
import { encodeError } from '../jsonrpc/write.ts';
import type { CapabilityProfile } from '../protocol/capabilities.ts';
import type { Revision } from '../protocol/revision.ts';
import type { DuplexRpc } from './duplex-rpc.ts';
import type { UpstreamLog } from './options.ts';
import { isAboutTaskOf, neededCapability, refuseQuestion } from './question-kind.ts';
import type { RunningCall } from './running-call.ts';

/** What a desk works with. */
export interface DeskOptions {
  readonly rpc: DuplexRpc;
  readonly log: UpstreamLog;
  readonly revision: Revision;
  /** What the server was told it may ask. */
  readonly declared: CapabilityProfile;
  /** Offers a question that belongs to no call; false when nobody takes it. */
  readonly offer: (question: ServerQuestion) => boolean;
}

interface OpenQuestion {
  readonly request: RequestMessage;
  /** Undefined for one outside of any call. */
  readonly call: RunningCall | undefined;
  readonly onWithdrawn: (() => void)[];
}

/** A server that asks faster than anybody answers is refused beyond this. */
const MAX_OPEN = 64;
const ENDED: RpcError = { code: RpcCode.internalError, message: 'The request this question belongs to has ended' };

/**
 * The questions of a legacy server (elicitation, sampling, roots) on a channel that does not say which call they belong to (eras.md §2.6): the
 * call of the task that it names; the interactive call in flight whose client can be asked this; of several the oldest without an open question; none:
 * whoever takes questions outside of calls, or the server is refused.
 */
export class QuestionDesk {
  readonly #options: DeskOptions;
  readonly #open = new Map<RawId, OpenQuestion>();

  constructor(options: DeskOptions) {
    this.#options = options;
  }

  /** Takes a request of the server. `calls` are those in flight, oldest first. */
  receive(request: RequestMessage, calls: Iterable<RunningCall>): void {
    const fault = this.#faultOf(request);
    if (fault !== undefined) return this.#options.rpc.answer(request.id, { error: encodeError(fault) });
    const interactive = [...calls].filter((call) => call.isInteractive);
    const call = this.#findCall(request, interactive);
    const question = this.#makeQuestion(request, call);
    if (call !== undefined) call.ask(question);
    else if (!this.#mayAsk(request) || !this.#options.offer(question))
      question.answer(refuseQuestion(request.method, interactive.length > 0));
  }

  /** The server no longer waits for an answer to `id`. */
  withdraw(id: RawId): void {
    const question = this.#open.get(id);
    this.#open.delete(id);
    for (const run of question?.onWithdrawn ?? []) run();
  }

  /**
   * A call is over; `others` are those still in flight. A server that answered it and still waits for an answer asked for another one: that one is asked
   * then. Without such a call the server gets an error: it may wait without end.
   */
  endCall(call: RunningCall, others: Iterable<RunningCall>): void {
    if (this.#open.size === 0) return;
    const able = call.leavesQuestions ? [...others].filter((each) => each.isInteractive) : [];
    for (const [id, question] of [...this.#open]) {
      if (question.call !== call) continue;
      const { request } = question;
      const next = this.#findCall(request, able);
      this.withdraw(id);
      if (next === undefined) this.#options.rpc.answer(id, { error: encodeError(ENDED) });
      else next.ask(this.#makeQuestion(request, next));
    }
  }

  #makeQuestion(request: RequestMessage, call: RunningCall | undefined): ServerQuestion {
    const { id, method, params } = request;
    const entry: OpenQuestion = { request, call, onWithdrawn: [] };
    this.#open.set(id, entry);
    const isOpen = (): boolean => this.#open.get(id) === entry;
    return {
      method,
      params,
      revision: this.#options.revision,
      answer: (answer) => {
        if (!isOpen()) return;
        this.#open.delete(id);
        this.#options.rpc.answer(id, 'result' in answer ? answer : { error: encodeError(answer.error) });
      },
      onWithdrawn: (run) => {
        if (isOpen()) entry.onWithdrawn.push(run);
        else run();
      },
    };
  }

  #faultOf({ id, method, params }: RequestMessage): RpcError | undefined {
    if (neededCapability(method, params) === undefined)
      return { code: RpcCode.methodNotFound, message: 'Method not found' };
    if (this.#open.has(id)) return { code: RpcCode.invalidRequest, message: 'This id is in use' };
    if (this.#open.size >= MAX_OPEN) return { code: RpcCode.internalError, message: 'Too many open questions' };
    return undefined;
  }

  #mayAsk({ method, params }: RequestMessage): boolean {
    const needed = neededCapability(method, params);
    return needed !== undefined && this.#options.declared[needed];
  }

  #findCall(request: RequestMessage, interactive: readonly RunningCall[]): RunningCall | undefined {
    const { method, params } = request;
    const needed = neededCapability(method, params);
    if (needed === undefined || !this.#mayAsk(request)) return undefined;
    const able = interactive.filter(({ call }) => call.client.profile[needed]);
    const named = able.find(({ call }) => isAboutTaskOf(params, call));
    if (named !== undefined) return named;
    // A server that waits for an answer seldom asks again: a call that has asked comes after those that have not, and one whose client is away is the
    // last choice.
    const asking = new Set([...this.#open.values()].map(({ call }) => call));
    const present = able.filter((call) => !call.isSuspended);
    const quiet = present.filter((call) => !asking.has(call));
    const likely = [quiet, present, able].find((each) => each.length > 0) ?? able;
    if (likely.length > 1) {
      const detail = { method, calls: likely.length };
      this.#options.log('info', 'A question could belong to several calls; it goes to the oldest.', detail);
    }
    return likely[0];
  }
}
