import { setTimeout as sleep } from 'node:timers/promises';

/** The time a {@link Pace} goes by. */
export interface PaceTime {
  now(): number;
  sleep(ms: number): Promise<unknown>;
}

const REAL: PaceTime = { now: () => performance.now(), sleep };

/** Keeps requests at a rate: each may start no sooner than 1 / rate seconds after the one before. */
export class Pace {
  readonly #gapMs: number;
  readonly #time: PaceTime;
  #next = 0;

  constructor(perSecond: number, time: PaceTime = REAL) {
    this.#gapMs = 1_000 / perSecond;
    this.#time = time;
  }

  /** Resolves when one more request may start. */
  async turn(): Promise<void> {
    const now = this.#time.now();
    const at = Math.max(now, this.#next);
    this.#next = at + this.#gapMs;
    if (at > now) await this.#time.sleep(at - now);
  }
}
