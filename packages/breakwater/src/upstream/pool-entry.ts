import { GatewayError } from '../core/errors.ts';
import type { Hold } from '../core/fleet.ts';
import type { Clock, HandleNeed, Lease, Timer } from '../core/ports.ts';
import type { HandleKey } from './key.ts';
import type { OpenedHandle } from './opener.ts';
import type { Placed } from './placing.ts';

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
  opened: Promise<Placed | undefined>;
  handle: OpenedHandle | undefined;
  /** This node's claim to it, where it can exist only once in the fleet. */
  hold: Hold | undefined;
  /** The handle is another node's. */
  isBorrowed: boolean;
  leases: number;
  /** When it was given back last. */
  idleSince: number;
  idleTimer: Timer | undefined;
  /** Set once it gets no new callers; it closes when those it has are done. */
  retired: string | undefined;
  /** Set once it must not be used any more; settles when nothing of it is left. */
  closing: Promise<void> | undefined;
}

/**
 * Calls `onIdle` when the handle has not been used for `idleMs`. The timer runs on while the handle is used: setting it anew with each call cost as much as
 * finding the handle.
 */
export function awaitIdle(entry: PoolEntry, idleMs: number, clock: Clock, onIdle: () => void): void {
  const onDue = (): void => {
    entry.idleTimer = undefined;
    if (entry.leases > 0) return; // who gives it back sets the next one
    const leftMs = entry.idleSince + idleMs - clock.now();
    if (leftMs <= 0) onIdle();
    else entry.idleTimer = clock.after(leftMs, onDue);
  };
  entry.idleTimer ??= clock.after(idleMs, onDue);
}

/** The one of a principal's handles that any of its calls had best use; undefined when it has none of its own. */
export function bestOf(entries: Iterable<PoolEntry>, principal: string): PoolEntry | undefined {
  const own = [...entries].filter((entry) => entry.principal === principal && !entry.shared);
  // One that ends with a session is the last choice, one that is not open yet the last but one.
  const rank = (entry: PoolEntry): number =>
    (entry.sessionId === undefined ? 0 : 2) + (entry.handle === undefined ? 1 : 0);
  return own.sort((a, b) => rank(a) - rank(b))[0];
}

/** Why an open handle is not for this need now; undefined when it is. */
export function obstacleTo({ hold, isBorrowed }: PoolEntry, { isForwarded }: HandleNeed): GatewayError | undefined {
  if (isBorrowed && isForwarded === true) return new GatewayError('fleet.owner-gone');
  // Another node may have it by now. What runs goes on; in doubt nothing is begun.
  return hold?.isHeld === false ? new GatewayError('store.unavailable') : undefined;
}
