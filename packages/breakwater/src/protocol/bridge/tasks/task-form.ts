import { type Edits, memberObject, memberValue, type RawObject, scanObject } from '../../../jsonrpc/raw.ts';
import { encodeError } from '../../../jsonrpc/write.ts';
import { META } from '../../meta.ts';
import { applyEdits, bytesOf, editMeta, writeObject } from '../edits.ts';
import type { Answer } from '../questions/answer.ts';
import { bridgeResult } from '../result.ts';

/** What a modern task carries inline and a task of 2025-11-25 does not. */
const INLINED: Edits = { inputRequests: undefined, result: undefined, error: undefined };

/** The acknowledgement of `tasks/update` and `tasks/cancel` in the modern era. */
export const TASK_ACKNOWLEDGED = Buffer.from('{"resultType":"complete"}');

/** True for a task that will not change any more. */
export function isTerminal(status: unknown): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled';
}

/** The `CreateTaskResult` of 2025-11-25 for a modern result of `resultType: "task"`. */
export function createTaskResultFromModern(result: RawObject): Buffer {
  const meta = bytesOf(result, '_meta');
  return writeObject({
    task: applyEdits(result, { ...legacyNames(result), ...INLINED, _meta: undefined }),
    _meta: meta,
  });
}

/** The modern `resultType: "task"` for a `CreateTaskResult` of 2025-11-25; undefined when it holds no task. */
export function createTaskResultFromLegacy(result: RawObject): Buffer | undefined {
  const task = memberObject(result, 'task');
  if (task === undefined || typeof memberValue(task, 'taskId') !== 'string') return undefined;
  const meta = bytesOf(result, '_meta');
  const status = memberValue(task, 'status');
  return applyEdits(task, {
    ...modernNames(task),
    resultType: '"task"',
    // What is over would have to hold its result, and what waits its questions: both are fetched.
    ...(status === 'cancelled' ? {} : { status: '"working"' }),
    ...(meta === undefined ? {} : { _meta: meta }),
  });
}

/**
 * The `tasks/get` or `tasks/cancel` result of 2025-11-25 for a modern task. What is inlined is left out; a tool result with `isError`, which
 * completes a modern task, fails a legacy one.
 */
export function tasksGetFromModern(task: RawObject): Buffer {
  const status = isErrorResult(task) ? { status: '"failed"' } : {};
  return applyEdits(task, { ...legacyNames(task), ...INLINED, ...status });
}

/** What a modern `tasks/get` carries beside the state of a legacy task. */
export interface TaskInline {
  /** What `tasks/result` answered, once the task is terminal; a result in the form of 2025-11-25. */
  readonly payload?: Answer;
  /** JSON bytes of `inputRequests`, while the task waits for input. */
  readonly inputRequests?: Buffer;
}

/** The modern `tasks/get` result for a legacy task and what is known beside it. */
export function tasksGetFromLegacy(task: RawObject, inline: TaskInline): Buffer {
  const edits = { ...modernNames(task), resultType: '"complete"', ...INLINED };
  const status = memberValue(task, 'status');
  const { payload, inputRequests } = inline;
  // The questions of a task that has ended are nobody's any more; one that waits has to say for what.
  if (status === 'input_required') {
    return applyEdits(
      task,
      inputRequests === undefined ? { ...edits, status: '"working"' } : { ...edits, inputRequests },
    );
  }
  if (!isTerminal(status) || status === 'cancelled') return applyEdits(task, edits);
  // Terminal without its payload: a client that believed it would look for a result that is not there.
  if (payload === undefined) return applyEdits(task, { ...edits, status: '"working"' });
  if ('error' in payload) return applyEdits(task, { ...edits, status: '"failed"', error: encodeError(payload.error) });
  const bridged = bridgeResult({
    method: 'tasks/result',
    result: payload.result,
    from: '2025-11-25',
    to: '2026-07-28',
  });
  const result = bridged.ok ? bridged.result : payload.result;
  return applyEdits(task, { ...edits, status: '"completed"', result });
}

/** `notifications/tasks/status` params of 2025-11-25 for the params of a modern `notifications/tasks`. */
export function taskStatusFromModern(params: RawObject): Buffer {
  const withoutListen = scanObject(applyEdits(params, editMeta(params, { [META.subscriptionId]: undefined })));
  return tasksGetFromModern(withoutListen ?? params);
}

/**
 * `notifications/tasks` params for a legacy status notification; undefined where the modern one would have to carry what the legacy one lacks:
 * whoever needs it polls.
 */
export function taskStatusFromLegacy(params: RawObject): Buffer | undefined {
  const status = memberValue(params, 'status');
  if (status !== 'working' && status !== 'cancelled') return undefined;
  const meta = editMeta(params, { [META.relatedTask]: undefined });
  return applyEdits(params, { ...modernNames(params), ...meta });
}

function isErrorResult(task: RawObject): boolean {
  const result = memberObject(task, 'result');
  return memberValue(task, 'status') === 'completed' && result !== undefined && memberValue(result, 'isError') === true;
}

// `ttl` is required in 2025-11-25, where null means without end.
function legacyNames(task: RawObject): Edits {
  return {
    resultType: undefined,
    ttlMs: undefined,
    pollIntervalMs: undefined,
    ttl: bytesOf(task, 'ttlMs') ?? 'null',
    pollInterval: bytesOf(task, 'pollIntervalMs'),
  };
}

function modernNames(task: RawObject): Edits {
  return {
    ttl: undefined,
    pollInterval: undefined,
    ttlMs: bytesOf(task, 'ttl') ?? 'null',
    pollIntervalMs: bytesOf(task, 'pollInterval'),
  };
}
