/**
 * The calls that a handle has under way, oldest first. Not a `Set` and not a `Map`: the tables that those outgrow stay linked to their successors, and
 * once one of them is old it keeps all calls that ever stood in the later ones through every young collection (modern calls: twice the memory, a
 * third more CPU). Few are under way at one time, and most end soon after they began.
 */
export class CallList<T> {
  readonly #calls: T[] = [];

  get size(): number {
    return this.#calls.length;
  }

  add(call: T): void {
    this.#calls.push(call);
  }

  /** Takes a call out; harmless when it is not there. */
  delete(call: T): void {
    const at = this.#calls.indexOf(call);
    if (at >= 0) this.#calls.splice(at, 1);
  }

  find(isMeant: (call: T) => boolean): T | undefined {
    return this.#calls.find(isMeant);
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#calls[Symbol.iterator]();
  }
}
