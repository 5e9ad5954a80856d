import type { Clock, Timer } from '../core/ports.ts';
import type { PoolEntry } from './pool-entry.ts';

/** How often the memory of children is looked at. */
const POLL_MS = 2_000;

/** Watches the resident memory of the processes behind a pool's handles, as long as there are any. */
export class MemoryWatch {
  readonly #clock: Clock;
  readonly #limitBytes: number;
  readonly #entries: ReadonlySet<PoolEntry>;
  readonly #onTooLarge: (entry: PoolEntry, bytes: number) => void;
  #timer: Timer | undefined;

  constructor(
    clock: Clock,
    limitBytes: number,
    entries: ReadonlySet<PoolEntry>,
    onTooLarge: (entry: PoolEntry, bytes: number) => void,
  ) {
    this.#clock = clock;
    this.#limitBytes = limitBytes;
    this.#entries = entries;
    this.#onTooLarge = onTooLarge;
  }

  start(): void {
    this.#timer ??= this.#clock.after(POLL_MS, () => {
      this.#timer = undefined;
      for (const entry of this.#entries) {
        const bytes = entry.retired === undefined ? entry.handle?.memoryBytes?.() : undefined;
        if (bytes !== undefined && bytes > this.#limitBytes) this.#onTooLarge(entry, bytes);
      }
      if (this.#entries.size > 0) this.start();
    });
  }

  stop(): void {
    this.#timer?.clear();
    this.#timer = undefined;
  }
}
