import { RpcCode } from '../jsonrpc/message.ts';
import { GatewayError } from './errors.ts';
import type { CallSink, Clock, Handle, Outcome, UpstreamCall } from './ports.ts';

/** How long a server may take for a request about a task that the gateway makes itself. */
const ASK_MS = 30_000;

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

/** Makes a request of the gateway's own about a task. Never rejects. */
export async function askServer(
  handle: Handle,
  call: Pick<UpstreamCall, 'method' | 'params' | 'client' | 'task'>,
  clock: Clock,
): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const control = handle.call({ ...call, progress: false, logLevel: undefined }, quietSink(resolve));
  const deadline = clock.after(ASK_MS, () => {
    control.cancel('deadline');
    resolve({ kind: 'failed', error: new GatewayError('upstream.timeout') });
  });
  const outcome = await promise;
  deadline.clear();
  return outcome;
}
