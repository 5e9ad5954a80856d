import type { Clock } from '../../packages/breakwater/src/core/ports.ts';
import type { LeaseState } from '../../packages/breakwater/src/core/store.ts';
import { MemoryStore } from '../../packages/breakwater/src/store/memory.ts';
import type { History } from './history.ts';
import type { World } from './world.ts';

/** A change as it was asked for. */
type Change = (store: MemoryStore) => Promise<unknown>;

/** How a store comes back. */
export type Comeback =
  /** With all it had. */
  | { readonly kind: 'restart' }
  /** With nothing. */
  | { readonly kind: 'flush' }
  /** A replica goes on that has not heard of the last changes. */
  | { readonly kind: 'failover'; readonly lostMs: number };

/** The store that all nodes share: the gateway's own, which can be out of reach and can forget. */
export class StoreServer {
  readonly #world: World;
  readonly #history: History;
  /** What was changed since the store was new, for a replica to repeat. */
  #changes: { readonly at: number; readonly change: Change }[] = [];
  #born: number;
  #store: MemoryStore;
  readonly #epoch: (epoch: number) => number;
  readonly #onBack: (() => void)[] = [];
  #isUp = true;
  /** Grows with each end of all connections. */
  generation = 0;
  /** When something was forgotten last. */
  lostAt = Number.NEGATIVE_INFINITY;

  /** @param epoch what becomes of the epochs that are granted. */
  constructor(world: World, history: History, epoch: (epoch: number) => number = (same) => same) {
    this.#epoch = epoch;
    this.#world = world;
    this.#history = history;
    this.#born = world.now;
    this.#store = new MemoryStore(world.clockOf(undefined));
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  get store(): MemoryStore {
    return this.#store;
  }

  /** Calls `run` whenever it can be reached again. */
  onBack(run: () => void): void {
    this.#onBack.push(run);
  }

  read<T>(ask: (store: MemoryStore) => Promise<T>): Promise<T> {
    return ask(this.#store);
  }

  change<T>(change: (store: MemoryStore) => Promise<T>): Promise<T> {
    this.#changes.push({ at: this.#world.now, change });
    return change(this.#store);
  }

  async claim(name: string, holder: string, ttlMs: number): Promise<LeaseState> {
    const lease = await this.change((store) => store.claim(name, holder, ttlMs));
    this.#history.granted(name, { ...lease, epoch: this.#epoch(lease.epoch) });
    return lease;
  }

  /** Takes it out of reach for some time. */
  stop(forMs: number, comeback: Comeback): void {
    this.#isUp = false;
    this.generation++;
    this.#world.note(`store down for ${forMs}, ${comeback.kind}`);
    this.#world.later(forMs, undefined, () => this.#comeBack(comeback));
  }

  #comeBack(comeback: Comeback): void {
    if (comeback.kind === 'flush') this.#replace([], this.#world.now);
    // Asynchronous replication: what was acknowledged last has not arrived there.
    else if (comeback.kind === 'failover') {
      const known = this.#world.now - comeback.lostMs;
      this.#replace(
        this.#changes.filter(({ at }) => at <= known),
        this.#born,
      );
    }
    if (comeback.kind !== 'restart') this.lostAt = this.#world.elapsed;
    this.#isUp = true;
    for (const run of this.#onBack) run();
  }

  #replace(changes: readonly { readonly at: number; readonly change: Change }[], born: number): void {
    void this.#store.close();
    let past: number | undefined = born;
    const live = this.#world.clockOf(undefined);
    const clock: Clock = { now: () => past ?? live.now(), after: (delayMs, run) => live.after(delayMs, run) };
    this.#store = new MemoryStore(clock);
    this.#born = born;
    for (const { at, change } of changes) {
      past = at;
      void change(this.#store);
    }
    past = undefined;
    this.#changes = [...changes];
  }
}
