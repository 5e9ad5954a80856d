import type { Emit } from '../core/events.ts';
import type { Clock, Timer } from '../core/ports.ts';
import type { Store } from '../core/store.ts';

/** What a fleet's clock works with. */
export interface FleetClockOptions {
  /** This machine's. */
  readonly machine: Clock;
  readonly store: Pick<Store, 'time'>;
  readonly emit: Emit;
}

/** Within this the machine's clock is right: so much difference does no harm, and NTP leaves less. */
const RIGHT_MS = 1_000;
const LOOK_MS = 10_000;

/**
 * The clock of a node of a fleet: this machine's, put right by the store's where they differ by more than a second. A time that one node writes down (when a
 * session began or was heard of, who took a stream, when a call's time is up) means the same on every other one then, whatever their machines think.
 */
export class FleetClock implements Clock {
  readonly #options: FleetClockOptions;
  #aheadMs = 0;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: FleetClockOptions) {
    this.#options = options;
  }

  /** Looks at the store's clock, now and every few seconds from then on. Rejects with `store.unavailable`. */
  async open(): Promise<void> {
    await this.#look();
    this.#plan();
  }

  now(): number {
    return this.#options.machine.now() + this.#aheadMs;
  }

  after(delayMs: number, run: () => void): Timer {
    return this.#options.machine.after(delayMs, run);
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.clear();
  }

  async #look(): Promise<void> {
    const { machine, store, emit } = this.#options;
    const asked = machine.now();
    const time = await store.time();
    const halfwayMs = (machine.now() - asked) / 2;
    const aheadMs = Math.round(time - asked - halfwayMs);
    // The answer may have been long under way in one direction.
    const isNear = (known: number): boolean => Math.abs(aheadMs - known) <= RIGHT_MS + Math.abs(halfwayMs);
    if (isNear(this.#aheadMs)) return;
    this.#aheadMs = isNear(0) ? 0 : aheadMs;
    if (this.#aheadMs === 0) {
      emit({ type: 'notice', level: 'info', message: 'The clock of this machine agrees with the store’s again.' });
      return;
    }
    const message = 'The clock of this machine differs from the store’s, by which this node goes on.';
    emit({ type: 'notice', level: 'warn', message, detail: { differenceMs: -aheadMs } });
  }

  #plan(): void {
    if (this.#isClosed) return;
    this.#timer = this.#options.machine.after(LOOK_MS, () => {
      // The store is away: what is known of its clock has to do.
      void this.#look()
        .catch(() => undefined)
        .then(() => this.#plan());
    });
  }
}
