import { NO_QUESTIONS, type ServerFacts } from '../protocol/capabilities.ts';
import type { ListKind } from '../protocol/methods.ts';
import { eraOf, type Revision } from '../protocol/revision.ts';
import type { Emit } from './events.ts';
import type { Clock, Handle, HandleNeed, Principal, ServerChange, Upstream } from './ports.ts';
import { ServerFeed } from './server-feed.ts';
import { declaresList, emptyList, type ListSnapshot, readList, reportsChanges } from './snapshot.ts';

/** What is known of a server without asking it: its facts and the leg they were read on. */
export interface KnownServer {
  readonly revision: Revision;
  readonly server: ServerFacts;
}

/** How views of one upstream behave. They belong to the upstream: every route passes the same ones for it. */
export interface ViewSettings {
  readonly ttlMs: number;
  readonly acquireTimeoutMs: number;
}

interface CachedList {
  readonly snapshot: ListSnapshot;
  readonly at: number;
  /** How many changes of the list had been reported when it was read: with more of them it is stale. */
  readonly changes: number;
  /** What {@link ServerFeed.hearing} was when it was read. */
  readonly hearing: object | undefined;
  /** Set while refreshing it fails. */
  failure: { readonly since: number; readonly retryAt: number } | undefined;
}

interface ListRead {
  readonly changes: number;
  readonly promise: Promise<ListSnapshot>;
}

/** A believed list is never older than this, feed or not; nor is one served any longer that cannot be refreshed. */
const MAX_LIST_AGE_MS = 3_600_000;
/** Facts outlive their handle this long: a server that was closed for idleness has not changed. */
const FACTS_AGE_MS = 3_600_000;
const RETRY_MS = 5_000;
/** How long nobody waits again for a list that did not come in time. */
const GLANCE_PAUSE_MS = 30_000;

/**
 * What one principal sees of one upstream: facts, lists and changes. Lists are read once and believed until the server reports a
 * change, or, for a server that reports none, for a time. Nothing is shared between principals.
 */
export class ServerView {
  readonly #upstream: Upstream;
  readonly #principal: Principal;
  readonly #clock: Clock;
  readonly #emit: Emit;
  readonly #settings: ViewSettings;
  readonly #feed: ServerFeed;
  readonly #lists = new Map<ListKind, CachedList>();
  readonly #reads = new Map<ListKind, ListRead>();
  /** Changes reported so far, per list. */
  readonly #changes = new Map<ListKind, number>();
  readonly #glancePauses = new Map<ListKind, number>();
  readonly #listeners = new Set<(change: ServerChange) => void>();
  #known: KnownServer | undefined;
  #knownAt = 0;
  #uses = 0;
  #closed = false;

