import type { Principal } from './ports.ts';
import { type KeyRing, openName, sealName } from './seal.ts';

/** A task where it lives: the configured upstream and its server's own id. */
export interface TaskPlace {
  readonly upstream: string;
  readonly id: string;
}

/** What a public id says. */
export interface NamedTask {
  readonly place: TaskPlace;
  /** The node of the fleet that gave the id out and knows the task. */
  readonly node: string | undefined;
}

/** Whoever asks. */
export interface TaskAsker {
  readonly principal: Principal;
  readonly sessionId: string | undefined;
}

/**
 * Whose a task is: a principal's. Strangers on an open route share one principal; their legacy sessions keep them apart, and without one an
 * unguessable id is all there is.
 */
export function taskOwner({ principal, sessionId }: TaskAsker): string {
  return principal.personal || sessionId === undefined
    ? JSON.stringify([principal.key])
    : JSON.stringify([principal.key, sessionId]);
}

/**
 * The task's public id: it names the upstream, and opens for its owner alone. A task has one public id, because clients compare them.
 * It is visible ASCII: the modern era sends it in `Mcp-Name`.
 */
export function nameTask(keys: KeyRing, owner: string, { upstream, id }: TaskPlace, node?: string): string {
  return sealName(keys, node === undefined ? [upstream, id] : [upstream, id, node], `task ${owner}`);
}

/** The task behind a public id; undefined when it is somebody else's, altered or invented: nobody learns which. */
export function findTask(keys: KeyRing, owner: string, name: string): NamedTask | undefined {
  const value = openName(keys, name, `task ${owner}`);
  if (!Array.isArray(value)) return undefined;
  const [upstream, id, node]: readonly unknown[] = value;
  if (typeof upstream !== 'string' || typeof id !== 'string') return undefined;
  return { place: { upstream, id }, node: typeof node === 'string' ? node : undefined };
}
