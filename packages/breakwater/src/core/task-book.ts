import type { RawObject } from '../jsonrpc/raw.ts';
import { memberValue, scanObject } from '../jsonrpc/raw.ts';
import { isTerminal } from '../protocol/bridge/tasks/task-form.ts';
import { renameTask } from '../protocol/bridge/tasks/task-id.ts';
import type { Emit } from './events.ts';
import type { Clock, Lease, ServerChange, Timer } from './ports.ts';
import type { KeyRing } from './seal.ts';
import type { Change } from './subscription.ts';
import { findTask, nameTask, type TaskAsker, type TaskPlace, taskOwner } from './task-name.ts';

/** A task that a client was told of. */
export interface NotedTask {
  readonly asker: TaskAsker;
  readonly place: TaskPlace;
  /** How long its server keeps it; undefined for without end. */
  readonly ttlMs: number | undefined;
  /** Brings the handle on which the task lives, where it would end with it. */
  readonly hold?: () => Promise<Lease>;
}

interface Entry {
  readonly name: string;
  readonly task: NotedTask;
  readonly expiry: Timer;
  /** Lets go of the handle. */
  release: (() => void) | undefined;
  over: boolean;
}

/** A task is remembered this long at most: servers without an end to theirs are common. */
const MAX_AGE_MS = 86_400_000;
/** Tasks remembered of one owner, and in all; the oldest are forgotten first, which costs them their place in `tasks/list`. */
const LIMITS = { perOwner: 1_000, owners: 10_000 };

/** The tasks of this node's clients: their public ids, whose they are, and the handles that must not be closed while they run. */
export class TaskBook {
  readonly #keys: KeyRing;
  readonly #clock: Clock;
  readonly #emit: Emit;
  readonly #owners = new Map<string, Map<string, Entry>>();
  readonly #listeners = new Map<string, Set<(change: Change) => void>>();

  constructor(options: { keys: KeyRing; clock: Clock; emit: Emit }) {
    this.#keys = options.keys;
    this.#clock = options.clock;
    this.#emit = options.emit;
  }

  /** The public id of a task for this asker. */
  nameOf(asker: TaskAsker, place: TaskPlace): string {
    return nameTask(this.#keys, taskOwner(asker), place);
  }

  /** The task behind a public id; undefined for everybody but its owner. */
  find(asker: TaskAsker, name: string): TaskPlace | undefined {
    return findTask(this.#keys, taskOwner(asker), name);
  }

  /** True for a task that was made for this asker and is remembered. */
  isNoted(asker: TaskAsker, place: TaskPlace): boolean {
    return this.#owners.get(taskOwner(asker))?.has(this.nameOf(asker, place)) === true;
  }

  /** Takes note of a task; harmless when it is known. Returns its public id. */
  note(task: NotedTask): string {
    const owner = taskOwner(task.asker);
    const name = this.nameOf(task.asker, task.place);
    const known = this.#owners.get(owner) ?? new Map<string, Entry>();
    if (known.has(name)) return name;
    this.#makeRoom(known);
    const expiry = this.#clock.after(Math.min(task.ttlMs ?? MAX_AGE_MS, MAX_AGE_MS), () => this.#forget(owner, name));
    const entry: Entry = { name, task, expiry, release: undefined, over: false };
    known.set(name, entry);
    this.#owners.set(owner, known);
    if (task.hold !== undefined) void this.#hold(entry, task.hold);
    return name;
  }

  /** Takes note of a task's state as its server told it: a task that is over holds no handle. */
  see(asker: TaskAsker, place: TaskPlace, status: unknown): void {
    if (!isTerminal(status)) return;
    const entry = this.#owners.get(taskOwner(asker))?.get(this.nameOf(asker, place));
    if (entry !== undefined) letGo(entry);
  }

  /** Listens for the state of the tasks of one legacy session. Returns the removal. */
  onStatus(sessionId: string, listener: (change: Change) => void): () => void {
    const listeners = this.#listeners.get(sessionId) ?? new Set();
    this.#listeners.set(sessionId, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(sessionId);
    };
  }

  /** Lets go of every handle. */
  close(): void {
    for (const [owner, entries] of this.#owners) for (const name of [...entries.keys()]) this.#forget(owner, name);
  }

  async #hold(entry: Entry, hold: () => Promise<Lease>): Promise<void> {
    const { place } = entry.task;
    try {
      const lease = await hold();
      if (entry.over) return lease.release();
      const { handle } = lease;
      const stops = [
        handle.onChange((change) => {
          if (change.kind === 'task' && change.taskId === place.id) this.#report(entry, change);
        }),
        // A server that is gone took its tasks along.
        handle.onEnd(() => letGo(entry)),
      ];
      entry.release = () => {
        for (const stop of stops) stop();
        lease.release();
      };
      await handle.watchTask(place.id);
    } catch (error) {
      const detail = { upstream: place.upstream, error };
      this.#emit({ type: 'notice', level: 'warn', message: 'The handle of a task could not be kept.', detail });
    }
  }

  #report(entry: Entry, { params }: ServerChange): void {
    const { asker, place } = entry.task;
    const renamed = params === undefined ? undefined : renameParams(params, place.id, entry.name);
    if (renamed === undefined) return;
    const listeners = asker.sessionId === undefined ? undefined : this.#listeners.get(asker.sessionId);
    for (const listener of listeners ?? []) listener({ kind: 'task', taskId: entry.name, params: renamed });
    this.see(asker, place, memberValue(renamed, 'status'));
  }

  #makeRoom(own: Map<string, Entry>): void {
    const [oldest] = own.values();
    if (own.size >= LIMITS.perOwner && oldest !== undefined) this.#forget(taskOwner(oldest.task.asker), oldest.name);
    const [first] = this.#owners;
    if (this.#owners.size < LIMITS.owners || own.size > 0 || first === undefined) return;
    for (const name of [...first[1].keys()]) this.#forget(first[0], name);
  }

  #forget(owner: string, name: string): void {
    const entries = this.#owners.get(owner);
    const entry = entries?.get(name);
    if (entries === undefined || entry === undefined) return;
    entry.expiry.clear();
    letGo(entry);
    entries.delete(name);
    if (entries.size === 0) this.#owners.delete(owner);
  }
}

/** A notification's params with the server's task id replaced by the public one. */
export function renameParams(params: RawObject, id: string, name: string): RawObject | undefined {
  const renamed = renameTask(params, (found) => (found === id ? name : undefined));
  return renamed === undefined ? undefined : scanObject(renamed);
}

function letGo(entry: Entry): void {
  entry.over = true;
  entry.release?.();
  entry.release = undefined;
}
