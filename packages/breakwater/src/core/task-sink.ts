import { RpcCode } from '../jsonrpc/message.ts';
import type { CallSink, Outcome } from './ports.ts';

/** A sink for the gateway's own requests about a task: nothing may be asked in the middle of them, and only their end is heard. */
export function quietSink(done: (outcome: Outcome) => void): CallSink {
  return {
    notify: () => undefined,
    ask: (question) => {
      const error = { code: RpcCode.methodNotFound, message: 'This request cannot ask the client.' };
      question.answer({ error });
    },
    done,
  };
}
