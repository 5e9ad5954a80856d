import type { Clock, Timer } from '../core/ports.ts';
import type { FieldChange, Store } from '../core/store.ts';

interface Pending {
  readonly change: FieldChange;
  readonly ttlMs: number;
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
  /** What is on its way to each record; settles when that has arrived or come back. */
  readonly #underWay = new Map<string, Promise<void>>();
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
    this.#keep(key, { change: { ...this.#pending.get(key)?.change, ...change }, ttlMs });
  }

  /** Takes back what waits for a record, and what is on its way there if that does not arrive. */
  async take(key: string): Promise<FieldChange> {
    while (this.#underWay.has(key)) await this.#underWay.get(key);
    return this.#lift(key)?.change ?? {};
  }

  /** Writes now, with what waits for that record. Rejects when it cannot be written; then it waits, too. */
  async now(key: string, change: FieldChange, ttlMs: number): Promise<void> {
    while (this.#underWay.has(key)) await this.#underWay.get(key);
    await this.#send(key, { change: { ...this.#lift(key)?.change, ...change }, ttlMs });
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
    while (this.#underWay.has(key)) await this.#underWay.get(key);
    const pending = this.#lift(key);
    if (pending === undefined) return true;
    try {
      await this.#send(key, pending);
      return true;
    } catch {
      return false; // it waits again
    }
  }

  /** One at a time for each record: one that fails late and is tried again would be written over what is newer. */
  async #send(key: string, pending: Pending): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#underWay.set(key, promise);
    try {
      await this.#store.write(key, pending.change, pending.ttlMs);
      this.#isFailing = false;
    } catch (error) {
      this.#isFailing = true;
      // Out of reach: it is tried again, below what changed meanwhile.
      const later = this.#pending.get(key);
      this.#keep(key, { change: { ...pending.change, ...later?.change }, ttlMs: later?.ttlMs ?? pending.ttlMs });
      throw error;
    } finally {
      this.#underWay.delete(key);
      resolve();
    }
  }

  #keep(key: string, pending: Pending): void {
    const isNew = !this.#pending.has(key);
    const [oldest] = isNew && this.#pending.size >= MOST_PENDING ? this.#pending.keys() : [];
    if (oldest !== undefined) this.#pending.delete(oldest);
    this.#pending.set(key, pending);
    if (!this.#isClosed) this.#timer ??= this.#clock.after(GATHER_MS, () => void this.flush());
  }

  #lift(key: string): Pending | undefined {
    const pending = this.#pending.get(key);
    this.#pending.delete(key);
    return pending;
  }
}
