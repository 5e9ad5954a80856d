import type { Clock, ServerChange, Timer } from '../core/ports.ts';
import type { RawId } from '../jsonrpc/id.ts';
import type { NotificationMessage } from '../jsonrpc/message.ts';
import { findMember, memberObject, memberValue, type RawObject } from '../jsonrpc/raw.ts';
import { declaresTasks } from '../protocol/bridge/tasks/task-call.ts';
import { isObject, type JsonObject } from '../protocol/capabilities.ts';
import { META } from '../protocol/meta.ts';
import {
  CHANGE_KINDS,
  type ChangeFeed,
  type ChangeKind,
  changeOf,
  isSubscribable,
  reportedKinds,
} from './change-feed.ts';

/** What a modern feed works with. */
export interface ModernFeedOptions {
  readonly capabilities: JsonObject;
  readonly clock: Clock;
  /** Sends `subscriptions/listen` with this filter; `onEnd` is called when it is answered or lost. */
  readonly listen: (filter: JsonObject, onEnd: () => void) => RawId;
  /** Cancels a listen and waits for its answer no longer. */
  readonly cancel: (id: RawId) => void;
  readonly onChange: (change: ServerChange) => void;
}

/** What a server agreed to report on one listen. */
interface Listening {
  readonly id: RawId;
  readonly kinds: ReadonlySet<ChangeKind>;
  readonly uris: ReadonlySet<string>;
  readonly taskIds: ReadonlySet<string>;
  readonly since: number;
  /** The server has answered it, which ends it. */
  isOver: boolean;
}

const ACK_MS = 5_000;
const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;

/**
 * Changes of a modern server: one `subscriptions/listen` with everything that is wanted. A wish more is a new listen, and the old one goes only
 * when the new one is acknowledged, so that there is no gap; where there was one, every change is reported that may have been missed.
 */
export class ModernFeed implements ChangeFeed {
  readonly #options: ModernFeedOptions;
  readonly #wanted = new Map<string, number>();
  readonly #wantedTasks = new Map<string, number>();
  #wantsLists = false;
  #current: Listening | undefined;
  #acknowledge: { readonly id: RawId; readonly settle: (ack: RawObject | undefined) => void } | undefined;
  #isStale = false;
  #syncing: Promise<void> | undefined;
  #retry: Timer | undefined;
  #attempt = 0;
  #hasGap = false;
  #isEnded = false;

  constructor(options: ModernFeedOptions) {
    this.#options = options;
  }

