import type { Clock, Timer } from '../../packages/breakwater/src/core/ports.ts';

interface Due {
  readonly at: number;
  readonly run: () => void;
}

/** A clock that stands still until the test moves it. */
export class ManualClock implements Clock {
  #now = 1_700_000_000_000;
  readonly #due = new Set<Due>();

  now(): number {
    return this.#now;
  }

  /** How many timers are set. */
  get pending(): number {
    return this.#due.size;
  }

  after(delayMs: number, run: () => void): Timer {
    const due = { at: this.#now + delayMs, run };
    this.#due.add(due);
    return { clear: () => this.#due.delete(due) };
  }

  /** Moves on, running what becomes due in order. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const [next] = [...this.#due].filter((due) => due.at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#due.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
    }
    this.#now = end;
  }
}
