import type { Lease } from '../core/ports.ts';
import type { OpenedHandle } from './opener.ts';
import type { PoolEntry } from './pool-entry.ts';

/** One caller's place at a handle of the pool. A class: as an object with closures it was the dearest part of finding the handle for a call. */
export class PoolLease implements Lease {
  readonly handle: OpenedHandle;
  readonly #entry: PoolEntry;
  readonly #onUnused: (entry: PoolEntry) => void;
  #isLent = true;

  /** @param onUnused is called when nobody has a place at the handle any more. */
  constructor(entry: PoolEntry, handle: OpenedHandle, onUnused: (entry: PoolEntry) => void) {
    this.handle = handle;
    this.#entry = entry;
    this.#onUnused = onUnused;
    entry.leases++;
  }

  get isHeld(): boolean {
    return this.#entry.hold?.isHeld !== false;
  }

  release(): void {
    if (!this.#isLent) return;
    this.#isLent = false;
    if (--this.#entry.leases === 0) this.#onUnused(this.#entry);
  }

  share(): Lease {
    return new PoolLease(this.#entry, this.handle, this.#onUnused);
  }
}
