import type { GatewayEvent } from './events.ts';
import type { Clock, Timer } from './ports.ts';
import { Place, Recency } from './recency.ts';
import type { Session, SessionKey } from './session.ts';
import type { KnownSession, SessionNews, SessionVault, VaultListener } from './session-vault.ts';

/** What the registry of this node does for the sessions that visit it. */
export interface VisitHost {
  get(id: string): Session | undefined;
  all(): Iterable<Session>;
  /** Takes a session of the fleet in. Throws `session.limit` where there is no room. */
  admit(id: string, known: KnownSession): Session;
  /** Lets go of what is here of a session, which lives on elsewhere or has ended. */
  drop(session: Session, reason: string, ending: { readonly withHandles: boolean }): Promise<void>;
  end(session: Session, reason: string): Promise<unknown>;
  /** Its idle time counts again. */
  rest(session: Session): void;
  releaseHandles(id: string): Promise<void>;
}

interface Load {
  readonly id: string;
  readonly found: Promise<Session | undefined>;
  /** What was read may be out of date. */
  isStale: boolean;
}

/** An idle session that owns nothing here is let go after this time: any node can have it again for one read of the store. */
const LEAVE_MS = 5_000;
const LEAVE_EVERY_MS = 1_000;
/** Of how many sessions at least it is remembered here that they ended: the store learns it late when it is away or full. */
const ENDED_REMEMBERED = 10_000;
/** Sessions that are looked at anew at a time, after a gap in the news. */
const CHECKS_AT_ONCE = 32;
const RECHECK_MS = 1_000;

/**
 * The sessions of a fleet as they come and go on one node: taken in when a request comes for one, kept while something of it is here, and let go
 * otherwise. What other nodes say of one is done here too.
 */
export class SessionVisits implements VaultListener {
  readonly #vault: SessionVault;
  readonly #host: VisitHost;
  readonly #clock: Clock;
  readonly #loads = new Map<string, Load>();
  /** Upstream handles that end with a session, by session. */
  readonly #handles = new Map<string, Set<string>>();
  readonly #sessionOf = new Map<string, string>();
  readonly #leaving = new Recency<Session>();
  /** Sessions that ended: the latest, and those before them. Two that are dropped whole, because one that loses its oldest is slow to look through. */
  #ended = new Set<string>();
  #endedBefore = new Set<string>();
  /** Sessions of which news may have been lost. */
  readonly #unsure = new Set<Session>();
  #timer: Timer | undefined;
  #recheckTimer: Timer | undefined;
  #isRechecking = false;

  constructor(vault: SessionVault, host: VisitHost, deps: { readonly clock: Clock }) {
    this.#vault = vault;
    this.#host = host;
    this.#clock = deps.clock;
    vault.listen(this);
  }

