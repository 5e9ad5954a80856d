import type { RawObject } from '../jsonrpc/raw.ts';
import { memberValue, scanObject } from '../jsonrpc/raw.ts';
import { applyEdits } from '../protocol/bridge/edits.ts';
import { isTerminal } from '../protocol/bridge/tasks/task-form.ts';
import { renameTask } from '../protocol/bridge/tasks/task-id.ts';
import type { Emit } from './events.ts';
import type { Clock, Lease, ResultOutcome, ServerChange, Timer } from './ports.ts';
import type { KeyRing } from './seal.ts';
import type { Change } from './subscription.ts';
import type { TaskDesk } from './task-desk.ts';
import { findTask, nameTask, type TaskAsker, type TaskPlace, taskOwner } from './task-name.ts';

/** A task that a client was told of. */
export interface NotedTask {
  readonly asker: TaskAsker;
  readonly place: TaskPlace;
  /** How long its server keeps it; undefined for without end. */
  readonly ttlMs: number | undefined;
  /** The handle on which the task lives or is reported; the book releases it. */
  readonly lease?: Lease | undefined;
  /** What the server reports of the task, in the form of its client where that is another one; undefined for what cannot be told. */
  readonly translate?: (params: RawObject) => RawObject | undefined;
  /** The progress tokens of the call that made it, the server's and the client's (as JSON bytes), where its client wants progress. */
  readonly progress?: { readonly servers: string; readonly clients: Buffer } | undefined;
  /** Set for a task that its server knows nothing of. */
  readonly own?: OwnTask;
}

/** A task that was over when it was made: its state, in the form of its client, and its answer. */
export interface OwnTask {
  readonly state: Buffer;
  readonly outcome: ResultOutcome;
}

/** A remembered task by its public id. */
export interface KnownTask extends NotedTask {
  readonly name: string;
}

interface Entry {
  readonly name: string;
  readonly task: NotedTask;
  readonly expiry: Timer;
  /** Lets go of the handle. */
  release: (() => void) | undefined;
  /** Set while a task that is over keeps its handle for whoever fetches the result. */
  keeping: Timer | undefined;
  desk: TaskDesk | undefined;
}

/** A task is remembered this long at most: servers without an end to theirs are common. */
const MAX_AGE_MS = 86_400_000;
/** Tasks remembered of one owner, and in all; the oldest are forgotten first, which costs them their place in `tasks/list`. */
const LIMITS = { perOwner: 1_000, owners: 10_000 };
/** Handles that one owner's tasks keep from being closed: of more, that of the oldest task is let go. */
const MAX_HANDLES = 8;
/** How long a task that is over keeps its handle: with some handles the result would be gone. */
const KEEP_MS = 300_000;
/** Results that are kept here because their server knows nothing of the task; the oldest are forgotten first. */
const MAX_PAYLOAD_BYTES = 64 * 1_048_576;

/** The tasks of this node's clients: their public ids, whose they are, and the handles that must not be closed while they run. */
export class TaskBook {
  readonly #keys: KeyRing;
  readonly #clock: Clock;
  readonly #emit: Emit;
  readonly #owners = new Map<string, Map<string, Entry>>();
  readonly #listeners = new Map<string, Set<(change: Change) => void>>();
  /** Tasks with a result of their own, oldest first. */
  readonly #payloads = new Set<{ readonly owner: string; readonly entry: Entry; readonly bytes: number }>();
  #payloadBytes = 0;

  readonly #node: string | undefined;
  readonly #tellElsewhere: ((sessionId: string, change: Change) => void) | undefined;

  /**
   * @param options `node`: the name of this node of a fleet, whose nodes all have the same keys; `tellElsewhere`: tells a session whose stream
   *   another of them may have.
   */
  constructor(options: {
    keys: KeyRing;
    clock: Clock;
    emit: Emit;
    node?: string | undefined;
    tellElsewhere?: ((sessionId: string, change: Change) => void) | undefined;
  }) {
    this.#node = options.node;
    this.#tellElsewhere = options.tellElsewhere;
    this.#keys = options.keys;
    this.#clock = options.clock;
    this.#emit = options.emit;
  }

