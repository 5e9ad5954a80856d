import { type RawObject, scanObject } from '../jsonrpc/raw.ts';
import { renameTask } from '../protocol/bridge/tasks/task-id.ts';

/** Bytes of a params or result with one task's id replaced. An id that is not this task's is none that anybody could use: it stays and opens nothing. */
export function renameIn(bytes: Buffer, from: string, to: string): Buffer {
  const object: RawObject | undefined = scanObject(bytes);
  if (object === undefined) return bytes;
  return renameTask(object, (id) => (id === from ? to : id)) ?? bytes;
}

/** How long a server says it keeps a task; undefined for without end and for nonsense. */
export function ttlOf(value: unknown): number | undefined {
  return typeof value === 'number' && value > 0 ? value : undefined;
}
