/** Anything that can be released: runs once, may be slow, must not be called twice by its holder. */
export type Release = () => void | Promise<void>;

/**
 * A scope that owns resources and releases them in LIFO order, each step's failure collected and none skipping the next. A child
 * scope is a resource of its parent. Closing twice is harmless; deferring to a closed owner releases at once, so nothing is ever lost in a race.
 */
export class Owner {
  /** Never pushed to: an array with room to grow costs three times what most owners hold, and every session with a stream has one. */
  #steps: Release[] = [];
  #closed: Promise<void> | undefined;
  readonly #onFault: (error: unknown) => void;

  /** @param onFault gets what a release step threw; the remaining steps still run. */
  constructor(onFault: (error: unknown) => void = () => undefined) {
    this.#onFault = onFault;
  }

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  /** How many resources it holds. */
  get size(): number {
    return this.#steps.length;
  }

  /** Hands a resource to this owner. Returns a function that takes it back (without releasing it). */
  defer(release: Release): () => void {
    if (this.#closed !== undefined) {
      void this.#run(release);
      return () => undefined;
    }
    this.#steps = this.#steps.concat(release);
    return () => {
      const at = this.#steps.lastIndexOf(release);
      if (at >= 0) this.#steps.splice(at, 1);
    };
  }

  /** A scope that is released with this one, at the latest. */
  child(): Owner {
    const child = new Owner(this.#onFault);
    const takeBack = this.defer(() => child.close());
    child.defer(takeBack);
    return child;
  }

  /** Releases everything, newest first. */
  close(): Promise<void> {
    this.#closed ??= this.#drain();
    return this.#closed;
  }

  async #drain(): Promise<void> {
    for (;;) {
      const release = this.#steps.pop();
      if (release === undefined) return;
      await this.#run(release);
    }
  }

  async #run(release: Release): Promise<void> {
    try {
      await release();
    } catch (error) {
      this.#onFault(error);
    }
  }
}
