/** Knows what is under way, so that a shutdown can stop taking work, end what would never end by itself, and wait for the rest. */
export class Drain {
  readonly #steps = new Set<() => void>();
  #running = 0;
  #begun = false;
  #done: (() => void)[] = [];

  /** True once the gateway takes no new work. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Registers what ends an open stream in order; at once when the drain has begun. Returns its removal. */
  onBegin(step: () => void): () => void {
    if (this.#begun) step();
    else this.#steps.add(step);
    return () => this.#steps.delete(step);
  }

  /** Counts one answer that is owed. */
  enter(): void {
    this.#running++;
  }

  /** Takes back one {@link enter}. */
  leave(): void {
    this.#running--;
    if (this.#begun && this.#running === 0) this.#settle();
  }

  /** Ends the streams and resolves when every answer that was owed is given. */
  begin(): Promise<void> {
    this.#begun = true;
    const steps = [...this.#steps];
    this.#steps.clear();
    for (const step of steps) step();
    return new Promise((resolve) => {
      this.#done.push(resolve);
      if (this.#running === 0) this.#settle();
    });
  }

  #settle(): void {
    const done = this.#done;
    this.#done = [];
    for (const resolve of done) resolve();
  }
}
