import type { Clock, Timer } from '../core/ports.ts';

interface Entry<V> {
  readonly value: V;
  expiresAt: number;
  bytes: number;
}

const SWEEP_EVERY_MS = 1_000;
const LEAST_PER_SWEEP = 1_000;
/** Every entry is looked at once in so many sweeps. */
const SWEEPS_PER_ROUND = 30;
/** What an entry takes beyond its key and its value. */
const ENTRY_BYTES = 128;

/**
 * Values that are gone once their time is over. What nobody asks for any more is freed by a sweep within half a minute: one timer for all, which
 * runs only while there is something, and a bounded part of the entries each time.
 */
export class ExpiringMap<V> {
  readonly #clock: Clock;
  readonly #weigh: (value: V) => number;
  readonly #entries = new Map<string, Entry<V>>();
  #timer: Timer | undefined;
  /** Where the next sweep goes on; iterators of a Map follow its changes. */
  #place: MapIterator<[string, Entry<V>]> | undefined;
  #perSweep = LEAST_PER_SWEEP;
  #bytes = 0;

  /** @param weigh bytes of a value; asked when it is set and when it is touched. */
  constructor(clock: Clock, weigh: (value: V) => number = () => 0) {
    this.#clock = clock;
    this.#weigh = weigh;
  }

  /** Bytes of all it holds, about. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Entries held, including those whose time is over and that no sweep has met yet. */
  get size(): number {
    return this.#entries.size;
  }

  get(key: string): V | undefined {
    return this.#live(key)?.value;
  }

  set(key: string, value: V, ttlMs: number): void {
    const bytes = ENTRY_BYTES + key.length + this.#weigh(value);
    this.#bytes += bytes - (this.#entries.get(key)?.bytes ?? 0);
    this.#entries.set(key, { value, expiresAt: this.#clock.now() + ttlMs, bytes });
    this.#plan();
  }

  /** Sets the lifetime anew; false when there is no such entry. */
  touch(key: string, ttlMs: number): boolean {
    const entry = this.#live(key);
    if (entry === undefined) return false;
    const bytes = ENTRY_BYTES + key.length + this.#weigh(entry.value);
    this.#bytes += bytes - entry.bytes;
    entry.bytes = bytes;
    entry.expiresAt = this.#clock.now() + ttlMs;
    return true;
  }

  /** False when there was none. */
  delete(key: string): boolean {
    return this.#live(key) !== undefined && this.#drop(key);
  }

  /** Drops the entry that was made first; false when there is none. */
  dropOldest(): boolean {
    for (const key of this.#entries.keys()) return this.#drop(key);
    return false;
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
    this.#place = undefined;
    this.#timer?.clear();
    this.#timer = undefined;
  }

  #live(key: string): Entry<V> | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || this.#clock.now() < entry.expiresAt) return entry;
    this.#drop(key);
    return undefined;
  }

  #drop(key: string): boolean {
    this.#bytes -= this.#entries.get(key)?.bytes ?? 0;
    return this.#entries.delete(key);
  }

  #plan(): void {
    this.#timer ??= this.#clock.after(SWEEP_EVERY_MS, () => this.#sweep());
  }

  #sweep(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    const share = Math.ceil(this.#entries.size / SWEEPS_PER_ROUND);
    if (this.#place === undefined) this.#perSweep = LEAST_PER_SWEEP;
    this.#perSweep = Math.max(this.#perSweep, share);
    this.#place ??= this.#entries.entries();
    for (let left = this.#perSweep; left > 0; left--) {
      const next = this.#place.next();
      if (next.done === true) {
        this.#place = undefined;
        break;
      }
      const [key, entry] = next.value;
      if (entry.expiresAt <= now) this.#drop(key);
    }
    if (this.#entries.size > 0) this.#plan();
  }
}
