import type { RpcError } from '../jsonrpc/message.ts';
import { RpcCode } from '../jsonrpc/message.ts';
import { memberObject, memberValue, type RawObject, scanObject } from '../jsonrpc/raw.ts';
import { readEntries, writeEntries } from '../protocol/bridge/questions/entries.ts';
import type { Revision } from '../protocol/revision.ts';
import type { ServerQuestion } from './ports.ts';

/** The answers to a task's questions (JSON bytes of `inputResponses`), or the first that was an error. */
export type TaskAnswers = { readonly inputResponses: Buffer } | { readonly error: RpcError };

const INVALID: RpcError = { code: RpcCode.internalError, message: 'Upstream sent an invalid message.' };

/** Asks each of a task's questions (JSON bytes of `inputRequests`) on its own; `done` is called once, when all are answered or one cannot be. */
export function askAll(
  inputRequests: Buffer,
  to: { readonly revision: Revision; readonly ask: (question: ServerQuestion) => void },
  done: (answers: TaskAnswers) => void,
): void {
  const object = scanObject(inputRequests);
  const entries = object === undefined ? undefined : readEntries(object);
  const questions = entries?.map(([key, value]) => readQuestion(key, value));
  if (questions === undefined || !questions.every((question) => question !== undefined))
    return done({ error: INVALID });
  const answers = new Map<string, Buffer>();
  let isOver = false;
  const take = (key: string, answer: Parameters<ServerQuestion['answer']>[0]): void => {
    if (isOver || answers.has(key)) return;
    if ('result' in answer) answers.set(key, answer.result);
    isOver = 'error' in answer || answers.size === questions.length;
    if ('error' in answer) done({ error: answer.error });
    else if (isOver) done({ inputResponses: writeEntries(answers) });
  };
  for (const { key, method, params } of questions) {
    to.ask({
      method,
      params,
      revision: to.revision,
      answer: (answer) => take(key, answer),
      // Nobody tells: a task that ends takes its questions with it, and the call ends then, too.
      onWithdrawn: () => undefined,
    });
  }
}

interface Question {
  readonly key: string;
  readonly method: string;
  readonly params: RawObject | undefined;
}

function readQuestion(key: string, value: Buffer): Question | undefined {
  const object = scanObject(value);
  const method = object === undefined ? undefined : memberValue(object, 'method');
  if (object === undefined || typeof method !== 'string') return undefined;
  return { key, method, params: memberObject(object, 'params') };
}
