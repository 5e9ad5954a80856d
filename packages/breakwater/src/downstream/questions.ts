import { randomUUID } from 'node:crypto';
import type { QuestionAnswer } from '../core/ports.ts';
import { makeId, type RawId } from '../jsonrpc/id.ts';
import { type ErrorMessage, type ResultMessage, RpcCode } from '../jsonrpc/message.ts';
import { decodeError } from '../jsonrpc/write.ts';

const UNREADABLE: QuestionAnswer = {
  error: { code: RpcCode.internalError, message: 'The client answered with an invalid error.' },
};

/** The requests that one legacy session's client was sent and has not answered. Only this session's answers can match them. */
export class Questions {
  readonly #open = new Map<RawId, (answer: QuestionAnswer) => void>();
  readonly #mint: (id: string) => string;

  /** @param mint makes of a fresh id one that says which node of the fleet asks. */
  constructor(mint: (id: string) => string = (id) => id) {
    this.#mint = mint;
  }

  /** Opens a question and returns the id to send it under, which is `named` where others have to know it. `onAnswer` is called at most once. */
  add(onAnswer: (answer: QuestionAnswer) => void, named?: string): RawId {
    const id = makeId(named ?? this.#mint(randomUUID()));
    this.#open.set(id, onAnswer);
    return id;
  }

  /** Forgets a question; false when it was answered or forgotten before. */
  drop(id: RawId): boolean {
    return this.#open.delete(id);
  }

  /** Takes a client's response. The first one wins; late, doubled and foreign ones are dropped. */
  take(message: ResultMessage | ErrorMessage): void {
    const onAnswer = message.id === undefined ? undefined : this.#open.get(message.id);
    if (message.id === undefined || onAnswer === undefined) return;
    this.#open.delete(message.id);
    if (message.kind === 'result') onAnswer({ result: message.result });
    else {
      const error = decodeError(message.error);
      onAnswer(error === undefined ? UNREADABLE : { error });
    }
  }
}
