import { memberObject, memberValue, type RawObject } from '../../../jsonrpc/raw.ts';
import { bytesOf } from '../edits.ts';
import { bridgeError } from '../error.ts';
import { bridgeResult } from '../result.ts';

/** What a legacy client's `tasks/result` gets out of one poll of a modern task. */
export type TaskResultStep =
  /** Not over: poll again. */
  | { readonly kind: 'pending' }
  /** Have the client answer these on the stream of its `tasks/result`, send `tasks/update`, poll again. */
  | { readonly kind: 'input'; readonly inputRequests: Buffer }
  /** The answer, in the form of 2025-11-25. */
  | { readonly kind: 'result'; readonly result: Buffer }
  | { readonly kind: 'error'; readonly error: Buffer };

/** The answer of `tasks/result` for a modern task: a completed one gives its result (also one with `isError`), a failed one its JSON-RPC error. */
export function tasksResultFromModern(task: RawObject): TaskResultStep {
  const legs = { from: '2026-07-28', to: '2025-11-25' } as const;
  switch (memberValue(task, 'status')) {
    case 'completed': {
      const result = bytesOf(task, 'result');
      const bridged = result === undefined ? undefined : bridgeResult({ method: 'tasks/result', result, ...legs });
      return bridged?.ok === true ? { kind: 'result', result: bridged.result } : INVALID;
    }
    case 'failed': {
      const error = bytesOf(task, 'error');
      return error === undefined ? INVALID : bridgeError({ method: 'tools/call', error, ...legs });
    }
    case 'cancelled':
      return {
        kind: 'error',
        error: Buffer.from('{"code":-32602,"message":"The task was cancelled: it has no result."}'),
      };
    case 'input_required': {
      const requests = memberObject(task, 'inputRequests');
      const inputRequests = bytesOf(task, 'inputRequests');
      return requests === undefined || inputRequests === undefined
        ? { kind: 'pending' }
        : { kind: 'input', inputRequests };
    }
    default:
      return { kind: 'pending' };
  }
}

/**
 * The task the gateway makes up for a legacy client that asked for one, when its modern server answered directly: already over. `createdAt` is an
 * ISO 8601 time. `failed` says what 2025-11-25 says of an answer with `isError` or an error.
 */
export function completedTask(args: {
  readonly taskId: string;
  readonly createdAt: string;
  readonly ttlMs: number;
  readonly failed: boolean;
}): {
  readonly task: object;
} {
  const { taskId, createdAt, ttlMs, failed } = args;
  return { task: { taskId, status: failed ? 'failed' : 'completed', createdAt, lastUpdatedAt: createdAt, ttl: ttlMs } };
}

const INVALID: TaskResultStep = {
  kind: 'error',
  error: Buffer.from('{"code":-32603,"message":"Upstream sent an invalid message."}'),
};
