import type { ServerQuestion } from '../core/ports.ts';
import type { RawId } from '../jsonrpc/id.ts';
import { type RequestMessage, RpcCode, type RpcError } from '../jsonrpc/message.ts';
import { memberValue } from '../jsonrpc/raw.ts';
import { encodeError } from '../jsonrpc/write.ts';
import type { CapabilityProfile } from '../protocol/capabilities.ts';
import type { Revision } from '../protocol/revision.ts';
import type { DuplexRpc } from './duplex-rpc.ts';
import type { UpstreamLog } from './options.ts';
import type { RunningCall } from './running-call.ts';

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
    const needed = neededCapability(request);
    if (needed === undefined) return this.#refuse(request.id, RpcCode.methodNotFound, 'Method not found');
    if (this.#open.has(request.id)) return this.#refuse(request.id, RpcCode.invalidRequest, 'This id is in use');
    if (this.#open.size >= MAX_OPEN) return this.#refuse(request.id, RpcCode.internalError, 'Too many open questions');
    const interactive = [...calls].filter((call) => call.isInteractive);
    if (interactive.length === 0) {
      return this.#refuse(request.id, RpcCode.methodNotFound, 'Client cannot be asked outside a request');
    }
    const able = interactive.filter((call) => this.#options.declared[needed] && call.call.client.profile[needed]);
    const call = able[0];
    if (call === undefined) return this.#refuse(request.id, RpcCode.methodNotFound, 'Client cannot be asked this');
    if (able.length > 1) {
      this.#options.log('info', 'A question could belong to several calls; it goes to the oldest.', { method: request.method, calls: able.length });
    }
    this.#ask(request, call);
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

  #refuse(id: RawId, code: number, message: string): void {
    this.#options.rpc.answer(id, { error: encodeError({ code, message }) });
  }
}

function neededCapability({ method, params }: RequestMessage): keyof CapabilityProfile | undefined {
  if (method === 'sampling/createMessage') return 'sampling';
  if (method === 'roots/list') return 'roots';
  if (method !== 'elicitation/create') return undefined;
  return params !== undefined && memberValue(params, 'mode') === 'url' ? 'elicitUrl' : 'elicitForm';
}
