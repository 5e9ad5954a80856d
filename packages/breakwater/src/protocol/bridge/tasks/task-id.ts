import {
  type Edits,
  findMember,
  memberObject,
  memberValue,
  ownText,
  type RawObject,
  scanObject,
} from '../../../jsonrpc/raw.ts';
import { META } from '../../meta.ts';
import { applyEdits, bytesOf, editMeta, mapArray, writeArray } from '../edits.ts';

/** Another name of a task, or undefined for one that is not to be seen: seals the server's id for a client, opens it on the way back. */
export type MapTaskId = (id: string) => string | undefined;

/**
 * The message's params or result with its task ids renamed, wherever a revision keeps one: `taskId`, `task.taskId`, the related-task meta,
 * `taskIds` of a listen filter. Undefined when an id has no other name. Bytes without ids stay.
 */
export function renameTask(object: RawObject, map: MapTaskId): Buffer | undefined {
  const renames = [renameHere(object, map), renameInner(object, 'task', map), renameRelated(object, map)];
  if (renames.some((edits) => edits === undefined)) return undefined;
  return applyEdits(object, { ...renames[0], ...renames[1], ...renames[2], ...renameListen(object, map) });
}

/** A `tasks/list` result with its tasks renamed; those without another name (somebody else's) are left out. */
export function renameTaskList(result: RawObject, map: MapTaskId): Buffer {
  return applyEdits(
    result,
    mapArray(result, 'tasks', (element) => {
      const task = scanObject(element);
      return task === undefined ? undefined : renameTask(task, map);
    }),
  );
}

function renameHere(object: RawObject, map: MapTaskId): Edits | undefined {
  const id = memberValue(object, 'taskId');
  if (typeof id !== 'string') return {};
  const renamed = map(id);
  return renamed === undefined ? undefined : { taskId: JSON.stringify(renamed) };
}

function renameInner(object: RawObject, key: string, map: MapTaskId): Edits | undefined {
  const inner = memberObject(object, key);
  const edits = inner === undefined ? {} : renameHere(inner, map);
  if (inner === undefined || edits === undefined) return edits;
  return Object.keys(edits).length === 0 ? {} : { [key]: applyEdits(inner, edits) };
}

function renameRelated(object: RawObject, map: MapTaskId): Edits | undefined {
  const meta = memberObject(object, '_meta');
  const related = meta === undefined ? undefined : memberObject(meta, META.relatedTask);
  const edits = related === undefined ? {} : renameHere(related, map);
  if (related === undefined || edits === undefined) return edits;
  return editMeta(object, { [META.relatedTask]: applyEdits(related, edits) });
}

// Ids in a listen filter that are not the client's are left out of it, like every other thing a server does not acknowledge.
function renameListen(object: RawObject, map: MapTaskId): Edits {
  const notifications = memberObject(object, 'notifications');
  const holder = notifications ?? object;
  const member = findMember(holder, 'taskIds');
  const ids = member === undefined ? undefined : memberValue(holder, 'taskIds');
  if (!Array.isArray(ids)) return {};
  const renamed = ids.map((id) => (typeof id === 'string' ? map(id) : undefined)).filter((id) => id !== undefined);
  const edits = { taskIds: writeArray(renamed.map((id) => Buffer.from(JSON.stringify(id)))) };
  return notifications === undefined ? edits : { notifications: applyEdits(notifications, edits) };
}

/** The id of the task a message is about, or undefined. */
export function taskIdOf(object: RawObject): string | undefined {
  const inner = bytesOf(object, 'taskId') === undefined ? memberObject(object, 'task') : object;
  const id = inner === undefined ? undefined : memberValue(inner, 'taskId');
  // Tasks are remembered for longer than the message that named them.
  return typeof id === 'string' ? ownText(id) : undefined;
}
