import type { Emit } from '../core/events.ts';
import type { Clock, Timer } from '../core/ports.ts';
import type { Store } from '../core/store.ts';

/** What a fleet's clock works with. */
export interface FleetClockOptions {
  /** This machine's, which may be set at any moment. */
  readonly machine: Clock;
  /** Milliseconds by a clock that nobody sets; it may stand still while the machine sleeps. */
  readonly steady: () => number;
  readonly store: Pick<Store, 'time'>;
  readonly emit: Emit;
}

/** Within this the machine's clock is right: so much difference does no harm, and NTP leaves less. */
const RIGHT_MS = 1_000;
const LOOK_MS = 10_000;

/**
 * The clock of a node of a fleet: this machine's, put right by the store's where they differ by more than a second. A time that one node writes down (when a
 * session began or was heard of, who took a stream, when a call's time is up) means the same on every other one then, whatever their machines think. That a
 * machine's clock is set moves it neither forth nor back.
 */
export class FleetClock implements Clock {
  readonly #options: FleetClockOptions;
  #aheadMs = 0;
  /** What was said last of how far the store's is ahead. */
  #toldMs = 0;
  /** How far the machine's clock was ahead of the steady one when it was last looked at. */
  #leadMs: number;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: FleetClockOptions) {
    this.#options = options;
    this.#leadMs = options.machine.now() - options.steady();
  }

  /** Looks at the store's clock, now and every few seconds from then on. Rejects with `store.unavailable`. */
  async open(): Promise<void> {
    await this.#look();
    this.#plan();
  }

  now(): number {
    const { machine, steady } = this.#options;
    const now = machine.now();
    const leadMs = now - steady();
    const leapMs = leadMs - this.#leadMs;
    this.#leadMs = leadMs;
    if (Math.abs(leapMs) > RIGHT_MS) this.#hold(leapMs);
    return now + this.#aheadMs;
  }

  after(delayMs: number, run: () => void): Timer {
    return this.#options.machine.after(delayMs, run);
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.clear();
  }

  // Its clock was set, and what was written down a moment ago must not be long ago or still to come; or the machine has slept. The store knows.
  #hold(leapMs: number): void {
    this.#aheadMs -= Math.round(leapMs);
    if (this.#timer === undefined) return;
    this.#timer.clear();
    this.#lookAgain();
  }

  async #look(): Promise<void> {
    const asked = this.now();
    const time = await this.#options.store.time();
    const halfwayMs = (this.now() - asked) / 2;
    const aheadMs = this.#aheadMs + Math.round(time - asked - halfwayMs);
    // The answer may have been long under way in one direction.
    const isNear = (known: number): boolean => Math.abs(aheadMs - known) <= RIGHT_MS + halfwayMs;
    const rightMs = isNear(0) ? 0 : aheadMs;
    if (!isNear(this.#aheadMs)) this.#aheadMs = rightMs;
    if (!isNear(this.#toldMs)) this.#tell(rightMs);
  }

  #tell(aheadMs: number): void {
    const { emit } = this.#options;
    this.#toldMs = aheadMs;
    if (aheadMs === 0) {
      emit({ type: 'notice', level: 'info', message: 'The clock of this machine agrees with the store’s again.' });
      return;
    }
    const message = 'The clock of this machine differs from the store’s, by which this node goes on.';
    emit({ type: 'notice', level: 'warn', message, detail: { differenceMs: -aheadMs } });
  }

  #lookAgain(): void {
    this.#timer = undefined;
    // The store is away: what is known of its clock has to do.
    void this.#look()
      .catch(() => undefined)
      .then(() => this.#plan());
  }

  #plan(): void {
    if (this.#isClosed) return;
    this.#timer = this.#options.machine.after(LOOK_MS, () => this.#lookAgain());
  }
}
