/** How far a copy has come: its stream runs, has ended, was read to its end, or nothing but its outline is kept. */
export type CopyState = 'running' | 'ended' | 'read' | 'hollow';

/** A copy on a shelf. */
export interface ShelvedCopy {
  readonly state: CopyState;
  /** Bytes it takes in the store. */
  readonly bytes: number;
  /** When the store forgets it by itself. */
  readonly until: number;
  /** Keeps nothing but its outline, while its stream runs. */
  hollow(): void;
  /** Keeps nothing. */
  drop(): void;
}

/** Bounds of a shelf. */
export interface ShelfLimits {
  readonly copies: number;
  readonly bytes: number;
}

/** In this order bytes are given up: first what nobody can miss, last what nobody has read to its end. */
const BYTES_FROM = ['read', 'ended', 'running'] as const;
const COPIES_FROM = ['hollow', ...BYTES_FROM] as const;

/** Counts the copies that one owner keeps in the store, and gives up the oldest ones beyond its bounds. */
export class CopyShelf {
  readonly #limits: ShelfLimits;
  readonly #byState: Readonly<Record<CopyState, Set<ShelvedCopy>>> = {
    running: new Set(),
    ended: new Set(),
    read: new Set(),
    hollow: new Set(),
  };
  #copies = 0;
  #bytes = 0;

  constructor(limits: ShelfLimits) {
    this.#limits = limits;
  }

  get isEmpty(): boolean {
    return this.#copies === 0;
  }

  /** All copies, in no order. */
  get all(): readonly ShelvedCopy[] {
    return Object.values(this.#byState).flatMap((copies) => [...copies]);
  }

  /** Takes a copy up, as the youngest of its state. */
  add(copy: ShelvedCopy): void {
    this.#byState[copy.state].add(copy);
    this.#copies++;
    this.#bytes += copy.bytes;
  }

  /** Must be called before its state or its bytes change. */
  remove(copy: ShelvedCopy): void {
    if (!this.#byState[copy.state].delete(copy)) return;
    this.#copies--;
    this.#bytes -= copy.bytes;
  }

  /** Says that a copy takes more or fewer bytes than when it was added. */
  resize(by: number): void {
    this.#bytes += by;
  }

  /** Gives up what is beyond the bounds, after what the store has forgotten by itself. */
  makeRoom(now: number): void {
    const { copies, bytes } = this.#limits;
    for (const state of ['read', 'ended'] as const) {
      for (const copy of this.#byState[state]) {
        if (copy.until > now) break;
        copy.drop();
      }
    }
    while (this.#bytes > bytes) {
      const oldest = this.#oldest(BYTES_FROM);
      if (oldest === undefined) break;
      if (oldest.state === 'running') oldest.hollow();
      else oldest.drop();
    }
    while (this.#copies > copies || this.#bytes > bytes) {
      const oldest = this.#oldest(COPIES_FROM);
      if (oldest === undefined) break;
      oldest.drop();
    }
  }

  #oldest(states: readonly CopyState[]): ShelvedCopy | undefined {
    for (const state of states) for (const copy of this.#byState[state]) return copy;
    return undefined;
  }
}
