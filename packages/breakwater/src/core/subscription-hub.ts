import { handleNeed } from './catalogue.ts';
import type { Emit } from './events.ts';
import type { Clock, Handle, Lease, Random, ServerChange, Timer } from './ports.ts';
import type { Resolver } from './resolver.ts';
import type { Route, RouteMember } from './route.ts';
import type { ServerViews } from './server-view.ts';
import { acceptsWatches, reportsChanges } from './snapshot.ts';
import type { Change, Subscriber, Subscription, SubscriptionFilter, Subscriptions } from './subscription.ts';
import type { TaskBook } from './task-book.ts';
import { TaskWatch } from './task-watch.ts';

const RETRY_MS = 2_000;

/** What the hub works with. */
export interface HubDeps {
  readonly routes: ReadonlyMap<string, { readonly route: Route; readonly resolver: Resolver }>;
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
  ): Promise<Subscription> {
    const subscription = new OpenSubscription(this.#deps, subscriber, listener);
    await subscription.start(filter);
    return subscription;
  }
}

/** Resource updates by one upstream for one subscription: one lease for all its URIs, renewed when the handle ends. */
interface Watch {
  readonly member: RouteMember;
  readonly uris: Set<string>;
  lease: Lease | undefined;
  stop: (() => void) | undefined;
  retry: Timer | undefined;
}

class OpenSubscription implements Subscription {
  readonly id: string;
  readonly #deps: HubDeps;
  readonly #subscriber: Subscriber;
  readonly #listener: (change: Change) => void;
  readonly #stops: (() => void)[] = [];
  readonly #watches = new Map<RouteMember, Watch>();
  readonly #tasks = new Map<string, TaskWatch>();
  #honoured: SubscriptionFilter = { tools: false, prompts: false, resources: false, uris: [] };
  #closed = false;

  constructor(deps: HubDeps, subscriber: Subscriber, listener: (change: Change) => void) {
    this.id = deps.random.id();
    this.#deps = deps;
    this.#subscriber = subscriber;
    this.#listener = listener;
  }

