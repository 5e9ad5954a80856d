import type { ServerQuestion } from '../core/ports.ts';
import type { RawId } from '../jsonrpc/id.ts';
import { type RequestMessage, RpcCode, type RpcError } from '../jsonrpc/message.ts';
import { memberValue, type RawObject } from '../jsonrpc/raw.ts';
import { encodeError } from '../jsonrpc/write.ts';
import type { CapabilityProfile } from '../protocol/capabilities.ts';
import type { Revision } from '../protocol/revision.ts';
import type { DuplexRpc } from './duplex-rpc.ts';
import type { UpstreamLog } from './options.ts';
import { RunningCall } from './running-call.ts';

/** What a desk works with. */
export interface DeskOptions {
  readonly rpc: DuplexRpc;
  readonly log: UpstreamLog;
  readonly revision: Revision;
  /** What the server was told it may ask. */
  readonly declared: CapabilityProfile;
}

interface OpenQuestion {
  readonly call: RunningCall;
  readonly onWithdrawn: (() => void)[];
}

/** A server that asks faster than anybody answers is refused beyond this. */
const MAX_OPEN = 64;
const ENDED: RpcError = { code: RpcCode.internalError, message: 'The request this question belongs to has ended' };

/**
 * The questions of a legacy server (elicitation, sampling, roots) on a channel that does not say which call they belong to (eras.md §2.6): the
 * interactive call in flight whose client can be asked this; of several the oldest; none: the server is told so.
 */
export class QuestionDesk {
  readonly #options: DeskOptions;
  readonly #open = new Map<RawId, OpenQuestion>();

  constructor(options: DeskOptions) {
    this.#options = options;
  }

  /** Takes a request of the server. `calls` are those in flight, oldest first. */
  receive(request: RequestMessage, calls: Iterable<RunningCall>): void {
    const found = this.#findCall(request, [...calls]);
    if (found instanceof RunningCall) this.#ask(request, found);
    else this.#options.rpc.answer(request.id, { error: encodeError(found) });
  }

  /** The server no longer waits for an answer to `id`. */
  withdraw(id: RawId): void {
    const question = this.#open.get(id);
    this.#open.delete(id);
    for (const run of question?.onWithdrawn ?? []) run();
  }

  /** A call is over, and with it the questions that came with it. The server gets an answer to each: it may wait for one without end. */
  endCall(call: RunningCall): void {
    for (const [id, question] of this.#open) {
      if (question.call !== call) continue;
      this.#options.rpc.answer(id, { error: encodeError(ENDED) });
      this.withdraw(id);
    }
  }

  #ask({ id, method, params }: RequestMessage, call: RunningCall): void {
    const entry: OpenQuestion = { call, onWithdrawn: [] };
    this.#open.set(id, entry);
    const isOpen = (): boolean => this.#open.get(id) === entry;
    const question: ServerQuestion = {
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
    call.ask(question);
  }

  #findCall({ id, method, params }: RequestMessage, calls: readonly RunningCall[]): RunningCall | RpcError {
    const needed = neededCapability(method, params);
    if (needed === undefined) return { code: RpcCode.methodNotFound, message: 'Method not found' };
    if (this.#open.has(id)) return { code: RpcCode.invalidRequest, message: 'This id is in use' };
    if (this.#open.size >= MAX_OPEN) return { code: RpcCode.internalError, message: 'Too many open questions' };
    const interactive = calls.filter((call) => call.isInteractive);
    const able = interactive.filter((call) => this.#options.declared[needed] && call.call.client.profile[needed]);
    // A server that waits for an answer seldom asks again; a call whose client is away is the last choice.
    const waiting = able.filter((call) => !call.isSuspended);
    const likely = waiting.length > 0 ? waiting : able;
    if (likely.length > 1) {
      const detail = { method, calls: likely.length };
      this.#options.log('info', 'A question could belong to several calls; it goes to the oldest.', detail);
    }
    const message =
      interactive.length === 0 ? 'Client cannot be asked outside a request' : 'Client cannot be asked this';
    return likely[0] ?? { code: RpcCode.methodNotFound, message };
  }
}

function neededCapability(method: string, params: RawObject | undefined): keyof CapabilityProfile | undefined {
  if (method === 'sampling/createMessage') return 'sampling';
  if (method === 'roots/list') return 'roots';
  if (method !== 'elicitation/create') return undefined;
  return params !== undefined && memberValue(params, 'mode') === 'url' ? 'elicitUrl' : 'elicitForm';
}
