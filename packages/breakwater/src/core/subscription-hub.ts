import { handleNeed } from './catalogue.ts';
import { toGatewayError } from './errors.ts';
import type { Emit } from './events.ts';
import type { Clock, Handle, Lease, Random, ServerChange, Timer } from './ports.ts';
import type { Resolver } from './resolver.ts';
import type { Route, RouteMember } from './route.ts';
import type { ServerViews } from './server-view.ts';
import { acceptsWatches, reportsChanges } from './snapshot.ts';
import {
  type Change,
  covers,
  type Subscriber,
  type Subscription,
  type SubscriptionFilter,
  type Subscriptions,
} from './subscription.ts';
import type { TaskBook } from './task-book.ts';
import type { TaskRequests } from './task-requests.ts';
import { TaskWatch } from './task-watch.ts';

const RETRY_MS = 2_000;
const MAX_RETRY_MS = 60_000;
/** How long the URIs of a new subscription may take to be asked for; what was not asked for by then is not honoured. */
const OPEN_MS = 30_000;
/** How many URIs a server is asked for at one time. */
const BATCH = 32;

/** What the hub works with. */
export interface HubDeps {
  readonly routes: ReadonlyMap<
    string,
    { readonly route: Route; readonly resolver: Resolver; readonly tasks: Pick<TaskRequests, 'cross'> }
  >;
  readonly views: ServerViews;
  readonly tasks: TaskBook;
  readonly clock: Clock;
  readonly random: Random;
  readonly emit: Emit;
}

/** Subscriptions over the views (list changes) and over the subscriber's own handles (resource updates). */
export class SubscriptionHub implements Subscriptions {
  readonly #deps: HubDeps;

  constructor(deps: HubDeps) {
    this.#deps = deps;
  }

  async open(
    subscriber: Subscriber,
    filter: SubscriptionFilter,
    listener: (change: Change) => void,
    left?: AbortSignal,
  ): Promise<Subscription> {
    const subscription = new OpenSubscription(this.#deps, subscriber, listener);
    const leave = (): void => void subscription.close(String(left?.reason));
    left?.addEventListener('abort', leave, { once: true });
    try {
      await subscription.start(filter);
      if (left?.aborted === true) leave();
      return subscription;
    } catch (error) {
      await subscription.close('failed');
      throw error;
    } finally {
      left?.removeEventListener('abort', leave);
    }
  }
}

/** Resource updates by one upstream for one subscription: one lease for all its URIs, renewed when the handle ends. */
interface Watch {
  readonly member: RouteMember;
  /** What the server agreed to. */
  readonly uris: Set<string>;
  /** What it is being asked for: its first update may come with its answer. */
  readonly asked: Set<string>;
  /** What a handle that ended was asked for, and the next one was not yet. */
  readonly lost: Set<string>;
  lease: Lease | undefined;
  leasing: Promise<Handle | undefined> | undefined;
  leasedAt: number;
  stop: (() => void) | undefined;
  retry: Timer | undefined;
  attempt: number;
}

/**
 * What changes its watches runs one after the other: a refusal must not end what a parallel request relies on. Only its end does not wait,
 * because a server may take for ever to answer; whoever waited looks after every wait whether it is still open.
 */
class OpenSubscription implements Subscription {
  readonly id: string;
  readonly #deps: HubDeps;
  readonly #subscriber: Subscriber;
  readonly #listener: (change: Change) => void;
  #stops: readonly (() => void)[] = [];
  /** Made when a resource is watched: most streams watch none. */
  #watches: Map<RouteMember, Watch> | undefined;
  /** Made when a task is watched: most streams watch none. */
  #tasks: Map<string, TaskWatch> | undefined;
  #last: Promise<unknown> | undefined;
  #honoured: SubscriptionFilter = { tools: false, prompts: false, resources: false, uris: [] };
  #closed = false;

  constructor(deps: HubDeps, subscriber: Subscriber, listener: (change: Change) => void) {
    this.id = deps.random.id();
    this.#deps = deps;
    this.#subscriber = subscriber;
    this.#listener = listener;
  }

