import { holderOf, type SlotHolder } from './slot-holder.ts';

/** Most streams of one kind that clients may hold open. */
export interface SlotLimits {
  readonly perPrincipal: number;
  readonly total: number;
}

/** Counts streams that cost much and ask for nothing: per holder, and in all. */
export class StreamSlots {
  readonly #limits: SlotLimits;
  readonly #held = new Map<string, number>();
  #total = 0;

  constructor(limits: SlotLimits) {
    this.#limits = limits;
  }

  /** Takes a slot; returns what gives it back, harmless when called twice. Undefined when there is none. */
  take(holder: SlotHolder): (() => void) | undefined {
    const key = holderOf(holder);
    const held = this.#held.get(key) ?? 0;
    if (this.#total >= this.#limits.total || held >= this.#limits.perPrincipal) return undefined;
    this.#total++;
    this.#held.set(key, held + 1);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#total--;
      const left = (this.#held.get(key) ?? 1) - 1;
      if (left > 0) this.#held.set(key, left);
      else this.#held.delete(key);
    };
  }
}
