import type { RawObject } from '../jsonrpc/raw.ts';
import { declaresTasks } from '../protocol/bridge/tasks/task-call.ts';
import { eraOf } from '../protocol/revision.ts';
import { handleNeed } from './catalogue.ts';
import type { Emit } from './events.ts';
import type { Clock, Lease, Timer } from './ports.ts';
import type { RouteMember } from './route.ts';
import type { Change, Subscriber } from './subscription.ts';
import { renameParams, type TaskBook } from './task-book.ts';
import type { CrossTasks } from './task-cross.ts';
import type { TaskPlace } from './task-name.ts';

/** What a {@link TaskWatch} works with. */
export interface TaskWatchDeps {
  readonly book: TaskBook;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly members: readonly RouteMember[];
  readonly subscriber: Subscriber;
  readonly listener: (change: Change) => void;
  /** What is told of a task of a server of the other era, from what the server reported. */
  readonly cross: Pick<CrossTasks, 'describe'>;
  /** A number in [0, 1); Math.random unless a test needs to know it. */
  readonly jitter?: () => number;
}

const RETRY_MS = 2_000;
const MAX_RETRY_MS = 60_000;

/** One task of a modern listen filter: its server is asked to report it for as long as the subscription is open. */
export class TaskWatch {
  readonly #deps: TaskWatchDeps;
  readonly #name: string;
  #lease: Lease | undefined;
  #place: TaskPlace | undefined;
  #stop: (() => void) | undefined;
  #retry: Timer | undefined;
  #attempt = 0;
  #watchedAt = 0;
  #closed = false;

  constructor(deps: TaskWatchDeps, name: string) {
    this.#deps = deps;
    this.#name = name;
  }

  /** True when the server will report the task; false also for a task that is not the subscriber's. */
  async start(): Promise<boolean> {
    const { book, members, subscriber } = this.#deps;
    if (!declaresTasks(subscriber.client.capabilities)) return false;
    const place = book.find(subscriber, this.#name);
    const member = members.find(({ upstream }) => upstream.name === place?.upstream);
    if (place === undefined || member === undefined) return false;
    this.#place = place;
    return await this.#watch(member, place);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#retry?.clear();
    const lease = this.#lease;
    this.#lease = undefined;
    this.#release();
    try {
      if (lease !== undefined && this.#place !== undefined) await lease.handle.unwatchTask(this.#place.id);
    } finally {
      lease?.release();
    }
  }

  async #watch(member: RouteMember, place: TaskPlace): Promise<boolean> {
    const { book, clock, emit, subscriber } = this.#deps;
    const { id: taskId } = place;
    try {
      const pinned = book.pin(subscriber, place);
      const lease = pinned ?? (await member.upstream.acquire(handleNeed(member, subscriber, clock.now())));
      if (this.#closed) {
        lease.release();
        return false;
      }
      this.#lease = lease;
      this.#watchedAt = clock.now();
      const { handle } = lease;
      const stops = [
        handle.onChange((change) => {
          if (change.kind === 'task' && change.taskId === taskId) void this.#report(member, place, change.params);
        }),
        handle.onEnd(() => this.#renew(member, place)),
      ];
      this.#stop = () => {
        for (const stop of stops) stop();
      };
      if (eraOf(handle.revision) === 'legacy' && !member.crossTasks) this.#release();
      else if (await handle.watchTask(taskId)) return !this.#closed;
    } catch (error) {
      const detail = { upstream: member.upstream.name, error };
      emit({ type: 'notice', level: 'warn', message: 'A task could not be watched.', detail });
    }
    this.#release();
    return false;
  }

  async #report(member: RouteMember, place: TaskPlace, params: RawObject | undefined): Promise<void> {
    const { cross, subscriber, listener } = this.#deps;
    if (params === undefined || this.#lease === undefined) return;
    const isModern = eraOf(this.#lease.handle.revision) === 'modern';
    const name = this.#name;
    const told = isModern
      ? renameParams(params, place.id, name)
      : await cross.describe(subscriber, member, { place, name }, params).catch(() => undefined);
    if (told !== undefined && !this.#closed) listener({ kind: 'task', taskId: name, params: told });
  }

  // What happened in the gap is not known; the client polls, which the extension asks of it anyway.
  #renew(member: RouteMember, place: TaskPlace): void {
    const { clock, jitter = Math.random } = this.#deps;
    // A server that stayed for a while and went is not one that cannot be reached.
    if (this.#lease !== undefined && clock.now() - this.#watchedAt >= MAX_RETRY_MS) this.#attempt = 0;
    this.#release();
    if (this.#closed) return;
    const delayMs = watchDelayMs(this.#attempt++, jitter());
    this.#retry?.clear();
    this.#retry = clock.after(delayMs, () => void this.#rewatch(member, place));
  }

  async #rewatch(member: RouteMember, place: TaskPlace): Promise<void> {
    if (!(await this.#watch(member, place)) && !this.#closed) this.#renew(member, place);
  }

  #release(): void {
    this.#stop?.();
    this.#stop = undefined;
    this.#lease?.release();
    this.#lease = undefined;
  }
}

/** How long to wait before the next try: twice as long after each failure, and spread, because all watches of a server are lost together. */
export function watchDelayMs(attempt: number, random: number): number {
  const longest = Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** Math.min(attempt, 10));
  return Math.ceil(longest * (0.5 + random / 2));
}
