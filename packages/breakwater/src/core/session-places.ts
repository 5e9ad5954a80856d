import type { Principal } from './ports.ts';
import { Recency } from './recency.ts';
import type { Session } from './session.ts';
import { type SessionPolicy, type SessionStage, silenceMs } from './session-policy.ts';

/** Sessions with nothing running, the longest silent first. */
type IdleSessions = Readonly<Record<SessionStage, Recency<Session>>>;

interface Holding {
  count: number;
  readonly idle: IdleSessions;
}

/** The session that falls due next for its age or its silence, when, and why. */
export interface DueSession {
  readonly session: Session;
  readonly at: number;
  readonly reason: string;
}

/** In the order in which they make room: who has only said hello goes before somebody who works. */
const STAGES: readonly SessionStage[] = ['opening', 'ephemeral', 'interactive'];

/** In which order a node's sessions fall due and make room for each other. Everything takes constant time. */
export class SessionPlaces {
  /** In the order of their creation. Not that of a map: finding its first entry passes over every deleted one. */
  readonly #byAge = new Recency<Session>();
  readonly #idle = makeIdle();
  readonly #held = new Map<string, Holding>();

  add(session: Session): void {
    this.#byAge.touch(session.placeByAge);
    this.#hold(session.principal).count++;
    this.rest(session);
  }

  remove(session: Session): void {
    session.placeByAge.leave();
    this.wake(session);
    const held = this.#hold(session.principal);
    if (--held.count <= 0) this.#held.delete(session.principal.key);
  }

  /** Nothing runs in it: it is the one heard of last. */
  rest(session: Session): void {
    this.#idle[session.stage].touch(session.place);
    this.#hold(session.principal).idle[session.stage].touch(session.placeOfPrincipal);
  }

  /** Something runs in it: it is not idle. */
  wake(session: Session): void {
    session.place.leave();
    session.placeOfPrincipal.leave();
  }

  /** How many sessions a principal has. */
  countOf({ key }: Principal): number {
    return this.#held.get(key)?.count ?? 0;
  }

  /** The idle session that got least far and is the longest silent: of a principal, or of all. */
  leastOf(principal?: Principal): Session | undefined {
    const idle = principal === undefined ? this.#idle : this.#held.get(principal.key)?.idle;
    if (idle === undefined) return undefined;
    for (const stage of STAGES) {
      const { oldest } = idle[stage];
      if (oldest !== undefined) return oldest;
    }
    return undefined;
  }

  nextDue(policy: SessionPolicy): DueSession | undefined {
    const first = this.#byAge.oldest;
    let due: DueSession | undefined =
      first === undefined ? undefined : { session: first, at: first.createdAt + policy.maxAgeMs, reason: 'max-age' };
    for (const stage of STAGES) {
      const session = this.#idle[stage].oldest;
      if (session === undefined) continue;
      const at = session.lastSeenAt + silenceMs(policy, stage);
      if (due === undefined || at < due.at) due = { session, at, reason: stage === 'opening' ? 'handshake' : 'idle' };
    }
    return due;
  }

  #hold({ key }: Principal): Holding {
    let held = this.#held.get(key);
    if (held === undefined) {
      held = { count: 0, idle: makeIdle() };
      this.#held.set(key, held);
    }
    return held;
  }
}

function makeIdle(): IdleSessions {
  return { opening: new Recency(), ephemeral: new Recency(), interactive: new Recency() };
}