  get honoured(): SubscriptionFilter {
    const uris = [...this.#watches.values()].flatMap((watch) => [...watch.uris]);
    return { ...this.#honoured, uris, taskIds: [...this.#tasks.keys()] };
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
    if (session !== undefined) this.#stops.push(this.#deps.tasks.onStatus(session, (change) => this.#report(change)));
    await Promise.all(
      (this.#deps.routes.get(route)?.route.members ?? []).map((member) => this.#startLists(member, filter)),
    );
    for (const uri of new Set(filter.uris)) await this.add(uri);
    for (const name of new Set(filter.taskIds)) await this.#watchTask(name);
  }

  async #watchTask(name: string): Promise<void> {
    const { routes, tasks: book, clock, emit } = this.#deps;
    const members = routes.get(this.#subscriber.route)?.route.members ?? [];
    const listener = (change: Change): void => this.#report(change);
    const watch = new TaskWatch({ book, clock, emit, members, subscriber: this.#subscriber, listener }, name);
    if (!(await watch.start())) return;
    if (this.#closed) await watch.close();
    else this.#tasks.set(name, watch);
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
      this.#stops.push(
        view.onChange((change) => {
          if (change.kind !== 'updated' && change.kind !== 'task' && wanted.includes(change.kind))
            this.#report({ kind: change.kind });
        }),
      );
    } catch (error) {
      this.#notice('An upstream took no part in a subscription.', member, error);
    }
  }

  async add(uri: string): Promise<boolean> {
    const resolver = this.#deps.routes.get(this.#subscriber.route)?.resolver;
    if (resolver === undefined || this.#closed) return false;
    for (const member of await resolver.resourceMembers(uri, this.#subscriber)) {
      if (await this.#watch(member, uri)) return true;
    }
    return false;
  }

  async remove(uri: string): Promise<void> {
    for (const watch of this.#watches.values()) {
      if (!watch.uris.delete(uri)) continue;
      await watch.lease?.handle.unwatch(uri);
      if (watch.uris.size === 0) this.#endWatch(watch);
    }
  }

  async close(reason: string): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const stop of this.#stops.splice(0)) stop();
    await Promise.allSettled([...this.#tasks.values()].map((watch) => watch.close()));
    for (const watch of [...this.#watches.values()]) {
      const { lease } = watch;
      if (lease !== undefined) await Promise.allSettled([...watch.uris].map((uri) => lease.handle.unwatch(uri)));
      this.#endWatch(watch);
    }
    this.#deps.emit({ type: 'close', resource: 'subscription', id: this.id, reason });
  }

  async #watch(member: RouteMember, uri: string): Promise<boolean> {
    let watch = this.#watches.get(member);
    if (watch?.uris.has(uri) === true) return true;
    if (watch === undefined) {
      watch = { member, uris: new Set(), lease: undefined, stop: undefined, retry: undefined };
      this.#watches.set(member, watch);
    }
    try {
      const handle = watch.lease?.handle ?? (await this.#lease(watch));
      if (handle !== undefined && acceptsWatches(handle.server) && (await handle.watch(uri))) {
        watch.uris.add(uri);
        return true;
      }
    } catch (error) {
      this.#notice('A resource could not be watched.', member, error);
    }
    if (watch.uris.size === 0) this.#endWatch(watch);
    return false;
  }

  async #lease(watch: Watch): Promise<Handle | undefined> {
    const lease = await watch.member.upstream.acquire(
      handleNeed(watch.member, this.#subscriber, this.#deps.clock.now()),
    );
    if (this.#closed || watch.lease !== undefined) {
      lease.release();
      return watch.lease?.handle;
    }
    watch.lease = lease;
    await lease.handle.openFeed();
    const stopChanges = lease.handle.onChange((change) => this.#onUpdate(watch, change));
    const stopEnd = lease.handle.onEnd(() => this.#renew(watch));
    watch.stop = () => {
      stopChanges();
      stopEnd();
    };
    return lease.handle;
  }

  #onUpdate(watch: Watch, change: ServerChange): void {
    if (change.kind !== 'updated' || change.uri === undefined || !isWatched(watch.uris, change.uri)) return;
    this.#report(
      change.params === undefined
        ? { kind: 'updated', uri: change.uri }
        : { kind: 'updated', uri: change.uri, params: change.params },
    );
  }

  // The server forgot what it was asked to watch; ask again, and report what may have been missed.
  #renew(watch: Watch): void {
    watch.stop?.();
    watch.stop = undefined;
    watch.lease?.release();
    watch.lease = undefined;
    if (this.#closed || watch.uris.size === 0) return;
    watch.retry = this.#deps.clock.after(RETRY_MS, () => void this.#rewatch(watch));
  }

  async #rewatch(watch: Watch): Promise<void> {
    try {
      const handle = await this.#lease(watch);
      for (const uri of handle === undefined ? [] : watch.uris) {
        if (await handle?.watch(uri)) this.#report({ kind: 'updated', uri });
      }
    } catch (error) {
      this.#notice('A resource could not be watched again.', watch.member, error);
      this.#renew(watch);
    }
  }

  #endWatch(watch: Watch): void {
    watch.retry?.clear();
    watch.stop?.();
    watch.lease?.release();
    watch.lease = undefined;
    watch.uris.clear();
    this.#watches.delete(watch.member);
  }

  #report(change: Change): void {
    if (!this.#closed) this.#listener(change);
  }

  #notice(message: string, member: RouteMember, error: unknown): void {
    this.#deps.emit({ type: 'notice', level: 'warn', message, detail: { upstream: member.upstream.name, error } });
  }
}

// A subscription to a URI may be reported for a sub-resource of it (2025-06-18 server/resources §Subscriptions).
function isWatched(uris: ReadonlySet<string>, uri: string): boolean {
  if (uris.has(uri)) return true;
  for (const watched of uris) if (uri.startsWith(watched.endsWith('/') ? watched : `${watched}/`)) return true;
  return false;
}
