import type { Owner } from '../core/owner.ts';
import type { SessionAside } from '../core/ports.ts';
import { writeNotification, writeRequest } from '../jsonrpc/write.ts';
import type { Questions } from './questions.ts';
import type { SessionSide } from './session-state.ts';

/** The way to ask a session's client outside of any request: on the session's own stream, and answered like any other of its questions. */
export function makeAside(
  owner: Owner,
  questions: Questions,
  side: Pick<SessionSide, 'requestAside' | 'onceReadable'>,
): SessionAside {
  return {
    ask: (method, params, onAnswer) => {
      const id = questions.add(onAnswer);
      if (!side.requestAside(writeRequest(id, method, params))) {
        questions.drop(id);
        return undefined;
      }
      return {
        withdraw: (reason) => {
          if (!questions.drop(id)) return;
          const cancelled = Buffer.from(`{"requestId":${id},"reason":${JSON.stringify(reason)}}`);
          side.requestAside(writeNotification('notifications/cancelled', cancelled));
        },
      };
    },
    onceReadable: (run) => side.onceReadable(run),
    onEnd: (run) => owner.defer(run),
  };
}