  /** Finds a session that is not here in the fleet. Requests that come together share one look-up. Rejects with `store.unavailable` or `session.limit`. */
  find(key: SessionKey): Promise<Session | undefined> {
    if (this.#hasEnded(key.id)) return Promise.resolve(undefined);
    // With everything that it is bound to: who asks for somebody else's must not get what its owner asked for.
    const name = JSON.stringify([key.id, key.route, key.transport, key.principal.key]);
    const known = this.#loads.get(name);
    if (known !== undefined) return known.found;
    const { promise: found, resolve, reject } = Promise.withResolvers<Session | undefined>();
    const load: Load = { id: key.id, found, isStale: false };
    this.#loads.set(name, load);
    this.#load(key, load)
      .finally(() => this.#loads.delete(name))
      .then(resolve, reject);
    return found;
  }

  /** Takes note that a session ended: whatever the store says of it, it does not come back here. */
  noteEnded(id: string): void {
    if (this.#ended.size >= ENDED_REMEMBERED) {
      this.#endedBefore = this.#ended;
      this.#ended = new Set();
    }
    this.#ended.add(id);
  }

  #hasEnded(id: string): boolean {
    return this.#ended.has(id) || this.#endedBefore.has(id);
  }

  /** Nothing runs in the session: it may be let go of soon. */
  loosen(session: Session): void {
    session.placeToLeave ??= new Place(session);
    this.#leaving.touch(session.placeToLeave);
    this.#timer ??= this.#clock.after(LEAVE_EVERY_MS, () => this.#sweep());
  }

  /** Decides about a session that was silent here for long enough to end: others may have heard of it. */
  async judge(session: Session, reason: string): Promise<void> {
    const { lastSeenAt } = session;
    try {
      const known = await this.#vault.check(session);
      if (this.#host.get(session.id) !== session) return;
      const isHeard = session.inFlight > 0 || session.lastSeenAt > lastSeenAt;
      if (known === undefined) await this.#host.drop(session, reason, { withHandles: true });
      else if (isHeard || known.lastSeenAt > lastSeenAt) {
        session.adopt(known);
        if (session.inFlight === 0) this.#host.rest(session);
      } else await this.#host.end(session, reason);
    } catch {
      // Nobody can say whether it lives; whoever asks for it next finds out.
      await this.#host.drop(session, reason, { withHandles: true });
    }
  }

  /** Looks at a session anew whose handshake may have gone on elsewhere. Never rejects. */
  async refresh(session: Session): Promise<void> {
    try {
      const known = await this.#vault.check(session);
      if (known !== undefined) session.adoptSettings(known);
    } catch {
      // The store is away: what is known here has to do.
    }
  }

  /** Takes note of the upstream handles that end with a session: such a session stays. */
  record(event: GatewayEvent): void {
    if (event.type === 'open' && event.resource === 'handle' && event.session !== undefined) {
      const handles = this.#handles.get(event.session) ?? new Set();
      this.#handles.set(event.session, handles.add(event.id));
      this.#sessionOf.set(event.id, event.session);
    } else if (event.type === 'close' && event.resource === 'handle') this.#forgetHandle(event.id);
  }

  onNews(sessionId: string, news: SessionNews): void {
    const session = this.#host.get(sessionId);
    if (news.type === 'ended') {
      this.noteEnded(sessionId);
      for (const load of this.#loads.values()) if (load.id === sessionId) load.isStale = true;
      if (session !== undefined) void this.#host.drop(session, 'ended-elsewhere', { withHandles: true });
      else if (this.#handles.has(sessionId)) void this.#host.releaseHandles(sessionId);
    } else if (news.type === 'changed') {
      for (const load of this.#loads.values()) if (load.id === sessionId) load.isStale = true;
      session?.adoptSettings(news.progress);
    } else session?.keeper?.hear(news);
  }

  onGap(): void {
    for (const load of this.#loads.values()) load.isStale = true;
    for (const session of this.#host.all()) if (session.isShared) this.#unsure.add(session);
    // Several nodes may say at the same time that something was missed: what is unsure again after one pass has its turn in the next.
    if (!this.#isRechecking) void this.#recheckAll();
  }

  close(): void {
    this.#timer?.clear();
    this.#timer = undefined;
    this.#recheckTimer?.clear();
    this.#recheckTimer = undefined;
    this.#unsure.clear();
  }

  async #load(key: SessionKey, load: Load): Promise<Session | undefined> {
    for (;;) {
      load.isStale = false;
      const known = await this.#vault.find(key);
      if (known === undefined || this.#hasEnded(key.id)) return undefined;
      if (load.isStale) continue;
      return this.#host.get(key.id) ?? this.#host.admit(key.id, known);
    }
  }

  // News come by a connection of their own: that it is back does not say that the store can be asked.
  async #recheckAll(): Promise<void> {
    this.#recheckTimer?.clear();
    this.#recheckTimer = undefined;
    this.#isRechecking = true;
    const due = [...this.#unsure];
    let isReachable = true;
    const checkSome = async (): Promise<void> => {
      for (let session = due.shift(); session !== undefined && isReachable; session = due.shift()) {
        isReachable = (await this.#recheck(session)) && isReachable;
      }
    };
    await Promise.all(Array.from({ length: CHECKS_AT_ONCE }, checkSome));
    this.#isRechecking = false;
    if (this.#unsure.size === 0) return;
    this.#recheckTimer ??= this.#clock.after(RECHECK_MS, () => void this.#recheckAll());
  }

  async #recheck(session: Session): Promise<boolean> {
    // Before it is looked at: what is said meanwhile makes it unsure again.
    this.#unsure.delete(session);
    try {
      const known = this.#host.get(session.id) === session ? await this.#vault.check(session) : undefined;
      if (this.#host.get(session.id) !== session) return true;
      if (known === undefined) await this.#host.drop(session, 'ended-elsewhere', { withHandles: true });
      else {
        session.adoptSettings(known);
        if (known.streamElsewhere) session.keeper?.hear({ type: 'stream', at: Number.POSITIVE_INFINITY });
      }
      return true;
    } catch {
      this.#unsure.add(session);
      return false; // away again
    }
  }

  #sweep(): void {
    this.#timer = undefined;
    const before = this.#clock.now() - LEAVE_MS;
    for (let next = this.#leaving.oldest; next !== undefined; next = this.#leaving.oldest) {
      if (next.lastSeenAt > before) break;
      next.placeToLeave?.leave();
      // One that is busy comes back here when it rests again.
      if (this.#host.get(next.id) !== next || this.#isBusy(next)) continue;
      this.#vault.leave(next);
      void this.#host.drop(next, 'unloaded', { withHandles: false });
    }
    if (this.#leaving.oldest !== undefined) this.#timer = this.#clock.after(LEAVE_EVERY_MS, () => this.#sweep());
  }

  #isBusy(session: Session): boolean {
    return session.inFlight > 0 || session.keeper?.isBusy === true || this.#handles.has(session.id);
  }

  #forgetHandle(id: string): void {
    const sessionId = this.#sessionOf.get(id);
    if (sessionId === undefined) return;
    this.#sessionOf.delete(id);
    const handles = this.#handles.get(sessionId);
    handles?.delete(id);
    if (handles?.size !== 0) return;
    this.#handles.delete(sessionId);
    const session = this.#host.get(sessionId);
    if (session?.isShared === true && session.inFlight === 0) this.loosen(session);
  }
}
