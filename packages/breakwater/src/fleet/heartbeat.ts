import type { Clock, Timer } from '../core/ports.ts';

const BEAT_MS = 2_000;
const MISSES = 3;

/**
 * Notices in bounded time (6 to 8 s) that the other side is silent: a process that was stopped, a cable that was cut. It counts its own beats, not
 * time: a process that was stopped itself hears, when it goes on, what arrived in between before it gives the other one up.
 */
export class Heartbeat {
  readonly #clock: Clock;
  readonly #beat: () => void;
  readonly #onSilent: () => void;
  #timer: Timer;
  #isHeard = true;
  #misses = 0;

  /** @param beat asks the other side for a sign of life, with every beat. */
  constructor(clock: Clock, beat: () => void, onSilent: () => void) {
    this.#clock = clock;
    this.#beat = beat;
    this.#onSilent = onSilent;
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
      if (this.#misses >= MISSES) {
        this.#onSilent();
        return;
      }
      this.#timer = this.#schedule();
      this.#beat();
    });
  }
}
