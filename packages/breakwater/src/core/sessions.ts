import { GatewayError } from './errors.ts';
import type { Emit } from './events.ts';
import type { Clock, Principal, Random, Timer } from './ports.ts';
import { Recency } from './recency.ts';
import { Session, type SessionInit, type SessionTransport } from './session.ts';
import { clientNameOf, configuredKind, type SessionPolicy, type SessionStage, silenceMs } from './session-policy.ts';

/** Bounds of the registry. */
export interface SessionLimits extends SessionPolicy {
  readonly perPrincipal: number;
  readonly total: number;
}

/** Who asks for a session: its id is unknown to everybody else, without telling them apart. */
export interface SessionKey {
  readonly id: string;
  readonly route: string;
  readonly transport: SessionTransport;
  readonly principal: Principal;
}

/** What a registry works with. */
export interface SessionsDeps {
  readonly limits: SessionLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly emit: Emit;
  /** Ends the upstream handles that only this session used; awaited before its end is reported. Must not reject. */
  readonly releaseHandles?: (sessionId: string) => Promise<void>;
}

/** Sessions with nothing running, the longest silent first. */
type IdleSessions = Readonly<Record<SessionStage, Recency<Session>>>;

interface Holding {
  count: number;
  readonly idle: IdleSessions;
}

/** In the order in which they make room: who has only said hello goes before somebody who works. */
const STAGES: readonly SessionStage[] = ['opening', 'ephemeral', 'interactive'];
/** Sessions that fall due within this time of each other end together. */
const SWEEP_MS = 100;

/** All sessions of this node. Every look-up, sign of life, eviction and expiry takes constant time per session concerned. */
export class Sessions {
  readonly #sessions = new Map<string, Session>();
  /** In the order of their creation. Not the map's own: finding its first entry passes over every deleted one. */
  readonly #byAge = new Recency<Session>();
  readonly #idle = makeIdle();
  readonly #held = new Map<string, Holding>();
  readonly #ending = new Set<Promise<void>>();
  readonly #deps: SessionsDeps;
  #limits: SessionLimits;
  #sweep: Timer | undefined;
  #sweepAt = Number.POSITIVE_INFINITY;

  constructor(deps: SessionsDeps) {
    this.#deps = deps;
    this.#limits = deps.limits;
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
    const { principal, client } = init;
    const held = principal.personal ? this.#held.get(principal.key) : undefined;
    if (held !== undefined && held.count >= this.#limits.perPrincipal) this.#evict(leastOf(held.idle));
    else if (this.#sessions.size >= this.#limits.total) this.#evict(leastOf(this.#idle));
    const name = this.#limits.clients.size === 0 ? undefined : clientNameOf(client.info);
    const settled = configuredKind(this.#limits, init.route, name);
    const session = new Session(init, { id: random.id(), now: clock.now(), settled, onFault: this.#onFault });
    this.#sessions.set(session.id, session);
    this.#byAge.touch(session.placeByAge);
    this.#hold(principal).count++;
    this.#rest(session);
    emit({
      type: 'open',
      resource: 'session',
      id: session.id,
      owner: principal.key,
      detail: `${init.transport} ${client.revision}`,
      stream: init.stream,
      principal: principal.key,
      client: client.info,
    });
    return session;
  }

  /** The session, if it lives and belongs to exactly this route, transport and principal; a sign of life. */
  async find(key: SessionKey): Promise<Session | undefined> {
    const session = this.#sessions.get(key.id);
    if (session === undefined || session.route !== key.route || session.transport !== key.transport) return undefined;
    // A foreign id answers like an unknown one: no oracle.
    if (session.principal.key !== key.principal.key) return undefined;
    this.touch(session);
    return session;
  }

  /** Takes note of a sign of life. */
  touch(session: Session): void {
    session.noteSeen(this.#deps.clock.now());
    if (session.inFlight === 0 && this.#sessions.has(session.id)) this.#rest(session);
  }

  /** Takes note that an exchange began; such a session is neither idle nor evicted. Returns what says that it is over. */
  begin(session: Session): () => void {
    if (session.inFlight++ === 0) this.#wake(session);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      session.inFlight--;
      this.touch(session);
    };
  }

  /** Ends a session and releases what it owns. False when it was not there. */
  async end(id: string, reason: string): Promise<boolean> {
    const session = this.#sessions.get(id);
    if (session === undefined) return false;
    this.#sessions.delete(id);
    session.placeByAge.leave();
    this.#wake(session);
    const held = this.#hold(session.principal);
    if (--held.count <= 0) this.#held.delete(session.principal.key);
    const released = session.release();
    const ending: Promise<void> = released
      .then(() => this.#deps.releaseHandles?.(id))
      .then(() => {
        this.#ending.delete(ending);
        this.#deps.emit({ type: 'close', resource: 'session', id, reason, detail: session.hostKind });
      });
    this.#ending.add(ending);
    await released;
    return true;
  }

  /** Ends every session that `which` selects (drain, a route that went away); resolves when nothing of an ended session is left. */
  async endAll(reason: string, which: (session: Session) => boolean = () => true): Promise<void> {
    for (const session of [...this.#sessions.values()]) if (which(session)) void this.end(session.id, reason);
    await Promise.all(this.#ending);
    if (this.#sessions.size === 0) this.#clearSweep();
  }

  #hold({ key }: Principal): Holding {
    let held = this.#held.get(key);
    if (held === undefined) {
      held = { count: 0, idle: makeIdle() };
      this.#held.set(key, held);
    }
    return held;
  }

  #rest(session: Session): void {
    this.#idle[session.stage].touch(session.place);
    this.#hold(session.principal).idle[session.stage].touch(session.placeOfPrincipal);
    if (session.lastSeenAt + silenceMs(this.#limits, session.stage) < this.#sweepAt) this.#schedule();
  }

  #wake(session: Session): void {
    session.place.leave();
    session.placeOfPrincipal.leave();
  }

  #evict(session: Session | undefined): void {
    if (session === undefined) throw new GatewayError('session.limit');
    void this.end(session.id, 'evicted');
  }

  /** The session that falls due next for its age or its silence, when, and why. */
  #nextDue(): { readonly session: Session; readonly at: number; readonly reason: string } | undefined {
    const first = this.#byAge.oldest;
    let due =
      first === undefined
        ? undefined
        : { session: first, at: first.createdAt + this.#limits.maxAgeMs, reason: 'max-age' };
    for (const stage of STAGES) {
      const session = this.#idle[stage].oldest;
      if (session === undefined) continue;
      const at = session.lastSeenAt + silenceMs(this.#limits, stage);
      if (due === undefined || at < due.at) due = { session, at, reason: stage === 'opening' ? 'handshake' : 'idle' };
    }
    return due;
  }

  #schedule(): void {
    this.#clearSweep();
    const due = this.#nextDue();
    if (due === undefined) return;
    const { clock } = this.#deps;
    const delayMs = Math.max(SWEEP_MS, due.at - clock.now());
    this.#sweepAt = clock.now() + delayMs;
    this.#sweep = clock.after(delayMs, () => this.#reap());
  }

  #reap(): void {
    const now = this.#deps.clock.now();
    for (let due = this.#nextDue(); due !== undefined && due.at <= now; due = this.#nextDue()) {
      void this.end(due.session.id, due.reason);
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

function makeIdle(): IdleSessions {
  return { opening: new Recency(), ephemeral: new Recency(), interactive: new Recency() };
}

function leastOf(idle: IdleSessions): Session | undefined {
  for (const stage of STAGES) {
    const { oldest } = idle[stage];
    if (oldest !== undefined) return oldest;
  }
  return undefined;
}
