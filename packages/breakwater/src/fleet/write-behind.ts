import type { Clock, Timer } from '../core/ports.ts';
import type { FieldChange, Store } from '../core/store.ts';

interface Pending {
  change: FieldChange;
  ttlMs: number;
}

/** How long writes gather before they go out together. */
const GATHER_MS = 500;
/** Records that wait at most: with a store that is away for long the oldest writes are given up. */
const MOST_PENDING = 100_000;
/** Writes under way at a time. */
const AT_ONCE = 64;

/**
 * Writes to records that nobody waits for: several changes of one record become one write, and what cannot be written now is written when the store
 * is back.
 */
export class WriteBehind {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #pending = new Map<string, Pending>();
  #timer: Timer | undefined;
  #flushing: Promise<void> | undefined;
  #isClosed = false;
  #isFailing = false;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** How many records wait to be written. */
  get size(): number {
    return this.#pending.size;
  }

  /** What was written last could not be. */
  get isFailing(): boolean {
    return this.#isFailing;
  }

  /** Changes a record soon and sets its lifetime, which counts from then. */
  add(key: string, change: FieldChange, ttlMs: number): void {
    // What ends after the drain still has a last word; with the store closed it would be tried for ever.
    if (this.#isClosed) return;
    const known = this.#pending.get(key);
    if (known === undefined) {
      const [oldest] = this.#pending.size >= MOST_PENDING ? this.#pending.keys() : [];
      if (oldest !== undefined) this.#pending.delete(oldest);
      this.#pending.set(key, { change, ttlMs });
    } else {
      known.change = { ...known.change, ...change };
      known.ttlMs = ttlMs;
    }
    this.#timer ??= this.#clock.after(GATHER_MS, () => void this.flush());
  }

  /** Takes back what waits for a record, because who calls writes it now. */
  take(key: string): FieldChange {
    const pending = this.#pending.get(key);
    this.#pending.delete(key);
    return pending?.change ?? {};
  }

  /** Writes what waits; resolves when that is done or the store is out of reach. */
  async flush(): Promise<void> {
    this.#timer?.clear();
    this.#timer = undefined;
    this.#flushing ??= this.#writeAll().finally(() => {
      this.#flushing = undefined;
      if (this.#pending.size > 0 && !this.#isClosed)
        this.#timer ??= this.#clock.after(GATHER_MS, () => void this.flush());
    });
    await this.#flushing;
  }

  /** Writes what waits, once more, and nothing after it. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.clear();
    this.#timer = undefined;
    await this.#flushing;
    await this.#writeAll();
    this.#pending.clear();
  }

  async #writeAll(): Promise<void> {
    const due = [...this.#pending.keys()];
    let isReachable = true;
    const writeSome = async (): Promise<void> => {
      for (let key = due.shift(); key !== undefined && isReachable; key = due.shift())
        isReachable = (await this.#write(key)) && isReachable;
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, due.length) }, writeSome));
  }

  async #write(key: string): Promise<boolean> {
    const pending = this.#pending.get(key);
    if (pending === undefined) return true;
    this.#pending.delete(key);
    try {
      await this.#store.write(key, pending.change, pending.ttlMs);
      this.#isFailing = false;
      return true;
    } catch {
      // Out of reach: it is tried again, below what changed meanwhile.
      this.#isFailing = true;
      const later = this.#pending.get(key);
      this.#pending.set(key, { change: { ...pending.change, ...later?.change }, ttlMs: later?.ttlMs ?? pending.ttlMs });
      return false;
    }
  }
}