  async open(): Promise<boolean> {
    if (reportedKinds(this.#options.capabilities).length === 0) return false;
    const isNew = !this.#wantsLists;
    this.#wantsLists = true;
    await (isNew ? this.#sync() : this.#syncing);
    const isOpen = (this.#current?.kinds.size ?? 0) > 0;
    // A refusal is not repeated with every later wish.
    if (!isOpen && this.#retry === undefined) this.#wantsLists = false;
    return isOpen;
  }

  async watch(uri: string): Promise<boolean> {
    if (!isSubscribable(this.#options.capabilities)) return false;
    const count = this.#wanted.get(uri) ?? 0;
    this.#wanted.set(uri, count + 1);
    await (count === 0 ? this.#sync() : this.#syncing);
    if (this.#current?.uris.has(uri) === true) return true;
    drop(this.#wanted, uri);
    return false;
  }

  async unwatch(uri: string): Promise<void> {
    if (drop(this.#wanted, uri)) await this.#sync();
  }

  async watchTask(taskId: string): Promise<boolean> {
    if (!declaresTasks(this.#options.capabilities)) return false;
    const count = this.#wantedTasks.get(taskId) ?? 0;
    this.#wantedTasks.set(taskId, count + 1);
    await (count === 0 ? this.#sync() : this.#syncing);
    if (this.#current?.taskIds.has(taskId) === true) return true;
    drop(this.#wantedTasks, taskId);
    return false;
  }

  async unwatchTask(taskId: string): Promise<void> {
    if (drop(this.#wantedTasks, taskId)) await this.#sync();
  }

  receive(notification: NotificationMessage): boolean {
    const { method, params } = notification;
    if (method === 'notifications/subscriptions/acknowledged') {
      const pending = this.#acknowledge;
      const id = params === undefined ? undefined : subscriptionOf(params);
      if (pending !== undefined && params !== undefined && (id === undefined || id === pending.id))
        pending.settle(params);
      return true;
    }
    if (method === 'notifications/cancelled') {
      // The specification ends a listen in two ways (spec#3348); this is the other one.
      const id = params === undefined ? undefined : idTokenOf(params, 'requestId');
      if (this.#current === undefined || id !== this.#current.id) return false;
      this.#onListenEnd(this.#current);
      return true;
    }
    const change = changeOf(notification);
    if (change === undefined) return false;
    const id = params === undefined ? undefined : subscriptionOf(params);
    // During a change of listens both report; what the old one says after the new one was acknowledged was said by both.
    if (this.#current !== undefined && (id === undefined || id === this.#current.id)) this.#options.onChange(change);
    return true;
  }

  end(): void {
    this.#isEnded = true;
    this.#retry?.clear();
    this.#acknowledge?.settle(undefined);
    this.#current = undefined;
  }

  /** Brings the server's knowledge up to what is wanted now; wishes that come meanwhile are met by one more listen. */
  #sync(): Promise<void> {
    this.#isStale = true;
    this.#syncing ??= (async () => {
      while (this.#isStale && !this.#isEnded) {
        this.#isStale = false;
        await this.#listen();
      }
      this.#syncing = undefined;
    })();
    return this.#syncing;
  }

  async #listen(): Promise<void> {
    const previous = this.#current;
    const filter = this.#filter();
    this.#retry?.clear();
    this.#retry = undefined;
    if (filter === undefined) {
      this.#current = undefined;
      if (previous !== undefined) this.#options.cancel(previous.id);
      return;
    }
    const next = await this.#acknowledged(filter);
    if (next === undefined || this.#isEnded) return;
    if (next.kinds.size === 0 && next.uris.size === 0 && next.taskIds.size === 0) {
      this.#options.cancel(next.id);
      return;
    }
    // `previous` may have ended while we waited.
    if (this.#current !== undefined) this.#options.cancel(this.#current.id);
    this.#current = next;
    if (this.#hasGap) this.#reportGap(next);
    if (next.isOver) this.#onListenEnd(next);
  }

  async #acknowledged(filter: JsonObject): Promise<Listening | undefined> {
    const { promise, resolve } = Promise.withResolvers<RawObject | undefined>();
    let listening: Listening | undefined;
    let isOver = false;
    const id = this.#options.listen(filter, () => {
      isOver = true;
      resolve(undefined);
      if (listening !== undefined) this.#onListenEnd(listening);
    });
    const timer = this.#options.clock.after(ACK_MS, () => {
      this.#options.cancel(id);
      resolve(undefined);
    });
    this.#acknowledge = { id, settle: resolve };
    const params = await promise;
    timer.clear();
    this.#acknowledge = undefined;
    const honoured = params === undefined ? undefined : memberValue(params, 'notifications');
    if (!isObject(honoured)) return undefined;
    listening = {
      id,
      kinds: new Set(CHANGE_KINDS.filter((kind) => honoured[`${kind}ListChanged`] === true)),
      uris: stringsOf(honoured['resourceSubscriptions']),
      taskIds: stringsOf(honoured['taskIds']),
      since: this.#options.clock.now(),
      isOver,
    };
    return listening;
  }

  #filter(): JsonObject | undefined {
    const kinds = this.#wantsLists ? reportedKinds(this.#options.capabilities) : [];
    if (kinds.length === 0 && this.#wanted.size === 0 && this.#wantedTasks.size === 0) return undefined;
    return {
      ...Object.fromEntries(kinds.map((kind) => [`${kind}ListChanged`, true])),
      ...(this.#wanted.size > 0 && { resourceSubscriptions: [...this.#wanted.keys()] }),
      ...(this.#wantedTasks.size > 0 && { taskIds: [...this.#wantedTasks.keys()] }),
    };
  }

  #onListenEnd(ended: Listening): void {
    ended.isOver = true;
    if (ended !== this.#current || this.#isEnded) return;
    this.#current = undefined;
    this.#hasGap = true;
    if (this.#options.clock.now() - ended.since >= MAX_RETRY_MS) this.#attempt = 0;
    this.#retryLater();
  }

  #retryLater(): void {
    const delayMs = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(this.#attempt, 10));
    this.#attempt++;
    this.#retry = this.#options.clock.after(delayMs, () => {
      this.#retry = undefined;
      void this.#sync().then(() => {
        if (this.#current === undefined && this.#filter() !== undefined && !this.#isEnded) this.#retryLater();
      });
    });
  }

  // A spurious change is harmless, a lost one is not (eras.md §2.3).
  #reportGap(listening: Listening): void {
    this.#hasGap = false;
    for (const kind of listening.kinds) this.#options.onChange({ kind, params: undefined });
    for (const uri of listening.uris) this.#options.onChange({ kind: 'updated', uri, params: undefined });
  }
}

/** Forgets one wish; true when it was the last. */
function drop(wanted: Map<string, number>, key: string): boolean {
  const count = wanted.get(key) ?? 0;
  if (count > 1) wanted.set(key, count - 1);
  else wanted.delete(key);
  return count === 1;
}

function stringsOf(value: unknown): ReadonlySet<string> {
  return new Set(Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []);
}

function subscriptionOf(params: RawObject): RawId | undefined {
  const meta = memberObject(params, '_meta');
  return meta === undefined ? undefined : idTokenOf(meta, META.subscriptionId);
}

/** The token of an id of ours that a server repeats in `key`; some turn numbers into strings. */
export function idTokenOf(object: RawObject, key: string): RawId | undefined {
  const member = findMember(object, key);
  if (member === undefined) return undefined;
  const token = object.view.slice(member.start, member.end);
  return (token.startsWith('"') ? token.replace(/^"(.*)"$/, '$1') : token) as RawId;
}
