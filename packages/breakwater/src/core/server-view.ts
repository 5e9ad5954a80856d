import { NO_QUESTIONS, type ServerFacts } from '../protocol/capabilities.ts';
import type { ListKind } from '../protocol/methods.ts';
import type { Revision } from '../protocol/revision.ts';
import type { Emit } from './events.ts';
import type { Clock, Handle, HandleNeed, Principal, ServerChange, Timer, Upstream } from './ports.ts';
import { declaresList, emptyList, type ListSnapshot, readList, reportsChanges } from './snapshot.ts';

/** What is known of a server without asking it: its facts and the leg they were read on. */
export interface KnownServer {
  readonly revision: Revision;
  readonly server: ServerFacts;
}

interface CachedList {
  snapshot: ListSnapshot;
  at: number;
  stale: boolean;
}

/** A believed list is never older than this, feed or not. */
const MAX_LIST_AGE_MS = 3_600_000;
/** Facts outlive their handle this long: a server that was closed for idleness has not changed. */
const FACTS_AGE_MS = 3_600_000;
const RETRY_MS = 5_000;

/**
 * What one principal sees of one upstream: facts, lists and changes. Lists are read once and believed until the server reports a
 * change, or, for a server that reports none, for a time. Nothing is shared between principals.
 */
export class ServerView {
  readonly #upstream: Upstream;
  readonly #principal: Principal;
  readonly #clock: Clock;
  readonly #emit: Emit;
  readonly #ttlMs: number;
  readonly #acquireTimeoutMs: number;
  readonly #lists = new Map<ListKind, CachedList>();
  readonly #reads = new Map<ListKind, Promise<ListSnapshot>>();
  readonly #listeners = new Set<(change: ServerChange) => void>();
  #known: KnownServer | undefined;
  #knownAt = 0;
  #handle: Handle | undefined;
  #feedLive = false;
  #releaseFeed: (() => void) | undefined;
  #feedRetry: Timer | undefined;
  #holding: Promise<void> | undefined;
  #closed = false;

  constructor(options: {
    upstream: Upstream;
    principal: Principal;
    clock: Clock;
    emit: Emit;
    ttlMs: number;
    acquireTimeoutMs: number;
  }) {
    this.#upstream = options.upstream;
    this.#principal = options.principal;
    this.#clock = options.clock;
    this.#emit = options.emit;
    this.#ttlMs = options.ttlMs;
    this.#acquireTimeoutMs = options.acquireTimeoutMs;
  }

  /** True while somebody listens for changes: such a view must not be forgotten. */
  get inUse(): boolean {
    return this.#listeners.size > 0;
  }

  /** The server's facts; asks it only when they are unknown or too old. */
  async facts(): Promise<KnownServer> {
    const believed =
      this.#known !== undefined && (this.#handle !== undefined || this.#clock.now() - this.#knownAt < FACTS_AGE_MS);
    if (believed && this.#known !== undefined) return this.#known;
    return await this.#use(async (handle) => ({ revision: handle.revision, server: handle.server }));
  }

  /** One of the server's lists, from the snapshot when it can be believed. */
  async list(kind: ListKind): Promise<ListSnapshot> {
    const cached = this.#lists.get(kind);
    if (cached !== undefined && this.#isFresh(kind, cached)) return cached.snapshot;
    let read = this.#reads.get(kind);
    if (read === undefined) {
      read = this.#read(kind, cached).finally(() => this.#reads.delete(kind));
      this.#reads.set(kind, read);
    }
    return await read;
  }

  /** Listens for changes and keeps the server's feed open meanwhile. Returns the removal. */
  onChange(listener: (change: ServerChange) => void): () => void {
    this.#listeners.add(listener);
    this.#holdFeed();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#dropFeed();
    };
  }

  /** Takes note of a change, wherever it was seen. */
  report(change: ServerChange): void {
    // A task is its owner's alone.
    if (change.kind === 'task') return;
    if (change.kind !== 'updated') {
      const cached = this.#lists.get(change.kind);
      if (cached !== undefined) cached.stale = true;
      const templates = change.kind === 'resources' ? this.#lists.get('resourceTemplates') : undefined;
      if (templates !== undefined) templates.stale = true;
    }
    for (const listener of this.#listeners) listener(change);
  }

  close(): void {
    this.#closed = true;
    this.#listeners.clear();
    this.#dropFeed();
  }

  #isFresh(kind: ListKind, cached: CachedList): boolean {
    if (cached.stale) return false;
    const age = this.#clock.now() - cached.at;
    if (this.#feedLive && this.#known !== undefined && reportsChanges(this.#known.server, kind))
      return age < MAX_LIST_AGE_MS;
    return age < (cached.snapshot.ttlMs ?? this.#ttlMs);
  }

  async #read(kind: ListKind, cached: CachedList | undefined): Promise<ListSnapshot> {
    const readAt = this.#clock.now();
    try {
      const known = await this.facts();
      if (!declaresList(known.server, kind)) return this.#keep(kind, emptyList(known.revision), readAt);
      // A change reported while the pages are read makes the new snapshot stale at once: `keep` compares.
      const before = cached;
      if (before !== undefined) before.stale = false;
      const snapshot = await this.#use((handle) => readList(handle, kind, this.#clock));
      const changedMeanwhile = before?.stale === true;
      const kept = this.#keep(kind, snapshot, readAt);
      const entry = this.#lists.get(kind);
      if (changedMeanwhile && entry !== undefined) entry.stale = true;
      return kept;
    } catch (error) {
      // Better yesterday's list than none: the calls behind it say what is wrong.
      if (cached === undefined || readAt - cached.at > MAX_LIST_AGE_MS) throw error;
      cached.stale = false;
      cached.at = readAt - this.#ttlMs + RETRY_MS;
      this.#emit({
        type: 'notice',
        level: 'warn',
        message: 'A list could not be refreshed; the last one is served.',
        detail: { upstream: this.#upstream.name, kind, error },
      });
      return cached.snapshot;
    }
  }

  #keep(kind: ListKind, snapshot: ListSnapshot, at: number): ListSnapshot {
    this.#lists.set(kind, { snapshot, at, stale: false });
    return snapshot;
  }

