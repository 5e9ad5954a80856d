import type { Clock, Timer } from '../core/ports.ts';

const BEAT_MS = 1_000;

/**
 * Notices in bounded time that the other side is silent: a process that was stopped, a cable that was cut. It counts its own beats, not time: a process
 * that was stopped itself hears, when it goes on, what arrived in between before it gives the other one up.
 */
export class Heartbeat {
  readonly #clock: Clock;
  readonly #most: number;
  readonly #run: { readonly beat: () => void; readonly onSilent: () => void };
  #timer: Timer;
  #isHeard = true;
  #misses = 0;

  /**
   * @param misses beats without a sign of life that make it silent: so many seconds, and one more at most
   * @param run `beat` gives the other side a sign of life, with every beat.
   */
  constructor(clock: Clock, misses: number, run: { readonly beat: () => void; readonly onSilent: () => void }) {
    this.#clock = clock;
    this.#most = misses;
    this.#run = run;
    this.#timer = this.#schedule();
  }

  /** Notes a sign of life. */
  heard(): void {
    this.#isHeard = true;
  }

  stop(): void {
    this.#timer.clear();
  }

  #schedule(): Timer {
    return this.#clock.after(BEAT_MS, () => {
      this.#misses = this.#isHeard ? 0 : this.#misses + 1;
      this.#isHeard = false;
      if (this.#misses >= this.#most) {
        this.#run.onSilent();
        return;
      }
      this.#timer = this.#schedule();
      this.#run.beat();
    });
  }
}
