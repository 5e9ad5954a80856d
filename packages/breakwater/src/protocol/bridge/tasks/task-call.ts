import { encodeJson, memberObject, memberValue, type RawObject } from '../../../jsonrpc/raw.ts';
import type { JsonObject } from '../../capabilities.ts';
import { isObject } from '../../capabilities.ts';
import { TASKS_EXTENSION } from '../../meta.ts';
import { applyEdits, writeObject } from '../edits.ts';
import { taskIdOf } from './task-id.ts';

/** The client capabilities with the tasks extension declared: the modern server may then answer with a task. */
export function declareTasks(capabilities: JsonObject): JsonObject {
  const extensions = isObject(capabilities['extensions']) ? capabilities['extensions'] : {};
  return { ...capabilities, extensions: { ...extensions, [TASKS_EXTENSION]: {} } };
}

/** True when the modern client declared the tasks extension on this request. */
export function declaresTasks(capabilities: JsonObject): boolean {
  return isObject(capabilities['extensions']) && isObject(capabilities['extensions'][TASKS_EXTENSION]);
}

/** True when a request of 2025-11-25 asks to be run as a task. */
export function wantsTask(params: RawObject | undefined): boolean {
  return params !== undefined && memberObject(params, 'task') !== undefined;
}

/** `tools/call` params for a 2025-11-25 server with the task opt-in of that revision. */
export function taskCallToLegacy(params: RawObject, ttlMs: number): Buffer {
  return applyEdits(params, { task: writeObject({ ttl: String(ttlMs) }) });
}

/** `execution.taskSupport` of a tool as its server declared it; `forbidden` where it says nothing. */
export function taskSupportOf(tool: RawObject): 'forbidden' | 'optional' | 'required' {
  const execution = memberObject(tool, 'execution');
  const support = execution === undefined ? undefined : memberValue(execution, 'taskSupport');
  return support === 'optional' || support === 'required' ? support : 'forbidden';
}

/**
 * The request that absorbs a task of 2025-11-25: `tasks/result` blocks until the task ends and carries its questions on its own stream. Undefined
 * when the server's answer is no task, but already the result.
 */
export function absorbLegacyTask(
  result: RawObject,
): { readonly method: 'tasks/result'; readonly params: Buffer } | undefined {
  if (memberObject(result, 'task') === undefined) return undefined;
  const taskId = taskIdOf(result);
  return taskId === undefined ? undefined : { method: 'tasks/result', params: encodeJson({ taskId }) };
}