  constructor(options: ViewSettings & { upstream: Upstream; principal: Principal; clock: Clock; emit: Emit }) {
    this.#upstream = options.upstream;
    this.#principal = options.principal;
    this.#clock = options.clock;
    this.#emit = options.emit;
    this.#settings = { ttlMs: options.ttlMs, acquireTimeoutMs: options.acquireTimeoutMs };
    this.#feed = new ServerFeed({
      clock: options.clock,
      acquire: async () => {
        const lease = await this.#upstream.acquire(this.#need());
        this.#learn(lease.handle);
        return lease;
      },
      onChange: (change) => this.report(change),
      onGap: () => this.#reportGap(),
      onFailed: (error) => this.#warn('A change feed could not be opened.', { error }),
    });
  }

  /** True while somebody listens for changes or waits for an answer: such a view must not be forgotten. */
  get inUse(): boolean {
    return this.#listeners.size > 0 || this.#uses > 0;
  }

  /** Whether it is what this principal sees of this upstream. */
  isOf(upstream: Upstream, principal: Principal): boolean {
    return this.#upstream.name === upstream.name && this.#principal.key === principal.key;
  }

  /** The server's facts as last seen, without asking it. */
  get known(): KnownServer | undefined {
    return this.#known;
  }

  /** The server's facts; asks it only when they are unknown or too old. */
  async facts(): Promise<KnownServer> {
    const isBelieved = this.#feed.isAttached || this.#clock.now() - this.#knownAt < FACTS_AGE_MS;
    if (this.#known !== undefined && isBelieved) return this.#known;
    return await this.#use(async (handle) => ({ revision: handle.revision, server: handle.server }));
  }

  /** One of the server's lists, from the snapshot when it can be believed. */
  async list(kind: ListKind): Promise<ListSnapshot> {
    const believed = this.believed(kind);
    if (believed !== undefined) return believed;
    const cached = this.#lists.get(kind);
    const changes = this.#changesOf(kind);
    const running = this.#reads.get(kind);
    // A read that began before the last change may bring the list as it was: who asks after it gets a new one.
    if (running?.changes === changes) return await running.promise;
    const read = { changes, promise: this.#read(kind, cached, changes) };
    this.#reads.set(kind, read);
    try {
      return await read.promise;
    } finally {
      if (this.#reads.get(kind) === read) this.#reads.delete(kind);
    }
  }

  /** One of the server's lists where the snapshot can be believed, without a promise; undefined where it has to be read. */
  believed(kind: ListKind): ListSnapshot | undefined {
    const cached = this.#lists.get(kind);
    return cached !== undefined && this.#isFresh(kind, cached) ? cached.snapshot : undefined;
  }

  /** One of the server's lists as last seen, however old; undefined when it was never read. */
  peek(kind: ListKind): ListSnapshot | undefined {
    return this.#lists.get(kind)?.snapshot;
  }

  /**
   * One of a modern server's lists as last seen, however old; when it was never read it is read now, and undefined if that takes longer
   * than `waitMs` or fails. Nobody waits again soon after that. A legacy server is not asked for its list.
   */
  async glance(kind: ListKind, waitMs: number): Promise<ListSnapshot | undefined> {
    const seen = this.peek(kind);
    if (seen !== undefined || this.#clock.now() < (this.#glancePauses.get(kind) ?? 0)) return seen;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const timer = this.#clock.after(waitMs, () => resolve(undefined));
    const list = await Promise.race([this.#listIfModern(kind).catch(() => undefined), promise]);
    timer.clear();
    if (list === undefined) this.#glancePauses.set(kind, this.#clock.now() + GLANCE_PAUSE_MS);
    return list;
  }

  /** Listens for changes and keeps the server's feed open meanwhile. Returns the removal. */
  onChange(listener: (change: ServerChange) => void): () => void {
    if (this.#closed) return () => undefined;
    this.#listeners.add(listener);
    this.#feed.hold();
    return () => {
      if (this.#listeners.delete(listener) && this.#listeners.size === 0) this.#feed.drop();
    };
  }

  /** Takes note of a change, wherever it was seen. */
  report(change: ServerChange): void {
    // A task is its owner's alone.
    if (change.kind === 'task' || this.#closed) return;
    if (change.kind !== 'updated') {
      this.#count(change.kind);
      if (change.kind === 'resources') this.#count('resourceTemplates');
    }
    for (const listener of this.#listeners) listener(change);
  }

  close(): void {
    this.#closed = true;
    this.#listeners.clear();
    this.#feed.close();
  }

  async #listIfModern(kind: ListKind): Promise<ListSnapshot | undefined> {
    const { revision } = await this.facts();
    return eraOf(revision) === 'modern' ? await this.list(kind) : undefined;
  }

  #changesOf(kind: ListKind): number {
    return this.#changes.get(kind) ?? 0;
  }

  #count(kind: ListKind): void {
    this.#changes.set(kind, this.#changesOf(kind) + 1);
    // A server that reports is there: waiting for it to come back is over.
    const cached = this.#lists.get(kind);
    if (cached?.failure !== undefined) cached.failure = { ...cached.failure, retryAt: 0 };
  }

  #isFresh(kind: ListKind, cached: CachedList): boolean {
    const now = this.#clock.now();
    if (cached.failure !== undefined) return now < cached.failure.retryAt;
    if (cached.changes !== this.#changesOf(kind)) return false;
    const age = now - cached.at;
    const isHeard = cached.hearing !== undefined && cached.hearing === this.#feed.hearing;
    if (isHeard && this.#known !== undefined && reportsChanges(this.#known.server, kind)) return age < MAX_LIST_AGE_MS;
    return age < (cached.snapshot.ttlMs ?? this.#settings.ttlMs);
  }

  async #read(kind: ListKind, cached: CachedList | undefined, changes: number): Promise<ListSnapshot> {
    const at = this.#clock.now();
    try {
      const known = await this.facts();
      let hearing = this.#feed.hearing;
      const snapshot = declaresList(known.server, kind)
        ? await this.#use((handle) => {
            hearing = this.#feed.hearing;
            return readList(handle, kind, this.#clock);
          })
        : emptyList(known.revision);
      // A read that began after this one may have ended before it.
      const kept = this.#lists.get(kind);
      if (kept === undefined || kept.changes <= changes)
        this.#lists.set(kind, { snapshot, at, changes, hearing, failure: undefined });
      return snapshot;
    } catch (error) {
      // Better yesterday's list than none: the calls behind it say what is wrong.
      const since = cached?.failure?.since ?? at;
      if (cached === undefined || at - since > MAX_LIST_AGE_MS) throw error;
      cached.failure = { since, retryAt: this.#clock.now() + RETRY_MS };
      this.#warn('A list could not be refreshed; the last one is served.', { kind, error });
      return cached.snapshot;
    }
  }

  #need(): HandleNeed {
    return {
      principal: this.#principal,
      sessionId: undefined,
      profile: NO_QUESTIONS,
      clientInfo: undefined,
      deadline: this.#clock.now() + this.#settings.acquireTimeoutMs,
      anyProfile: true,
    };
  }

  async #use<T>(run: (handle: Handle) => Promise<T>): Promise<T> {
    this.#uses++;
    try {
      const lease = await this.#upstream.acquire(this.#need());
      try {
        this.#learn(lease.handle);
        await this.#feed.attach(lease.handle);
        return await run(lease.handle);
      } finally {
        lease.release();
      }
    } finally {
      this.#uses--;
    }
  }

  #learn(handle: Handle): void {
    this.#known = { revision: handle.revision, server: handle.server };
    this.#knownAt = this.#clock.now();
  }

  // A spurious list_changed is harmless, a lost one is not (eras.md §2.3).
  #reportGap(): void {
    for (const kind of ['tools', 'prompts', 'resources'] as const) {
      const { server } = this.#known ?? {};
      if (server !== undefined && reportsChanges(server, kind)) this.report({ kind, params: undefined });
    }
  }

  #warn(message: string, detail: Readonly<Record<string, unknown>>): void {
    this.#emit({ type: 'notice', level: 'warn', message, detail: { upstream: this.#upstream.name, ...detail } });
  }
}

/** The views of all upstreams by all principals, bounded: the least recently used one that nobody listens to is forgotten. */
export class ServerViews {
  readonly #views = new Map<string, ServerView>();
  /** The one that stands last already: most requests of a gateway for one person ask for it again. */
  #newest: ServerView | undefined;
  readonly #clock: Clock;
  readonly #emit: Emit;
  readonly #limit: number;

  constructor(options: { clock: Clock; emit: Emit; limit: number }) {
    this.#clock = options.clock;
    this.#emit = options.emit;
    this.#limit = options.limit;
  }

  /** The view of `upstream` by `principal`. The settings are the upstream's own: the view is made with those of the first caller. */
  get(upstream: Upstream, principal: Principal, settings: ViewSettings): ServerView {
    if (this.#newest?.isOf(upstream, principal) === true) return this.#newest;
    const key = `${upstream.name}\n${principal.key}`;
    let view = this.#views.get(key);
    if (view === undefined) {
      view = new ServerView({ upstream, principal, clock: this.#clock, emit: this.#emit, ...settings });
      this.#forgetOne();
    } else this.#views.delete(key);
    this.#views.set(key, view);
    this.#newest = view;
    return view;
  }

  close(): void {
    for (const view of this.#views.values()) view.close();
    this.#views.clear();
    this.#newest = undefined;
  }

  #forgetOne(): void {
    if (this.#views.size < this.#limit) return;
    for (const [key, view] of this.#views) {
      if (view.inUse) continue;
      view.close();
      this.#views.delete(key);
      return;
    }
  }
}
