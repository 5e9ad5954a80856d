import type { Clock } from '../../packages/breakwater/src/core/ports.ts';

/** A clock that stands still until it is moved. */
export class ManualClock implements Clock {
  #now = 1_000_000;
  #timers: { readonly at: number; readonly run: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(delayMs: number, run: () => void): { clear(): void } {
    const timer = { at: this.#now + delayMs, run };
    this.#timers.push(timer);
    return {
      clear: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  /** Moves time on and runs what is due, in order, letting promises settle in between. */
  async advance(byMs: number): Promise<void> {
    const until = this.#now + byMs;
    await settle();
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
      await settle();
    }
    this.#now = until;
  }
}

/** Lets everything that waits for no timer and no I/O happen. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
