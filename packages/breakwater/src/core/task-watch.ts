import type { RawObject } from '../jsonrpc/raw.ts';
import { declaresTasks } from '../protocol/bridge/tasks/task-call.ts';
import { handleNeed } from './catalogue.ts';
import type { Emit } from './events.ts';
import type { Clock, Lease, Timer } from './ports.ts';
import type { RouteMember } from './route.ts';
import type { Change, Subscriber } from './subscription.ts';
import { renameParams, type TaskBook } from './task-book.ts';

/** What a {@link TaskWatch} works with. */
export interface TaskWatchDeps {
  readonly book: TaskBook;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly members: readonly RouteMember[];
  readonly subscriber: Subscriber;
  readonly listener: (change: Change) => void;
}

const RETRY_MS = 2_000;

/** One task of a modern listen filter: its server is asked to report it for as long as the subscription is open. */
export class TaskWatch {
  readonly #deps: TaskWatchDeps;
  readonly #name: string;
  #lease: Lease | undefined;
  #taskId: string | undefined;
  #stop: (() => void) | undefined;
  #retry: Timer | undefined;
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
    this.#taskId = place.id;
    return await this.#watch(member, place.id);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#retry?.clear();
    const lease = this.#lease;
    if (lease !== undefined && this.#taskId !== undefined) await lease.handle.unwatchTask(this.#taskId);
    this.#release();
  }

  async #watch(member: RouteMember, taskId: string): Promise<boolean> {
    const { clock, emit, subscriber } = this.#deps;
    try {
      const lease = await member.upstream.acquire(handleNeed(member, subscriber, clock.now()));
      this.#lease = lease;
      const { handle } = lease;
      const stops = [
        handle.onChange((change) => {
          if (change.kind === 'task' && change.taskId === taskId) this.#report(change.params, taskId);
        }),
        handle.onEnd(() => this.#renew(member, taskId)),
      ];
      this.#stop = () => {
        for (const stop of stops) stop();
      };
      if (!this.#closed && (await handle.watchTask(taskId))) return true;
    } catch (error) {
      const detail = { upstream: member.upstream.name, error };
      emit({ type: 'notice', level: 'warn', message: 'A task could not be watched.', detail });
    }
    this.#release();
    return false;
  }

  #report(params: RawObject | undefined, taskId: string): void {
    const renamed = params === undefined ? undefined : renameParams(params, taskId, this.#name);
    if (renamed !== undefined && !this.#closed)
      this.#deps.listener({ kind: 'task', taskId: this.#name, params: renamed });
  }

  // What happened in the gap is not known; the client polls, which the extension asks of it anyway.
  #renew(member: RouteMember, taskId: string): void {
    this.#release();
    if (!this.#closed) this.#retry = this.#deps.clock.after(RETRY_MS, () => void this.#watch(member, taskId));
  }

  #release(): void {
    this.#stop?.();
    this.#stop = undefined;
    this.#lease?.release();
    this.#lease = undefined;
  }
}
