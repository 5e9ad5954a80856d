import type { LegacyRevision } from '../protocol/revision.ts';
import { GatewayError } from './errors.ts';
import type { Emit } from './events.ts';
import { Owner } from './owner.ts';
import type { ClientFacts, Clock, Principal, Random, Timer } from './ports.ts';

/** Which legacy transport a session belongs to; an id of one is unknown on the other. */
export type SessionTransport = 'streamable' | 'sse';

/** What a session is made of. */
export interface SessionInit {
  readonly route: string;
  readonly transport: SessionTransport;
  readonly principal: Principal;
  readonly client: ClientFacts & { readonly revision: LegacyRevision };
}

/** Legacy `Mcp-Session-Id` state. What it owns (streams, subscriptions, handles) is released when it ends. */
export interface Session extends SessionInit {
  readonly id: string;
  readonly owner: Owner;
  readonly createdAt: number;
  /** Time of the last request or delivered event. */
  lastSeenAt: number;
  /** The client said `notifications/initialized`, or proved readiness by its first request. */
  initialized: boolean;
  /** Level of `logging/setLevel`; undefined until it was called. */
  logLevel: string | undefined;
  /** Exchanges now running. */
  inFlight: number;
}

/** Bounds of the registry. Durations in ms. */
export interface SessionLimits {
  readonly idleMs: number;
  readonly maxAgeMs: number;
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

/** All sessions of this node. */
export class Sessions {
  readonly #sessions = new Map<string, Session>();
  readonly #perPrincipal = new Map<string, number>();
  #limits: SessionLimits;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #emit: Emit;
  #sweep: Timer | undefined;

  constructor(options: { limits: SessionLimits; clock: Clock; random: Random; emit: Emit }) {
    this.#limits = options.limits;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#emit = options.emit;
  }

  /** New bounds count from now on; sessions beyond them end when they are next looked at. */
  set limits(limits: SessionLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /**
   * Mints a session. At the principal's or the node's cap the principal's longest idle session makes room; when none is idle
   * it throws `session.limit`.
   */
  create(init: SessionInit): Session {
    const held = this.#perPrincipal.get(init.principal.key) ?? 0;
    if (held >= this.#limits.perPrincipal) this.#evict((session) => session.principal.key === init.principal.key);
    else if (this.#sessions.size >= this.#limits.total) this.#evict(() => true);
    const now = this.#clock.now();
    const session: Session = {
      ...init,
      id: this.#random.id(),
      owner: new Owner((error) =>
        this.#emit({
          type: 'notice',
          level: 'error',
          message: 'A release step of a session failed.',
          detail: { error },
        }),
      ),
      createdAt: now,
      lastSeenAt: now,
      initialized: false,
      logLevel: undefined,
      inFlight: 0,
    };
    this.#sessions.set(session.id, session);
    this.#perPrincipal.set(init.principal.key, (this.#perPrincipal.get(init.principal.key) ?? 0) + 1);
    this.#emit({
      type: 'open',
      resource: 'session',
      id: session.id,
      owner: init.principal.key,
      detail: `${init.transport} ${init.client.revision}`,
    });
    this.#schedule();
    return session;
  }

  /** The session, if it lives and belongs to exactly this route, transport and principal; marks it as seen. */
  async find(key: SessionKey): Promise<Session | undefined> {
    const session = this.#sessions.get(key.id);
    if (session === undefined || session.route !== key.route || session.transport !== key.transport) return undefined;
    // A foreign id answers like an unknown one: no oracle.
    if (session.principal.key !== key.principal.key) return undefined;
    session.lastSeenAt = this.#clock.now();
    return session;
  }

  /** Ends a session and releases what it owns. False when it was not there. */
  async end(id: string, reason: string): Promise<boolean> {
    const session = this.#sessions.get(id);
    if (session === undefined) return false;
    this.#sessions.delete(id);
    const held = (this.#perPrincipal.get(session.principal.key) ?? 1) - 1;
    if (held <= 0) this.#perPrincipal.delete(session.principal.key);
    else this.#perPrincipal.set(session.principal.key, held);
    await session.owner.close();
    this.#emit({ type: 'close', resource: 'session', id, reason });
    return true;
  }

  /** Ends every session that `which` selects (drain, a route that went away). */
  async endAll(reason: string, which: (session: Session) => boolean = () => true): Promise<void> {
    await Promise.all([...this.#sessions.values()].filter(which).map((session) => this.end(session.id, reason)));
    if (this.#sessions.size === 0) this.#sweep?.clear();
  }

  // Insertion order is creation order; the longest idle one is found by a scan, which runs only at the cap.
  #evict(which: (session: Session) => boolean): void {
    let oldest: Session | undefined;
    for (const session of this.#sessions.values()) {
      if (session.inFlight > 0 || !which(session)) continue;
      if (oldest === undefined || session.lastSeenAt < oldest.lastSeenAt) oldest = session;
    }
    if (oldest === undefined) throw new GatewayError('session.limit');
    void this.end(oldest.id, 'evicted');
  }

  #schedule(): void {
    if (this.#sweep !== undefined || this.#sessions.size === 0) return;
    const everyMs = Math.max(1_000, Math.min(this.#limits.idleMs / 4, 30_000));
    this.#sweep = this.#clock.after(everyMs, () => {
      this.#sweep = undefined;
      this.#reap();
      this.#schedule();
    });
  }

  #reap(): void {
    const now = this.#clock.now();
    for (const session of this.#sessions.values()) {
      const idle = session.inFlight === 0 && now - session.lastSeenAt >= this.#limits.idleMs;
      const old = now - session.createdAt >= this.#limits.maxAgeMs;
      if (idle || old) void this.end(session.id, idle ? 'idle' : 'max-age');
    }
  }
}
