import type { RawObject } from '../../../jsonrpc/raw.ts';
import { META } from '../../meta.ts';
import { applyEdits, editMeta, writeObject } from '../edits.ts';

/** The result of a task as `tasks/result` of 2025-11-25 gives it: it names its task, by the client's id. */
export function withRelatedTask(result: RawObject, taskId: string): Buffer {
  const related = writeObject({ taskId: JSON.stringify(taskId) });
  return applyEdits(result, editMeta(result, { [META.relatedTask]: related }));
}

/** The result of a task for a client that knows no `tasks/result`. */
export function withoutRelatedTask(result: RawObject): Buffer {
  return applyEdits(result, editMeta(result, { [META.relatedTask]: undefined }));
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
