/** Waiters in groups: FIFO within a group, and the groups take turns, so that one principal's hundred requests do not hold up another's one. */
export class FairQueue<T> {
  readonly #groups = new Map<string, T[]>();

  get size(): number {
    let size = 0;
    for (const group of this.#groups.values()) size += group.length;
    return size;
  }

  get isEmpty(): boolean {
    return this.#groups.size === 0;
  }

  push(group: string, item: T): void {
    const items = this.#groups.get(group);
    if (items === undefined) this.#groups.set(group, [item]);
    else items.push(item);
  }

  /** Takes an item out without serving it. Harmless when it is not there. */
  remove(group: string, item: T): void {
    const items = this.#groups.get(group);
    const at = items?.indexOf(item) ?? -1;
    if (items === undefined || at < 0) return;
    items.splice(at, 1);
    if (items.length === 0) this.#groups.delete(group);
  }

  /** The items in the order of their turns: every group's first, then every group's second, and so on. */
  *inTurn(): Generator<readonly [group: string, item: T]> {
    const groups = [...this.#groups].map(([group, items]) => [group, [...items]] as const);
    const longest = Math.max(0, ...groups.map(([, items]) => items.length));
    for (let round = 0; round < longest; round++) {
      for (const [group, items] of groups) {
        const item = items[round];
        if (item !== undefined) yield [group, item];
      }
    }
  }

  /** Takes a served item out; its group goes to the end of the line. */
  serve(group: string, item: T): void {
    this.remove(group, item);
    const rest = this.#groups.get(group);
    if (rest === undefined) return;
    this.#groups.delete(group);
    this.#groups.set(group, rest);
  }
}
