import { GatewayError, isGatewayError } from '../core/errors.ts';
import type { Hold, Ownership } from '../core/fleet.ts';
import type { Clock, HandleNeed } from '../core/ports.ts';
import { eraOf } from '../protocol/revision.ts';
import type { HandleOpener, OpenedHandle, OpenNeed } from './opener.ts';

/** What is needed to have a handle at the right node. */
export interface PlacingDeps {
  readonly clock: Clock;
  readonly open: HandleOpener;
  /** Settles which node of a fleet has a handle; without it all are this node's. */
  readonly ownership?: Ownership | undefined;
  /** A number in [0, 1); Math.random when absent. */
  readonly jitter?: () => number;
}

/** One handle to be had. */
export interface Placing {
  readonly upstream: string;
  /** Under which it can exist once in the fleet; undefined where every node can have one. */
  readonly key: string | undefined;
  /** Of whoever wants it first. */
  readonly need: HandleNeed;
  readonly open: OpenNeed;
  /** False where only another node's will do. */
  readonly mayOpen: boolean;
  /** Told whose it is going to be, as soon as that is known. */
  readonly onOwner: (isBorrowed: boolean) => void;
}

/** A handle, and whose it is. */
export interface Placed {
  readonly handle: OpenedHandle;
  /** Absent without a fleet, for a borrowed handle, and for a server that keeps nothing per connection: every node has its own then. */
  readonly hold: Hold | undefined;
}

const MIN_WAIT_MS = 100;
const WAIT_RANGE_MS = 300;

/** Has a handle: opens it, or borrows it from the node that has it. */
export async function haveHandle(deps: PlacingDeps, placing: Placing): Promise<Placed> {
  const { ownership } = deps;
  const { key, open, mayOpen } = placing;
  if (ownership === undefined || key === undefined) return { handle: await deps.open(open), hold: undefined };
  const owned = { ...placing, key };
  return await (mayOpen ? claimHandle(deps, ownership, owned) : borrowHandle(ownership, owned));
}

/** True for the error of an opening that found the handle at no other node, where only another node's would do. */
export function isNowhereElse(error: unknown): boolean {
  return error instanceof NowhereElse;
}

class NowhereElse extends GatewayError {
  constructor() {
    super('upstream.busy');
  }
}

type Owned = Placing & { readonly key: string };

/**
 * The handle can exist once in the fleet: opens it when it is nobody's, borrows it from the node that has it otherwise. While the owner's lease
 * lives and the owner cannot be reached, it waits: a refused connection proves nothing about the process behind it.
 */
async function claimHandle(deps: PlacingDeps, ownership: Ownership, placing: Owned): Promise<Placed> {
  const { upstream, key, need, open, onOwner } = placing;
  for (;;) {
    const claim = await ownership.claim(upstream, key);
    onOwner(claim.kind === 'theirs');
    if (claim.kind === 'ours') return await openOwned(deps.open, { ...open, ownedKey: key }, claim.hold);
    // One hop: whoever asked claims again, and learns who has it now.
    if (need.isForwarded === true) throw new GatewayError('fleet.owner-gone');
    try {
      return { handle: await claim.borrow(need, open), hold: undefined };
    } catch (error) {
      const isChanging = isGatewayError(error) && error.code === 'fleet.owner-gone';
      if (!isChanging || deps.clock.now() >= open.deadline) throw error;
    }
    await wait(deps, open.signal);
  }
}

async function borrowHandle(ownership: Ownership, { upstream, key, need, open }: Owned): Promise<Placed> {
  const claim = need.isForwarded === true ? undefined : await ownership.find(upstream, key);
  if (claim === undefined) throw new NowhereElse();
  try {
    return { handle: await claim.borrow(need, open), hold: undefined };
  } catch (error) {
    throw isGatewayError(error) && error.code === 'fleet.owner-gone' ? new NowhereElse() : error;
  }
}

/** True when the server keeps something for this handle. */
export function hasSession(handle: OpenedHandle): boolean {
  return handle.hasSession ?? eraOf(handle.revision) === 'legacy';
}

async function openOwned(open: HandleOpener, need: OpenNeed, hold: Hold): Promise<Placed> {
  let handle: OpenedHandle;
  try {
    handle = await open(need);
  } catch (error) {
    await hold.release();
    throw error;
  }
  if (hasSession(handle)) return { handle, hold };
  await hold.release();
  return { handle, hold: undefined };
}

function wait({ clock, jitter = Math.random }: PlacingDeps, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      timer.clear();
      reject(new GatewayError('upstream.unavailable', { cause: 'nobody waits for it any more' }));
    };
    const timer = clock.after(MIN_WAIT_MS + jitter() * WAIT_RANGE_MS, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}
