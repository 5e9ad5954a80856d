import { memberObject, memberValue, type RawObject, scanObject } from '../../../jsonrpc/raw.ts';
import { isObject, type JsonObject } from '../../capabilities.ts';
import { TASKS_EXTENSION } from '../../meta.ts';
import type { Revision } from '../../revision.ts';
import { declaresTasks, wantsTask } from './task-call.ts';

/** One side of a leg: its revision and what it declared. */
export interface TaskParty {
  readonly revision: Revision;
  readonly capabilities: JsonObject;
}

/** True when the server may run a tool call as a task. */
export function servesTasks(revision: Revision, capabilities: JsonObject): boolean {
  if (revision === '2026-07-28') return declaresTasks(capabilities);
  if (revision !== '2025-11-25') return false;
  const requests = isObject(capabilities['tasks']) ? capabilities['tasks']['requests'] : undefined;
  return isObject(requests) && isObject(requests['tools']) && isObject(requests['tools']['call']);
}

/** True when client and server know tasks in the same form: nothing but the ids has to change between them. */
export function sharesTasks(client: TaskParty, server: TaskParty): boolean {
  if (client.revision !== server.revision || !servesTasks(server.revision, server.capabilities)) return false;
  return client.revision === '2025-11-25' || declaresTasks(client.capabilities);
}

/** True when both know tasks, each in the form of its own era, so that a task of the one can be told as one of the other (eras.md §2.8). */
export function crossesTasks(client: TaskParty, server: TaskParty): boolean {
  if (!servesTasks(server.revision, server.capabilities)) return false;
  if (client.revision === '2025-11-25') return server.revision === '2026-07-28';
  return client.revision === '2026-07-28' && server.revision === '2025-11-25' && declaresTasks(client.capabilities);
}

/** True when the call's answer may be a task for the client itself. A legacy client says so with each request. */
export function expectsTask(client: TaskParty, server: TaskParty, params: RawObject | undefined): boolean {
  return sharesTasks(client, server) && (client.revision === '2026-07-28' || wantsTask(params));
}

/** The task that a result announces, as the leg wrote it; undefined when the result is none. */
export function createdTask(result: Buffer, revision: Revision): RawObject | undefined {
  // Most results are long and no tasks: the word is looked for before the members are scanned.
  if (!result.includes(revision === '2026-07-28' ? '"task"' : '"taskId"')) return undefined;
  const object = scanObject(result);
  if (object === undefined) return undefined;
  if (revision !== '2026-07-28') return memberObject(object, 'task') === undefined ? undefined : object;
  return memberValue(object, 'resultType') === 'task' ? object : undefined;
}

/** True for the error of a modern server that runs this only for clients that know tasks (SEP-2663 §Required Capabilities). */
export function insistsOnTask(error: Buffer): boolean {
  const object = error.includes(TASKS_EXTENSION) ? scanObject(error) : undefined;
  const data =
    object === undefined || memberValue(object, 'code') !== -32_021 ? undefined : memberValue(object, 'data');
  const required = isObject(data) ? data['requiredCapabilities'] : undefined;
  const extensions = isObject(required) ? required['extensions'] : undefined;
  return isObject(extensions) && Object.hasOwn(extensions, TASKS_EXTENSION);
}

/** True for an answer by which a 2025-11-25 server may refuse a call that it only runs as a task (§Tool-Level Negotiation; the SDK says it with `isError`). */
export function mayRefusePlain(answer: { readonly result: Buffer } | { readonly error: Buffer }): boolean {
  if ('result' in answer) {
    if (!answer.result.includes('"isError"')) return false;
    const object = scanObject(answer.result);
    return object !== undefined && memberValue(object, 'isError') === true;
  }
  const object = scanObject(answer.error);
  return object !== undefined && memberValue(object, 'code') === -32_601;
}
