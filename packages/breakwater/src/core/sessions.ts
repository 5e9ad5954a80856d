import { GatewayError } from './errors.ts';
import type { Emit, GatewayEvent } from './events.ts';
import type { Clock, Principal, Random, Timer } from './ports.ts';
import { Session, type SessionInit, type SessionKey } from './session.ts';
import { SessionPlaces } from './session-places.ts';
import { clientNameOf, configuredKind, type SessionKind, type SessionPolicy, silenceMs } from './session-policy.ts';
import type { KnownSession, SessionVault } from './session-vault.ts';
import { SessionVisits } from './session-visits.ts';

/** Bounds of the registry. Both count what one node has: in a fleet a session that is idle is let go of, and counts nowhere. */
export interface SessionLimits extends SessionPolicy {
  readonly perPrincipal: number;
  readonly total: number;
}

/** What a registry works with. */
export interface SessionsDeps {
  readonly limits: SessionLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly emit: Emit;
  /** Ends the upstream handles that only this session used; awaited before its end is reported. Must not reject. */
  readonly releaseHandles?: (sessionId: string) => Promise<void>;
  /** Where sessions of the Streamable HTTP transport live when this node is one of a fleet. */
  readonly vault?: SessionVault | undefined;
}

/** Sessions that fall due within this time of each other end together. */
const SWEEP_MS = 100;

/** All sessions that this node has. Every look-up, sign of life, eviction and expiry takes constant time per session concerned. */
export class Sessions {
  /** Set where this node is one of a fleet. */
  readonly vault: SessionVault | undefined;
  readonly #sessions = new Map<string, Session>();
  readonly #places = new SessionPlaces();
  readonly #ending = new Set<Promise<void>>();
  readonly #visits: SessionVisits | undefined;
  readonly #deps: SessionsDeps;
  #limits: SessionLimits;
  #sweep: Timer | undefined;
  #sweepAt = Number.POSITIVE_INFINITY;

  constructor(deps: SessionsDeps) {
    this.#deps = deps;
    this.#limits = deps.limits;
    this.vault = deps.vault;
    this.#visits = deps.vault === undefined ? undefined : new SessionVisits(deps.vault, this.#host(), deps);
  }

  get limits(): SessionLimits {
    return this.#limits;
  }

  /** New bounds count from now on; sessions beyond them end when they are next looked at. */
  set limits(limits: SessionLimits) {
    this.#limits = limits;
    this.#schedule();
  }

  get size(): number {
    return this.#sessions.size;
  }

