import { createHash } from 'node:crypto';
import type { Emit } from '../core/events.ts';
import type { BorrowBounds, BorrowedHandle, Claim, Ownership, TheirClaim } from '../core/fleet.ts';
import type { Timer } from '../core/ports.ts';
import type { OpenRequest } from './handle-protocol.ts';
import { type InTurn, KeptLease, type LeaseDeps, momentOf } from './lease-keeper.ts';

/** What ownership works with. */
export interface LeaseOwnershipOptions extends LeaseDeps {
  readonly emit: Emit;
  /** Borrows another node's handle; see `Claim`. */
  readonly borrow: (node: string, request: OpenRequest, bounds: BorrowBounds) => Promise<BorrowedHandle>;
}

/** Renewed three times in a life: two may be lost. */
const RENEWALS = 0.3;

/** Ownership by leases in the store. One timer renews them all. */
export class LeaseOwnership implements Ownership {
  readonly #options: LeaseOwnershipOptions;
  readonly #leases = new Map<string, KeptLease>();
  readonly #turns = new Map<string, Promise<void>>();
  #timer: Timer | undefined;
  #isFaulty = false;
  #isClosed = false;

  constructor(options: LeaseOwnershipOptions) {
    this.#options = options;
  }

  async claim(upstream: string, key: string): Promise<Claim> {
    const name = leaseName(upstream, key);
    const { promise, resolve } = Promise.withResolvers<Claim>();
    await this.#inTurn(name, async () => resolve(await this.#claim(name, { upstream, key })));
    return await promise;
  }

  async find(upstream: string, key: string): Promise<TheirClaim | undefined> {
    const lease = await this.#options.store.holder(leaseName(upstream, key));
    if (lease === undefined || lease.holder === this.#options.node) return undefined;
    return this.#theirs(lease.holder, { upstream, key });
  }

  /** True when this node has the handle, so that others may borrow it. */
  holds(upstream: string, key: string): boolean {
    return this.#leases.get(leaseName(upstream, key))?.isHeld === true;
  }

  /** Leases that are this node's now. */
  get held(): number {
    let held = 0;
    for (const lease of this.#leases.values()) if (lease.isHeld) held++;
    return held;
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.clear();
  }

  async #claim(name: string, asking: Pick<OpenRequest, 'upstream' | 'key'>): Promise<Claim> {
    const { store, clock, node, leaseMs } = this.#options;
    const asked = momentOf(clock);
    const lease = await store.claim(name, node, leaseMs);
    let kept = this.#leases.get(name);
    if (lease.holder !== node) {
      kept?.lose();
      return this.#theirs(lease.holder, asking);
    }
    if (kept === undefined) {
      const inTurn: InTurn = (ofName, work) => this.#inTurn(ofName, work);
      kept = new KeptLease(name, lease, asked, { ...this.#options, inTurn, onOver: () => this.#leases.delete(name) });
      this.#leases.set(name, kept);
    } else kept.claimed(lease, asked);
    this.#schedule();
    return { kind: 'ours', hold: kept.hold() };
  }

  #theirs(node: string, asking: Pick<OpenRequest, 'upstream' | 'key'>): TheirClaim {
    const { borrow } = this.#options;
    return { kind: 'theirs', node, borrow: (need, bounds) => borrow(node, { ...asking, need }, bounds) };
  }

  async #inTurn(name: string, work: () => Promise<void>): Promise<void> {
    const before = this.#turns.get(name);
    const turn = before === undefined ? work() : before.then(work, work);
    this.#turns.set(name, turn);
    try {
      await turn;
    } finally {
      if (this.#turns.get(name) === turn) this.#turns.delete(name);
    }
  }

  #schedule(): void {
    if (this.#isClosed || this.#leases.size === 0) return;
    const { clock, leaseMs } = this.#options;
    this.#timer ??= clock.after(leaseMs * RENEWALS, () => void this.#renewAll());
  }

  async #renewAll(): Promise<void> {
    const renewals = await Promise.allSettled([...this.#leases.values()].map((lease) => lease.renew()));
    const failed = renewals.find((renewal) => renewal.status === 'rejected');
    // Once per outage.
    if (failed !== undefined && !this.#isFaulty) {
      const message = 'Leases cannot be renewed; what this node owns takes nothing new once they have run out.';
      this.#options.emit({ type: 'notice', level: 'error', message, detail: { error: failed.reason } });
    }
    this.#isFaulty = failed !== undefined;
    this.#timer = undefined;
    this.#schedule();
  }
}

/** The name of a handle's lease. Hashed: a key holds names of people and ids of sessions. */
export function leaseName(upstream: string, key: string): string {
  return `{h:${upstream}:${createHash('sha256').update(key).digest('base64url').slice(0, 32)}}`;
}
