import type { Hold } from '../core/fleet.ts';
import type { Clock } from '../core/ports.ts';
import type { LeaseState, Store } from '../core/store.ts';

/** What a kept lease works with. */
export interface LeaseDeps {
  readonly store: Store;
  /** This machine's: one that is put right by the store's would end leases by that, and may stand still after a sleep. */
  readonly clock: Clock;
  readonly node: string;
  /** How long a lease lives without being renewed. */
  readonly leaseMs: number;
}

/** Runs work on one lease after what was begun on it before: a claim and a release that cross would leave a hold without a lease. */
export type InTurn = (name: string, work: () => Promise<void>) => Promise<void>;

/** A lease of this node, and the holds that share it. */
export class KeptLease {
  readonly name: string;
  readonly #deps: LeaseDeps;
  readonly #inTurn: InTurn;
  readonly #onOver: () => void;
  readonly #holds = new Set<() => void>();
  #lease: LeaseState;
  #until: Moment;
  #isOver = false;

  /** @param asked the moment before the store was asked: the lease cannot have begun earlier. */
  constructor(
    name: string,
    lease: LeaseState,
    asked: Moment,
    deps: LeaseDeps & { inTurn: InTurn; onOver: () => void },
  ) {
    this.name = name;
    this.#lease = lease;
    this.#deps = deps;
    this.#until = later(asked, deps.leaseMs);
    this.#inTurn = deps.inTurn;
    this.#onOver = deps.onOver;
  }

  /**
   * False from the moment on in which another node may have it. Looked up at each use: a process that was stopped runs its timers after whatever it was
   * woken for.
   */
  get isHeld(): boolean {
    return !this.#isOver && isBefore(momentOf(this.#deps.clock), this.#until);
  }

  hold(): Hold {
    const lease = this;
    let onLost: (() => void) | undefined;
    let isLost = false;
    let isReleased = false;
    const lose = (): void => {
      isLost = true;
      onLost?.();
    };
    this.#holds.add(lose);
    return {
      get isHeld() {
        return !isReleased && lease.isHeld;
      },
      onLost: (run) => {
        onLost = run;
        if (isLost) run();
      },
      release: async () => {
        if (isReleased) return;
        isReleased = true;
        lease.#holds.delete(lose);
        await lease.#inTurn(lease.name, () => lease.#letGo());
      },
    };
  }

  /** Takes note that it was claimed once more. */
  claimed(lease: LeaseState, asked: Moment): void {
    this.#lease = lease;
    this.#until = later(asked, this.#deps.leaseMs);
  }

  /** Prolongs it. What ran out is taken again when nobody has taken it meanwhile, and is lost otherwise. Rejects with `store.unavailable`. */
  renew(): Promise<void> {
    return this.#inTurn(this.name, async () => {
      if (this.#isOver) return;
      const { store, clock, node, leaseMs } = this.#deps;
      const asked = momentOf(clock);
      if (await store.renew(this.name, this.#lease, leaseMs)) {
        this.#until = later(asked, this.#deps.leaseMs);
        return;
      }
      const askedAgain = momentOf(clock);
      const lease = await store.claim(this.name, node, leaseMs);
      if (lease.holder === node) this.claimed(lease, askedAgain);
      else this.lose();
    });
  }

  /** Another node has it. */
  lose(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onOver();
    for (const lose of [...this.#holds]) lose();
  }

  async #letGo(): Promise<void> {
    if (this.#isOver || this.#holds.size > 0) return;
    this.#isOver = true;
    this.#onOver();
    try {
      await this.#deps.store.yield(this.name, this.#lease);
    } catch {
      // Nobody can be told now; the lease runs out by itself.
    }
  }
}

/** A moment on two clocks: one that nobody sets, and one that goes on while the machine sleeps. */
export interface Moment {
  readonly steady: number;
  readonly wall: number;
}

/** Now. */
export function momentOf(clock: Clock): Moment {
  return { steady: performance.now(), wall: clock.now() };
}

function later({ steady, wall }: Moment, byMs: number): Moment {
  return { steady: steady + byMs, wall: wall + byMs };
}

function isBefore(a: Moment, b: Moment): boolean {
  return a.steady < b.steady && a.wall < b.wall;
}