  /**
   * Mints a session. At the principal's or the node's cap an idle session makes room: of those that got least far the longest idle; when none is
   * idle it throws `session.limit`. Strangers who share a principal have the node's cap alone: one of them must not end another's session.
   */
  create(init: SessionInit): Session {
    const { clock, random, emit } = this.#deps;
    this.#makeRoom(init.principal);
    const now = clock.now();
    const isShared = this.vault !== undefined && init.transport === 'streamable';
    const id = isShared ? this.vault.mint(init, now) : random.id();
    const session = new Session(init, { id, now, isShared, settled: this.#settledKind(init), onFault: this.#onFault });
    this.#take(session);
    emit({ ...this.#opening(session), stream: init.stream });
    return session;
  }

  /** Makes sure that any node of the fleet can go on with a new session; undefined where there is none. Rejects with `store.unavailable`. */
  keep(session: Session): Promise<void> | undefined {
    return session.isShared ? this.vault?.keep(session) : undefined;
  }

  /** Takes note that its handshake went on or its log level was set; undefined where nobody else has to know. Never rejects. */
  settle(session: Session): Promise<void> | undefined {
    return session.isShared ? this.vault?.settle(session) : undefined;
  }

  /**
   * The session, if it lives and belongs to exactly this route, transport and principal; a sign of life. In a fleet it rejects with
   * `store.unavailable` or `session.limit` when it cannot be had on this node now. A promise only where the fleet has to be asked: nearly every
   * request finds its session here.
   */
  find(key: SessionKey): Session | undefined | Promise<Session | undefined> {
    const session = this.#sessions.get(key.id);
    if (session === undefined) return this.#visits && this.#findInFleet(key);
    if (!belongsTo(session, key)) return undefined;
    this.touch(session);
    return session;
  }

  async #findInFleet(key: SessionKey): Promise<Session | undefined> {
    const session = key.transport === 'streamable' ? await this.#visits?.find(key) : undefined;
    if (session === undefined || !belongsTo(session, key)) return undefined;
    this.touch(session);
    return session;
  }

  /** Finds out whether the handshake of a session went on at another node; undefined where it did not, as far as is known here already. Never rejects. */
  refresh(session: Session): Promise<void> | undefined {
    return session.isShared && !session.initialized ? this.#visits?.refresh(session) : undefined;
  }

  /** Takes note of a sign of life. */
  touch(session: Session): void {
    session.noteSeen(this.#deps.clock.now());
    if (session.isShared) this.vault?.touch(session);
    if (session.inFlight === 0 && this.#sessions.has(session.id)) this.#rest(session);
  }

  /** Takes note that something of the session is here no more; in a fleet this node may let go of it then. */
  loosen(session: Session): void {
    if (session.isShared && session.inFlight === 0) this.#visits?.loosen(session);
  }

  /** Takes note that an exchange began; such a session is neither idle nor evicted. Returns what says that it is over. */
  begin(session: Session): () => void {
    if (session.inFlight++ === 0) this.#places.wake(session);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      session.inFlight--;
      this.touch(session);
    };
  }

  /** Ends a session, wherever something of it is, and releases what it owns. False when it was not there. */
  async end(id: string, reason: string): Promise<boolean> {
    const session = this.#sessions.get(id);
    if (session === undefined) return false;
    // Before anything is awaited: what the store says of it may be out of date for as long as the store is away.
    if (session.isShared) this.#visits?.noteEnded(id);
    const told = session.isShared ? this.vault?.end(session) : undefined;
    await this.#remove(session, reason, true);
    await told;
    return true;
  }

  /**
   * Ends every session that `which` selects (drain, a route that went away); resolves when nothing of an ended session is left. Sessions of a fleet
   * live on: this node lets go of them.
   */
  async endAll(reason: string, which: (session: Session) => boolean = () => true): Promise<void> {
    for (const session of [...this.#sessions.values()]) {
      if (!which(session)) continue;
      if (session.isShared) this.#letGo(session, reason);
      else void this.end(session.id, reason);
    }
    await Promise.all(this.#ending);
    if (this.#sessions.size > 0) return;
    this.#clearSweep();
    this.#visits?.close();
  }

  /** Takes note of what was opened and closed: in a fleet a session with upstream handles of its own stays on their node. */
  record(event: GatewayEvent): void {
    this.#visits?.record(event);
  }

  #host(): ConstructorParameters<typeof SessionVisits>[1] {
    return {
      get: (id) => this.#sessions.get(id),
      all: () => this.#sessions.values(),
      admit: (id, known) => this.#admit(id, known),
      drop: (session, reason, { withHandles }) => this.#remove(session, reason, withHandles),
      end: (session, reason) => this.end(session.id, reason),
      rest: (session) => this.#rest(session),
      releaseHandles: async (id) => this.#deps.releaseHandles?.(id),
    };
  }

  #admit(id: string, { init, createdAt, progress }: KnownSession): Session {
    this.#makeRoom(init.principal);
    const made = { id, now: createdAt, isShared: true, settled: this.#settledKind(init), onFault: this.#onFault };
    const session = new Session(init, made);
    session.adopt(progress);
    this.#take(session);
    this.#deps.emit({ ...this.#opening(session), isResumed: true });
    return session;
  }

  #take(session: Session): void {
    this.#sessions.set(session.id, session);
    this.#places.add(session);
    this.#rest(session);
  }

  #opening({ id, principal, client, transport }: Session): Extract<GatewayEvent, { type: 'open' }> {
    return {
      type: 'open',
      resource: 'session',
      id,
      owner: principal.key,
      detail: `${transport} ${client.revision}`,
      principal: principal.key,
      client: client.info,
    };
  }

  /** Forgets a session here and releases what it owns here. */
  async #remove(session: Session, reason: string, withHandles: boolean): Promise<void> {
    const { id } = session;
    if (!this.#sessions.delete(id)) return;
    this.#places.remove(session);
    session.placeToLeave?.leave();
    const released = session.release();
    const ending: Promise<void> = released
      .then(() => (withHandles ? this.#deps.releaseHandles?.(id) : undefined))
      .then(() => {
        this.#ending.delete(ending);
        this.#deps.emit({ type: 'close', resource: 'session', id, reason, detail: session.hostKind });
      });
    this.#ending.add(ending);
    await released;
  }

  /** What its upstream handles have kept goes on with it, wherever it is next; a route that is gone takes them along. */
  #letGo(session: Session, reason: string): void {
    session.livesOn = true;
    this.vault?.leave(session);
    void this.#remove(session, reason, reason === 'route-removed');
  }

  #settledKind({ route, client }: SessionInit): SessionKind | undefined {
    const name = this.#limits.clients.size === 0 ? undefined : clientNameOf(client.info);
    return configuredKind(this.#limits, route, name);
  }

  #makeRoom(principal: Principal): void {
    if (principal.personal && this.#places.countOf(principal) >= this.#limits.perPrincipal) {
      this.#evict(this.#places.leastOf(principal));
    } else if (this.#sessions.size >= this.#limits.total) this.#evict(this.#places.leastOf());
  }

  #rest(session: Session): void {
    this.#places.rest(session);
    if (session.isShared) this.#visits?.loosen(session);
    if (session.lastSeenAt + silenceMs(this.#limits, session.stage) < this.#sweepAt) this.#schedule();
  }

  #evict(session: Session | undefined): void {
    if (session === undefined) throw new GatewayError('session.limit');
    if (session.isShared) this.#letGo(session, 'evicted');
    else void this.end(session.id, 'evicted');
  }

  #schedule(): void {
    this.#clearSweep();
    const due = this.#places.nextDue(this.#limits);
    if (due === undefined) return;
    const { clock } = this.#deps;
    const delayMs = Math.max(SWEEP_MS, due.at - clock.now());
    this.#sweepAt = clock.now() + delayMs;
    this.#sweep = clock.after(delayMs, () => this.#reap());
  }

  #reap(): void {
    const now = this.#deps.clock.now();
    for (;;) {
      const due = this.#places.nextDue(this.#limits);
      if (due === undefined || due.at > now) break;
      const { session, reason } = due;
      if (session.isShared && reason !== 'max-age') {
        this.#places.wake(session);
        void this.#visits?.judge(session, reason);
      } else void this.end(session.id, reason);
    }
    this.#schedule();
  }

  #clearSweep(): void {
    this.#sweep?.clear();
    this.#sweep = undefined;
    this.#sweepAt = Number.POSITIVE_INFINITY;
  }

  readonly #onFault = (error: unknown): void => {
    const message = 'A release step of a session failed.';
    this.#deps.emit({ type: 'notice', level: 'error', message, detail: { error } });
  };
}

// A foreign id answers like an unknown one: no oracle.
function belongsTo(session: Session, { route, transport, principal }: SessionKey): boolean {
  return session.route === route && session.transport === transport && session.principal.key === principal.key;
}
