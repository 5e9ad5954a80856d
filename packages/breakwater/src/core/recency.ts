/** A member's place in a {@link Recency}; it may stand in at most one at a time. */
export class Place<T> {
  readonly member: T;
  /** @internal Neighbours in the ring; its own neighbour while it stands nowhere. */
  older: Place<T | undefined> = this;
  /** @internal */
  newer: Place<T | undefined> = this;

  constructor(member: T) {
    this.member = member;
  }

  /** Takes it out of the list it stands in; harmless when it stands nowhere. */
  leave(): void {
    this.older.newer = this.newer;
    this.newer.older = this.older;
    this.older = this;
    this.newer = this;
  }
}

/** Members from the one seen longest ago to the one seen last, every operation in constant time: it is touched by every request. */
export class Recency<T> {
  readonly #ring = new Place<T | undefined>(undefined);

  /** The member seen longest ago. */
  get oldest(): T | undefined {
    return this.#ring.newer.member;
  }

  /** Puts a member last, wherever it stood before. */
  touch(place: Place<T>): void {
    place.leave();
    const last = this.#ring.older;
    place.older = last;
    place.newer = this.#ring;
    last.newer = place;
    this.#ring.older = place;
  }
}