  #need(): HandleNeed {
    return {
      principal: this.#principal,
      sessionId: undefined,
      profile: NO_QUESTIONS,
      clientInfo: undefined,
      deadline: this.#clock.now() + this.#acquireTimeoutMs,
      anyProfile: true,
    };
  }

  async #use<T>(run: (handle: Handle) => Promise<T>): Promise<T> {
    const lease = await this.#upstream.acquire(this.#need());
    try {
      await this.#attach(lease.handle);
      return await run(lease.handle);
    } finally {
      lease.release();
    }
  }

  // The first handle seen is the one listened to until it ends; which one it is does not matter, the server is the same.
  async #attach(handle: Handle): Promise<void> {
    this.#known = { revision: handle.revision, server: handle.server };
    this.#knownAt = this.#clock.now();
    if (this.#handle !== undefined || this.#closed) return;
    this.#handle = handle;
    const stopListening = handle.onChange((change) => this.report(change));
    handle.onEnd(() => {
      stopListening();
      if (this.#handle === handle) this.#lose();
    });
    const kinds: readonly ListKind[] = ['tools', 'prompts', 'resources'];
    if (!kinds.some((kind) => reportsChanges(handle.server, kind))) return;
    const live = await handle.openFeed();
    if (this.#handle === handle) this.#feedLive = live;
  }

  #lose(): void {
    this.#handle = undefined;
    this.#feedLive = false;
    this.#releaseFeed = undefined;
    // From here on lists age; a change in the gap would go unseen, so whoever listens is told and the feed is opened again.
    const now = this.#clock.now();
    for (const cached of this.#lists.values()) cached.at = Math.max(cached.at, now - this.#ttlMs);
    if (this.#listeners.size > 0 && !this.#closed) {
      this.#feedRetry = this.#clock.after(RETRY_MS, () => this.#holdFeed(true));
    }
  }

  #holdFeed(afterGap = false): void {
    if (this.#releaseFeed !== undefined || this.#holding !== undefined || this.#closed) return;
    this.#feedRetry?.clear();
    this.#holding = this.#openFeed(afterGap).finally(() => {
      this.#holding = undefined;
    });
  }

  async #openFeed(afterGap: boolean): Promise<void> {
    try {
      const lease = await this.#upstream.acquire(this.#need());
      if (this.#listeners.size === 0 || this.#closed) {
        lease.release();
        return;
      }
      this.#releaseFeed = () => lease.release();
      await this.#attach(lease.handle);
      if (afterGap) for (const kind of ['tools', 'prompts', 'resources'] as const) this.#reportAfterGap(kind);
    } catch (error) {
      this.#emit({
        type: 'notice',
        level: 'warn',
        message: 'A change feed could not be opened.',
        detail: { upstream: this.#upstream.name, error },
      });
      if (this.#listeners.size > 0 && !this.#closed)
        this.#feedRetry = this.#clock.after(RETRY_MS, () => this.#holdFeed(true));
    }
  }

  // A spurious list_changed is harmless, a lost one is not (eras.md §2.3).
  #reportAfterGap(kind: 'tools' | 'prompts' | 'resources'): void {
    if (this.#known !== undefined && reportsChanges(this.#known.server, kind)) this.report({ kind, params: undefined });
  }

  #dropFeed(): void {
    this.#feedRetry?.clear();
    this.#releaseFeed?.();
    this.#releaseFeed = undefined;
  }
}

/** The views of all upstreams by all principals, bounded: the least recently used one that nobody listens to is forgotten. */
export class ServerViews {
  readonly #views = new Map<string, ServerView>();
  readonly #clock: Clock;
  readonly #emit: Emit;
  readonly #limit: number;

  constructor(options: { clock: Clock; emit: Emit; limit: number }) {
    this.#clock = options.clock;
    this.#emit = options.emit;
    this.#limit = options.limit;
  }

  /** The view of `upstream` by `principal`. */
  get(upstream: Upstream, principal: Principal, settings: { ttlMs: number; acquireTimeoutMs: number }): ServerView {
    const key = `${upstream.name}\n${principal.key}`;
    let view = this.#views.get(key);
    if (view === undefined) {
      view = new ServerView({ upstream, principal, clock: this.#clock, emit: this.#emit, ...settings });
      this.#forgetOne();
    } else this.#views.delete(key);
    this.#views.set(key, view);
    return view;
  }

  close(): void {
    for (const view of this.#views.values()) view.close();
    this.#views.clear();
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
