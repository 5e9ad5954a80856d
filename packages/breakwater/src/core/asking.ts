import { RpcCode, type RpcError } from '../jsonrpc/message.ts';
import { abandonQuestion } from '../protocol/bridge/questions/answer.ts';
import { bridgeAnswer } from '../protocol/bridge/questions/answer-form.ts';
import { bridgeQuestion } from '../protocol/bridge/questions/question-form.ts';
import type { ClientFacts, Reply, ServerQuestion } from './ports.ts';

/** What is sent to the client whose request a question belongs to, when it reads no stream (eras.md §2.13). */
export const NO_STREAM = 'the client did not allow a streaming response';

/**
 * Passes the question of a legacy server to a legacy client, each in its own form. `onOpen` and `onClose` frame the time in which a
 * person is being waited for.
 */
export function passQuestion(
  question: ServerQuestion,
  client: ClientFacts,
  reply: Reply,
  frame: { readonly onOpen: () => void; readonly onClose: () => void },
): void {
  const { method, params, revision: server } = question;
  const bridged = bridgeQuestion({ method, params, from: server, to: client.revision, profile: client.profile });
  if (!bridged.ok) return question.answer(bridged.answer);
  const asked = reply.ask(bridged.method, bridged.params, (answer) => {
    frame.onClose();
    question.answer(bridgeAnswer({ method, answer, from: client.revision, to: server }));
  });
  if (asked === undefined) return question.answer(unreachable(method));
  frame.onOpen();
  question.onWithdrawn(() => {
    frame.onClose();
    asked.withdraw('The server withdrew the question.');
  });
}

/** The answer to a question whose client reads no stream (eras.md §2.13). */
export function unreachable(method: string): { readonly result: Buffer } | { readonly error: RpcError } {
  if (method === 'elicitation/create') return abandonQuestion(method, NO_STREAM);
  return { error: { code: RpcCode.methodNotFound, message: `The client cannot be asked: ${NO_STREAM}.` } };
}
