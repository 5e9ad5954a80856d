import type { Cut } from './network.ts';
import type { SeededRandom } from './random.ts';
import type { Comeback } from './store-server.ts';

/** Something that goes wrong. Times are ms since the beginning. */
export type Fault =
  | {
      readonly kind: 'kill';
      readonly slot: number;
      readonly at: number;
      readonly backMs: number;
      readonly isSilent: boolean;
    }
  | {
      readonly kind: 'pause';
      readonly slot: number;
      readonly at: number;
      readonly forMs: number;
      readonly first: 'timer' | 'message';
      /** The balancer finds out, and breaks what is open to it. */
      readonly isNoticed: boolean;
    }
  | { readonly kind: 'drain'; readonly slot: number; readonly at: number; readonly backMs: number }
  | { readonly kind: 'store'; readonly at: number; readonly forMs: number; readonly comeback: Comeback };

/** What goes wrong in one run. */
export interface FaultPlan {
  readonly faults: readonly Fault[];
  readonly cuts: readonly Cut[];
  /** How likely a client's connection is to break by itself. */
  readonly cutRate: number;
}

export const SLOTS = 3;
const PLACES = ['n0', 'n1', 'n2'] as const;
const MOST_FAULTS = 4;
/** Longer than a lease. */
const LONG_MS = 11_000;
/** How often nothing goes wrong. */
const CALM = 0.05;

/** The machine of a slot. */
export function placeOf(slot: number): string {
  return PLACES[slot] ?? 'nowhere';
}

function drawWaking(random: SeededRandom): Pick<Extract<Fault, { kind: 'pause' }>, 'first' | 'isNoticed'> {
  return { first: random.chance(0.5) ? 'timer' : 'message', isNoticed: random.chance(0.5) };
}

/** Draws what goes wrong between the beginning and `until`; all is well again then. */
export function drawFaults(random: SeededRandom, until: number): FaultPlan {
  const faults: Fault[] = [];
  const cuts: Cut[] = [];
  for (let left = random.chance(CALM) ? 0 : random.between(1, MOST_FAULTS); left > 0; left--) {
    const at = random.between(1_500, until * 0.6);
    const upTo = (most: number): number => random.between(300, Math.min(most, until - at));
    const slot = random.between(0, SLOTS - 1);
    switch (random.between(0, 8)) {
      case 0:
        faults.push({ kind: 'kill', slot, at, backMs: upTo(5_000), isSilent: random.chance(0.3) });
        break;
      case 1: {
        faults.push({ kind: 'pause', slot, at, forMs: upTo(6_000), ...drawWaking(random) });
        break;
      }
      case 2: {
        // Longer than a lease.
        const early = Math.min(at, until - LONG_MS);
        faults.push({
          kind: 'pause',
          slot,
          at: early,
          forMs: random.between(LONG_MS, until - early),
          ...drawWaking(random),
        });
        break;
      }
      case 3:
        faults.push({ kind: 'drain', slot, at, backMs: upTo(3_000) });
        break;
      case 4:
      case 5: {
        const kind = random.pick(['restart', 'restart', 'flush', 'failover'] as const);
        const comeback: Comeback = kind === 'failover' ? { kind, lostMs: random.between(0, 800) } : { kind };
        faults.push({ kind: 'store', at, forMs: upTo(kind === 'restart' ? 14_000 : 3_000), comeback });
        break;
      }
      case 6:
        cuts.push({ between: [placeOf(slot), 'store'], from: at, until: at + upTo(16_000) });
        break;
      case 7:
        // Its peers are lost to it, and the store and its clients are not.
        for (const other of PLACES) {
          if (other !== placeOf(slot))
            cuts.push({ between: [placeOf(slot), other], from: at, until: at + upTo(16_000) });
        }
        break;
      default: {
        const other = (slot + random.between(1, SLOTS - 1)) % SLOTS;
        cuts.push({ between: [placeOf(slot), placeOf(other)], from: at, until: at + upTo(16_000) });
      }
    }
  }
  return { faults, cuts, cutRate: random.chance(0.4) ? 0.15 : 0 };
}
