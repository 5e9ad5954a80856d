import type { HandleNeed, Lease, Timer } from '../core/ports.ts';
import type { HandleKey } from './key.ts';
import type { OpenedHandle } from './opener.ts';

/** Somebody who waits for a handle. */
export interface Waiter {
  readonly need: HandleNeed;
  readonly resolve: (lease: Lease) => void;
  readonly reject: (error: Error) => void;
  /** Runs out when the waiter gives up. */
  timer: Timer | undefined;
}

/** One place of the pool: a handle from before it is opened until nothing of it is left. */
export interface PoolEntry extends HandleKey {
  readonly id: string;
  readonly principal: string;
  readonly abort: AbortController;
  /** Those who wait for this very handle to open. */
  readonly waiters: Set<Waiter>;
  /** Settles with the handle, or undefined when there will be none. */
  opened: Promise<OpenedHandle | undefined>;
  handle: OpenedHandle | undefined;
  leases: number;
  /** When it was given back last. */
  idleSince: number;
  idleTimer: Timer | undefined;
  /** Set once it gets no new callers; it closes when those it has are done. */
  retired: string | undefined;
  /** Set once it must not be used any more; settles when nothing of it is left. */
  closing: Promise<void> | undefined;
}
