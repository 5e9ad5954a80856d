import type { SessionAside } from '../core/ports.ts';
import type { Session } from '../core/session.ts';
import type { Sessions } from '../core/sessions.ts';
import type { Change } from '../core/subscription.ts';
import type { RawId } from '../jsonrpc/id.ts';
import { Questions } from './questions.ts';
import { makeAside } from './session-aside.ts';
import { SessionSubscription } from './session-subscription.ts';

/** One request of a session that is being served. */
export interface RunningCall {
  readonly id: RawId;
  /** The client does not want it any more. */
  cancel(): void;
  /** Its session ended. */
  abort(): void;
}

/** What a session's transport does for it. */
export interface SessionSide {
  /** Something the session subscribed to changed. */
  onChange(change: Change): void;
  /** Sends a request on the session's own stream; false when none is open. */
  requestAside(message: Buffer): boolean;
  /** Calls `run` once, when a stream of the session's own next opens. Returns the removal. */
  onceReadable(run: () => void): () => void;
  /** Makes of a fresh id one that says which node of the fleet asks. */
  readonly mint?: ((id: string) => string) | undefined;
}

/** What the downstream side keeps beside a legacy session, whichever transport it came by. */
export class SessionState {
  readonly session: Session;
  readonly #sessions: Sessions;
  readonly #side: SessionSide;
  /** In the order of their arrival. An array, because the tables of a set would keep them in memory long after their end (`upstream/call-list.ts`). */
  #running: RunningCall[] | undefined;
  #subscription: SessionSubscription | undefined;
  #questions: Questions | undefined;
  #aside: SessionAside | undefined;
  #onIdle: (() => void) | undefined;

  constructor(session: Session, sessions: Sessions, side: SessionSide) {
    this.session = session;
    this.#sessions = sessions;
    this.#side = side;
  }

  /** What the session wants to hear about. */
  get subscription(): SessionSubscription {
    this.#subscription ??= new SessionSubscription(this.session, (change) => this.#side.onChange(change));
    return this.#subscription;
  }

  /** True when it was opened, or is being opened. */
  get isSubscribed(): boolean {
    return this.#subscription?.isOpen === true;
  }

  /** What its client was asked and has not answered. */
  get questions(): Questions {
    this.#questions ??= new Questions(this.#side.mint);
    return this.#questions;
  }

  /** The way to ask its client outside of any request. */
  get aside(): SessionAside {
    this.#aside ??= makeAside(this.session.owner, this.questions, this.#side);
    return this.#aside;
  }

  /** How many requests are being served. */
  get inFlight(): number {
    return this.#running?.length ?? 0;
  }

  /** Sends a request on the session's own stream; false when none is open. */
  requestAside(message: Buffer): boolean {
    return this.#side.requestAside(message);
  }

  /** Takes note of a request; returns what says that it is over. */
  run(call: RunningCall): () => void {
    const running = this.#calls();
    running.push(call);
    const end = this.#sessions.begin(this.session);
    return () => {
      const at = running.indexOf(call);
      if (at < 0) return;
      running.splice(at, 1);
      end();
      if (running.length === 0) this.#onIdle?.();
    };
  }

  /** True when a request with this id is being served. */
  isRunning(id: RawId): boolean {
    for (const call of this.#running ?? []) if (call.id === id) return true;
    return false;
  }

  /**
   * Cancels the request with this id. Where several carry it nobody can tell which one is meant, so none is cancelled. False when none carries it.
   */
  cancel(id: RawId): boolean {
    const meant = [...(this.#running ?? [])].filter((call) => call.id === id);
    if (meant.length === 1) meant[0]?.cancel();
    return meant.length > 0;
  }

  /** Ends what is being served, because the session ended. */
  abort(): void {
    for (const call of [...(this.#running ?? [])]) call.abort();
  }

  /** Calls `run` when nothing is being served: now, or later. */
  whenIdle(run: () => void): void {
    if (this.inFlight === 0) run();
    else this.#onIdle = run;
  }

  #calls(): RunningCall[] {
    if (this.#running === undefined) {
      const running: RunningCall[] = [];
      this.#running = running;
      this.session.owner.defer(() => this.abort());
    }
    return this.#running;
  }
}
