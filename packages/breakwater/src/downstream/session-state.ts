import type { Session } from '../core/session.ts';
import type { Change } from '../core/subscription.ts';
import type { RawId } from '../jsonrpc/id.ts';
import { Questions } from './questions.ts';
import { SessionSubscription } from './session-subscription.ts';

/** One request of a session that is being served. */
export interface RunningCall {
  readonly id: RawId;
  /** The client does not want it any more. */
  cancel(): void;
  /** Its session ended. */
  abort(): void;
}

/** What the downstream side keeps beside a legacy session, whichever transport it came by. */
export class SessionState {
  readonly session: Session;
  readonly subscription: SessionSubscription;
  readonly questions = new Questions();
  /** Sends a request on the session's own stream; false when none is open. */
  requestAside: (message: Buffer) => boolean = () => false;
  /** `notifications/initialized` arrived. */
  sawInitialized = false;
  readonly #running = new Set<RunningCall>();
  #onIdle: (() => void) | undefined;

  constructor(session: Session, onChange: (change: Change) => void) {
    this.session = session;
    this.subscription = new SessionSubscription(session, onChange);
    session.owner.defer(() => {
      for (const call of [...this.#running]) call.abort();
    });
  }

  /** How many requests are being served. */
  get inFlight(): number {
    return this.#running.size;
  }

  /** Takes note of a request; returns what says that it is over. */
  run(call: RunningCall): () => void {
    this.#running.add(call);
    this.session.inFlight++;
    return () => {
      if (!this.#running.delete(call)) return;
      this.session.inFlight--;
      if (this.#running.size === 0) this.#onIdle?.();
    };
  }

  /** True when a request with this id is being served. */
  isRunning(id: RawId): boolean {
    for (const call of this.#running) if (call.id === id) return true;
    return false;
  }

  /** Cancels the request with this id. Where several carry it nobody can tell which one is meant, so none is cancelled. */
  cancel(id: RawId): void {
    const meant = [...this.#running].filter((call) => call.id === id);
    if (meant.length === 1) meant[0]?.cancel();
  }

  /** Calls `run` when nothing is being served: now, or later. */
  whenIdle(run: () => void): void {
    if (this.#running.size === 0) run();
    else this.#onIdle = run;
  }
}