  /** The public id of a task for this asker. */
  nameOf(asker: TaskAsker, place: TaskPlace): string {
    return nameTask(this.#keys, taskOwner(asker), place, this.#node);
  }

  /** The task behind a public id; undefined for everybody but its owner. */
  find(asker: TaskAsker, name: string): TaskPlace | undefined {
    return findTask(this.#keys, taskOwner(asker), name)?.place;
  }

  /** The other node of the fleet that gave this id out. */
  nodeOf(asker: TaskAsker, name: string): string | undefined {
    if (this.#node === undefined) return undefined;
    const node = findTask(this.#keys, taskOwner(asker), name)?.node;
    return node === this.#node ? undefined : node;
  }

  /** True for a task that was made for this asker and is remembered. */
  isNoted(asker: TaskAsker, place: TaskPlace): boolean {
    return this.#owners.get(taskOwner(asker))?.has(this.nameOf(asker, place)) === true;
  }

  /** The asker's remembered tasks on one upstream, oldest first. */
  tasksOf(asker: TaskAsker, upstream: string): readonly KnownTask[] {
    const entries = [...(this.#owners.get(taskOwner(asker))?.values() ?? [])];
    return entries.filter(({ task }) => task.place.upstream === upstream).map(({ name, task }) => ({ ...task, name }));
  }

  /** The asker's task as it was noted; undefined when it is not remembered. */
  noted(asker: TaskAsker, place: TaskPlace): NotedTask | undefined {
    return this.#entryOf(asker, place)?.task;
  }

  /** The handle on which the asker's task lives, borrowed once more; undefined where any handle will do, or none is left. */
  pin(asker: TaskAsker, place: TaskPlace): Lease | undefined {
    const entry = this.#entryOf(asker, place);
    return entry?.release === undefined ? undefined : entry.task.lease?.share();
  }

  /** The handles on which the asker's tasks of one upstream live, each borrowed once more. */
  leasesOf(asker: TaskAsker, upstream: string): Lease[] {
    const entries = [...(this.#owners.get(taskOwner(asker))?.values() ?? [])];
    const held = entries.filter(({ task, release }) => task.place.upstream === upstream && release !== undefined);
    const byHandle = new Map(held.map(({ task: { lease } }) => [lease?.handle.id, lease]));
    return [...byHandle.values()].flatMap((lease) => (lease === undefined ? [] : [lease.share()]));
  }

  /** The questions of a legacy task, for a client that fetches them; made when it is first needed, closed with the task. */
  deskOf(asker: TaskAsker, place: TaskPlace, make: (lease: Lease) => TaskDesk): TaskDesk | undefined {
    const entry = this.#entryOf(asker, place);
    if (entry?.release === undefined || entry.task.lease === undefined) return undefined;
    entry.desk ??= make(entry.task.lease);
    return entry.desk;
  }

  /** Takes note of a task; harmless when it is known. Returns its public id. */
  note(task: NotedTask): string {
    const owner = taskOwner(task.asker);
    const name = this.nameOf(task.asker, task.place);
    const known = this.#owners.get(owner) ?? new Map<string, Entry>();
    if (known.has(name)) {
      task.lease?.release();
      return name;
    }
    this.#makeRoom(known);
    const expiry = this.#clock.after(Math.min(task.ttlMs ?? MAX_AGE_MS, MAX_AGE_MS), () => this.#forget(owner, name));
    const { principal, sessionId } = task.asker;
    // Neither the whole exchange, which an asker often is, nor a slice of its params: they would be kept for as long as the task.
    const progress = task.progress && { ...task.progress, clients: Buffer.from(task.progress.clients) };
    const kept: NotedTask = { ...task, asker: { principal, sessionId }, progress };
    const entry: Entry = { name, task: kept, expiry, release: undefined, keeping: undefined, desk: undefined };
    known.set(name, entry);
    this.#owners.set(owner, known);
    if (task.lease !== undefined) this.#hold(entry, task.lease);
    this.#boundHandles(known);
    if (task.own !== undefined) this.#keepPayload(owner, entry, task.own.outcome.result.length);
    return name;
  }

  /** Takes note of a task's state as its server told it: one that is over does not keep its handle for long. */
  see(asker: TaskAsker, place: TaskPlace, status: unknown): void {
    const entry = isTerminal(status) ? this.#entryOf(asker, place) : undefined;
    if (entry?.release === undefined) return;
    entry.keeping ??= this.#clock.after(KEEP_MS, () => letGo(entry));
  }

  /** The result of a task was fetched: nobody needs its handle any more. */
  finish(asker: TaskAsker, place: TaskPlace): void {
    const entry = this.#entryOf(asker, place);
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

  #entryOf(asker: TaskAsker, place: TaskPlace): Entry | undefined {
    return this.#owners.get(taskOwner(asker))?.get(this.nameOf(asker, place));
  }

  #hold(entry: Entry, lease: Lease): void {
    const { place } = entry.task;
    const { handle } = lease;
    const failed = (error: unknown): void => {
      const detail = { upstream: place.upstream, error };
      this.#emit({ type: 'notice', level: 'warn', message: 'A task will not be reported.', detail });
    };
    const stops: (() => void)[] = [];
    entry.release = () => {
      for (const stop of stops) stop();
      handle.unwatchTask(place.id).catch(() => undefined); // nobody listens any more, whatever comes of it
      lease.release();
    };
    stops.push(
      handle.onChange((change) => {
        if (change.kind === 'task' && change.taskId === place.id) this.#report(entry, change);
      }),
    );
    stops.push(handle.onProgress((token, params) => this.#reportProgress(entry, token, params)));
    // A server that is gone took its tasks along.
    stops.push(handle.onEnd(() => letGo(entry)));
    handle.watchTask(place.id).catch(failed);
  }

  // Attack: with a handle for each request, whoever makes tasks without end would hold every handle of the upstream.
  #boundHandles(entries: ReadonlyMap<string, Entry>): void {
    const held = new Set<string>();
    for (const { release, task } of entries.values())
      if (release !== undefined && task.lease !== undefined) held.add(task.lease.handle.id);
    if (held.size <= MAX_HANDLES) return;
    const [oldest] = held;
    for (const entry of entries.values()) if (entry.task.lease?.handle.id === oldest) letGo(entry);
  }

  #keepPayload(owner: string, entry: Entry, bytes: number): void {
    this.#payloads.add({ owner, entry, bytes });
    this.#payloadBytes += bytes;
    for (const oldest of this.#payloads) {
      if (this.#payloadBytes <= MAX_PAYLOAD_BYTES || oldest.entry === entry) return;
      this.#forget(oldest.owner, oldest.entry.name);
    }
  }

  #report(entry: Entry, { params }: ServerChange): void {
    const { asker, place, translate } = entry.task;
    const told = params === undefined || translate === undefined ? params : translate(params);
    const renamed = told === undefined ? undefined : renameParams(told, place.id, entry.name);
    if (renamed === undefined) return;
    this.#tell(asker, { kind: 'task', taskId: entry.name, params: renamed });
    this.see(asker, place, memberValue(renamed, 'status'));
  }

  #reportProgress(entry: Entry, token: string, params: RawObject): void {
    const { asker, place, progress } = entry.task;
    if (progress?.servers !== token || entry.keeping !== undefined) return;
    const own = scanObject(applyEdits(params, { progressToken: progress.clients }));
    const renamed = own === undefined ? undefined : renameParams(own, place.id, entry.name);
    if (renamed !== undefined)
      this.#tell(asker, { kind: 'task', taskId: entry.name, params: renamed, isProgress: true });
  }

  #tell({ sessionId }: TaskAsker, change: Change): void {
    if (sessionId === undefined) return;
    const listeners = this.#listeners.get(sessionId);
    if (listeners === undefined) this.#tellElsewhere?.(sessionId, change);
    else for (const listener of listeners) listener(change);
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
    for (const payload of this.#payloads) {
      if (payload.entry !== entry) continue;
      this.#payloads.delete(payload);
      this.#payloadBytes -= payload.bytes;
    }
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
  const { release, desk } = entry;
  entry.release = undefined;
  entry.desk = undefined;
  entry.keeping?.clear();
  desk?.close();
  release?.();
}
