import type { SeededRandom } from './random.ts';
import type { SimProcess, World } from './world.ts';

/** A place that messages come from and go to: a node's machine, or the store's. */
export type Place = string;

/** Between two places nothing arrives for some time. */
export interface Cut {
  readonly between: readonly [Place, Place];
  readonly from: number;
  readonly until: number;
}

/** How messages travel: late, in order per way, and not at all while there is a cut. */
export class Network {
  readonly #world: World;
  readonly #random: SeededRandom;
  readonly #cuts: readonly Cut[];

  constructor(world: World, random: SeededRandom, cuts: readonly Cut[]) {
    this.#world = world;
    this.#random = random;
    this.#cuts = cuts;
  }

  /** When the present cut between two places is over; undefined without one. */
  cutUntil(a: Place, b: Place, at = this.#world.elapsed): number | undefined {
    let until: number | undefined;
    for (const { between, from, until: end } of this.#cuts) {
      if (!between.includes(a) || !between.includes(b) || a === b || at < from || at >= end) continue;
      until = Math.max(until ?? 0, end);
    }
    return until;
  }

  /** When cuts between two places are over, of those that are not. */
  cutEnds(a: Place, b: Place): readonly number[] {
    const ends = this.#cuts.filter(({ between, until }) => {
      return between.includes(a) && between.includes(b) && until > this.#world.elapsed;
    });
    return ends.map(({ until }) => until);
  }

  /** One way between two places. */
  way(from: Place, to: Place): Way {
    return new Way(this, this.#world, from, to);
  }

  /** How long the next message takes, in ms. */
  latency(): number {
    return this.#random.chance(0.03) ? this.#random.between(20, 400) : this.#random.between(1, 4);
  }
}

/** What is sent along it arrives in the order in which it was sent. */
export class Way {
  readonly #network: Network;
  readonly #world: World;
  readonly #from: Place;
  readonly #to: Place;
  #last = 0;

  constructor(network: Network, world: World, from: Place, to: Place) {
    this.#network = network;
    this.#world = world;
    this.#from = from;
    this.#to = to;
  }

  /** True while nothing gets through. */
  get isCut(): boolean {
    return this.#network.cutUntil(this.#from, this.#to) !== undefined;
  }

  /** Delivers to a process; what is sent during a cut arrives after it, as over TCP. */
  send(process: SimProcess | undefined, run: () => void): void {
    const healed = this.#network.cutUntil(this.#from, this.#to) ?? this.#world.elapsed;
    const at = Math.max(this.#last, healed + this.#network.latency());
    this.#last = at;
    this.#world.at(at, process, run);
  }
}
