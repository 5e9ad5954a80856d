import type { ServerQuestion } from '../core/ports.ts';
import type { RawId } from '../jsonrpc/id.ts';
import { type RequestMessage, RpcCode } from '../jsonrpc/message.ts';
import { memberValue, type RawObject } from '../jsonrpc/raw.ts';
import { encodeError, writeError, writeResult } from '../jsonrpc/write.ts';
import type { LegacyRevision } from '../protocol/revision.ts';

interface Pending {
  /** The call it belongs to. */
  readonly owner: object;
  readonly withdraw: () => void;
}

/** A server that asks faster than anybody answers is refused beyond this. */
const MAX_OPEN = 64;
const FLOOD = { code: RpcCode.internalError, message: 'Too many open questions' };
const OVER = { code: RpcCode.internalError, message: 'The request this question belongs to has ended.' };

/** The questions a server has asked on a session and still waits for. */
export class Questions {
  readonly #pending = new Map<RawId, Pending>();
  readonly #send: (answer: Buffer) => void;

  /** @param send brings an answer's bytes to the server. */
  constructor(send: (answer: Buffer) => void) {
    this.#send = send;
  }

  /**
   * Makes a question of a server's request; undefined when the same one is pending already (a stream that was replayed), or when too many are: the
   * server is told so.
   */
  add(message: RequestMessage, revision: LegacyRevision, owner: object): ServerQuestion | undefined {
    const { id, method, params } = message;
    if (this.#pending.has(id)) return undefined;
    if (this.#pending.size >= MAX_OPEN) {
      this.#send(writeError(id, encodeError(FLOOD)));
      return undefined;
    }
    const listeners: (() => void)[] = [];
    let isWithdrawn = false;
    const withdraw = (): void => {
      this.#pending.delete(id);
      isWithdrawn = true;
      for (const run of listeners.splice(0)) run();
    };
    const pending: Pending = { owner, withdraw };
    this.#pending.set(id, pending);
    return {
      method,
      params,
      revision,
      answer: (answer) => {
        if (this.#pending.get(id) !== pending) return;
        this.#pending.delete(id);
        this.#send('result' in answer ? writeResult(id, answer.result) : writeError(id, encodeError(answer.error)));
      },
      onWithdrawn: (run) => {
        if (isWithdrawn) run();
        else listeners.push(run);
      },
    };
  }

  /** Takes a server's `notifications/cancelled`; one about anything else than a pending question is ignored. */
  withdraw(params: RawObject | undefined): void {
    const id = params === undefined ? undefined : memberValue(params, 'requestId');
    if (id !== undefined) this.#pending.get(JSON.stringify(id) as RawId)?.withdraw();
  }

  /** Withdraws the questions of a call that is over. The server gets an answer to each: it may wait for one without end. */
  withdrawAll(owner: object): void {
    if (this.#pending.size === 0) return;
    for (const [id, pending] of [...this.#pending]) {
      if (pending.owner !== owner) continue;
      pending.withdraw();
      this.#send(writeError(id, encodeError(OVER)));
    }
  }
}