  get honoured(): SubscriptionFilter {
    const uris = [...(this.#watches?.values() ?? [])].flatMap(({ uris, lost }) => [...uris, ...lost]);
    return { ...this.#honoured, uris, taskIds: [...(this.#tasks?.keys() ?? [])] };
  }

  async start(filter: SubscriptionFilter): Promise<void> {
    const { emit } = this.#deps;
    const { route, principal, sessionId: session, stream } = this.#subscriber;
    emit({
      type: 'open',
      resource: 'subscription',
      id: this.id,
      owner: session ?? principal.key,
      detail: route,
      session,
      stream,
      principal: principal.key,
    });
    if (session !== undefined) this.#keep(this.#deps.tasks.onStatus(session, (change) => this.#report(change)));
    await Promise.all(
      (this.#deps.routes.get(route)?.route.members ?? []).map((member) => this.#startLists(member, filter)),
    );
    if (filter.uris.length > 0) await this.#inOrder(() => this.#startUris([...new Set(filter.uris)]));
    for (const name of new Set(filter.taskIds)) await this.#watchTask(name);
  }

  async #watchTask(name: string): Promise<void> {
    if (this.#closed) return;
    const { routes, tasks: book, clock, emit } = this.#deps;
    const parts = routes.get(this.#subscriber.route);
    if (parts === undefined) return;
    const { members } = parts.route;
    const { cross } = parts.tasks;
    const listener = (change: Change): void => this.#report(change);
    const watch = new TaskWatch({ book, clock, emit, members, subscriber: this.#subscriber, listener, cross }, name);
    if (!(await watch.start())) return;
    if (this.#closed) await watch.close();
    else {
      this.#tasks ??= new Map();
      this.#tasks.set(name, watch);
    }
  }

  async #startLists(member: RouteMember, filter: SubscriptionFilter): Promise<void> {
    const view = this.#deps.views.get(member.upstream, this.#subscriber.principal, member);
    try {
      const { server } = await view.facts();
      const wanted = (['tools', 'prompts', 'resources'] as const).filter(
        (kind) => filter[kind] && reportsChanges(server, kind),
      );
      if (wanted.length === 0 || this.#closed) return;
      this.#honoured = {
        ...this.#honoured,
        tools: this.#honoured.tools || wanted.includes('tools'),
        prompts: this.#honoured.prompts || wanted.includes('prompts'),
        resources: this.#honoured.resources || wanted.includes('resources'),
      };
      this.#keep(
        view.onChange((change) => {
          if (change.kind !== 'updated' && change.kind !== 'task' && this.#honoured[change.kind])
            this.#report({ kind: change.kind });
        }),
      );
    } catch (error) {
      this.#notice('An upstream took no part in a subscription.', member, error);
    }
  }

  // A URI that nobody serves is not honoured; the others are.
  async #startUris(uris: readonly string[]): Promise<void> {
    const deadline = this.#deps.clock.now() + OPEN_MS;
    for (let i = 0; i < uris.length && this.#deps.clock.now() < deadline; i += BATCH)
      await Promise.all(uris.slice(i, i + BATCH).map((uri) => this.#add(uri).catch(() => false)));
  }

  add(uri: string): Promise<boolean> {
    return this.#inOrder(() => this.#add(uri));
  }

  async #add(uri: string): Promise<boolean> {
    const resolver = this.#deps.routes.get(this.#subscriber.route)?.resolver;
    if (resolver === undefined || this.#closed) return false;
    for (const member of await resolver.resourceMembers(uri, this.#subscriber)) {
      if (this.#closed) return false;
      if (await this.#watch(member, uri)) return true;
    }
    return false;
  }

  remove(uri: string): Promise<void> {
    return this.#inOrder(async () => {
      for (const watch of this.#watches?.values() ?? []) {
        const { lease } = watch;
        watch.lost.delete(uri);
        if (!watch.uris.delete(uri) || lease === undefined) continue;
        try {
          await lease.handle.unwatch(uri);
        } catch (error) {
          this.#notice('A resource is still watched.', watch.member, error);
        }
      }
    });
  }

  async close(reason: string): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const stop of this.#stops) stop();
    this.#stops = [];
    for (const task of this.#tasks?.values() ?? []) task.close().catch(noteNothing);
    for (const watch of [...(this.#watches?.values() ?? [])]) this.#endWatch(watch);
    this.#deps.emit({ type: 'close', resource: 'subscription', id: this.id, reason });
  }

  // They are few, and an array that is pushed to has room for many.
  #keep(stop: () => void): void {
    this.#stops = this.#stops.concat(stop);
  }

  #inOrder<T>(work: () => Promise<T>): Promise<T> {
    const done = (this.#last ?? Promise.resolve()).then(work).finally(() => this.#endUnused());
    this.#last = done.catch(noteNothing);
    return done;
  }

  #endUnused(): void {
    for (const watch of [...(this.#watches?.values() ?? [])])
      if (watch.uris.size + watch.lost.size === 0) this.#endWatch(watch);
  }

  async #watch(member: RouteMember, uri: string): Promise<boolean> {
    const watch = this.#watchOf(member);
    if (watch.uris.has(uri)) return true;
    try {
      const handle = await this.#lease(watch);
      return handle !== undefined && (await this.#ask(watch, handle, uri));
    } catch (error) {
      this.#notice('A resource could not be watched.', member, error);
      return false;
    }
  }

  #watchOf(member: RouteMember): Watch {
    let watch = this.#watches?.get(member);
    if (watch === undefined) {
      watch = {
        member,
        uris: new Set(),
        asked: new Set(),
        lost: new Set(),
        lease: undefined,
        leasing: undefined,
        leasedAt: 0,
        stop: undefined,
        retry: undefined,
        attempt: 0,
      };
      this.#watches ??= new Map();
      this.#watches.set(member, watch);
    }
    return watch;
  }

  async #ask(watch: Watch, handle: Handle, uri: string): Promise<boolean> {
    if (!acceptsWatches(handle.server)) return false;
    watch.asked.add(uri);
    const isAccepted = await handle.watch(uri).finally(() => watch.asked.delete(uri));
    if (!isAccepted) return false;
    if (!this.#closed && watch.lease?.handle === handle) {
      watch.uris.add(uri);
      watch.lost.delete(uri);
      return true;
    }
    // Nobody is here to hear of it any more.
    handle.unwatch(uri).catch(noteNothing);
    return false;
  }

  #lease(watch: Watch): Promise<Handle | undefined> {
    if (watch.lease !== undefined && watch.leasing === undefined) return Promise.resolve(watch.lease.handle);
    watch.leasing ??= this.#acquire(watch).finally(() => {
      watch.leasing = undefined;
    });
    return watch.leasing;
  }

  async #acquire(watch: Watch): Promise<Handle | undefined> {
    const { clock } = this.#deps;
    if (this.#closed) return undefined;
    const lease = await watch.member.upstream.acquire(handleNeed(watch.member, this.#subscriber, clock.now()));
    if (this.#closed) {
      lease.release();
      return undefined;
    }
    watch.lease = lease;
    watch.leasedAt = clock.now();
    const stopChanges = lease.handle.onChange((change) => this.#onUpdate(watch, change));
    const stopEnd = lease.handle.onEnd(() => this.#renew(watch));
    watch.stop = () => {
      stopChanges();
      stopEnd();
    };
    await lease.handle.openFeed();
    return watch.lease === lease ? lease.handle : undefined;
  }

  #onUpdate(watch: Watch, change: ServerChange): void {
    const { kind, uri, params } = change;
    if (kind !== 'updated' || uri === undefined) return;
    if (!isWatched(watch.uris, uri) && !isWatched(watch.asked, uri)) return;
    this.#report(params === undefined ? { kind: 'updated', uri } : { kind: 'updated', uri, params });
  }

  // The server forgot what it was asked to watch; ask again, and report what may have been missed.
  #renew(watch: Watch): void {
    const { clock } = this.#deps;
    if (watch.lease !== undefined && clock.now() - watch.leasedAt >= MAX_RETRY_MS) watch.attempt = 0;
    this.#release(watch);
    for (const uri of watch.uris) watch.lost.add(uri);
    watch.uris.clear();
    if (this.#closed || watch.lost.size === 0) return;
    const delayMs = Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** Math.min(watch.attempt++, 10));
    watch.retry?.clear();
    watch.retry = clock.after(delayMs, () => void this.#inOrder(() => this.#rewatch(watch)));
  }

  async #rewatch(watch: Watch): Promise<void> {
    if (this.#closed || this.#watches?.get(watch.member) !== watch) return;
    try {
      const handle = await this.#lease(watch);
      const lost = [...watch.lost];
      for (let i = 0; handle !== undefined && i < lost.length; i += BATCH)
        await Promise.all(lost.slice(i, i + BATCH).map((uri) => this.#askAgain(watch, handle, uri)));
    } catch (error) {
      this.#notice('A resource could not be watched again.', watch.member, error);
      // A closed upstream stays closed; a reload brings another one, and the session's subscription moves to it.
      if (toGatewayError(error).code === 'gateway.draining') this.#endWatch(watch);
      else this.#renew(watch);
    }
  }

  async #askAgain(watch: Watch, handle: Handle, uri: string): Promise<void> {
    if (this.#closed || watch.lease?.handle !== handle) return;
    if (await this.#ask(watch, handle, uri)) this.#report({ kind: 'updated', uri });
    else if (watch.lease?.handle === handle && watch.lost.delete(uri))
      this.#notice('A server that came back refuses to report a resource.', watch.member, undefined);
  }

  #endWatch(watch: Watch): void {
    watch.retry?.clear();
    const { lease } = watch;
    if (lease !== undefined) for (const uri of watch.uris) lease.handle.unwatch(uri).catch(noteNothing);
    this.#release(watch);
    watch.uris.clear();
    watch.lost.clear();
    this.#watches?.delete(watch.member);
  }

  #release(watch: Watch): void {
    watch.stop?.();
    watch.stop = undefined;
    watch.lease?.release();
    watch.lease = undefined;
  }

  #report(change: Change): void {
    if (!this.#closed) this.#listener(change);
  }

  #notice(message: string, member: RouteMember, error: unknown): void {
    this.#deps.emit({ type: 'notice', level: 'warn', message, detail: { upstream: member.upstream.name, error } });
  }
}

function noteNothing(): void {
  // Nobody waits for it: the server is told as far as it listens, and forgets with its connection otherwise.
}

function isWatched(uris: ReadonlySet<string>, uri: string): boolean {
  if (uris.has(uri)) return true;
  for (const watched of uris) if (covers(watched, uri)) return true;
  return false;
}
