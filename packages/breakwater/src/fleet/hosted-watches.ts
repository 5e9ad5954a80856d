import type { Handle } from '../core/ports.ts';

/** What one borrower watches on a handle, counted, so that it can be taken back when the borrower is lost. */
export class HostedWatches {
  readonly #handle: Handle;
  readonly #uris = new Map<string, number>();
  readonly #tasks = new Map<string, number>();

  constructor(handle: Handle) {
    this.#handle = handle;
  }

  /** Resolves false when the server will not report it. */
  async add(isTask: boolean, subject: string): Promise<boolean> {
    const counts = this.#countsOf(isTask);
    counts.set(subject, (counts.get(subject) ?? 0) + 1);
    const isWatched = await (isTask ? this.#handle.watchTask(subject) : this.#handle.watch(subject));
    if (!isWatched) this.#take(counts, subject);
    return isWatched;
  }

  /** Resolves false for what was not watched. */
  async remove(isTask: boolean, subject: string): Promise<boolean> {
    if (!this.#take(this.#countsOf(isTask), subject)) return false;
    await this.#unwatch(isTask, subject);
    return true;
  }

  removeAll(): void {
    for (const isTask of [false, true]) {
      const counts = this.#countsOf(isTask);
      for (const [subject, count] of counts) {
        // A handle that has ended took its watches with it.
        for (let i = 0; i < count; i++) this.#unwatch(isTask, subject).catch(() => undefined);
      }
      counts.clear();
    }
  }

  #countsOf(isTask: boolean): Map<string, number> {
    return isTask ? this.#tasks : this.#uris;
  }

  #take(counts: Map<string, number>, subject: string): boolean {
    const count = counts.get(subject);
    if (count === undefined) return false;
    if (count === 1) counts.delete(subject);
    else counts.set(subject, count - 1);
    return true;
  }

  #unwatch(isTask: boolean, subject: string): Promise<void> {
    return isTask ? this.#handle.unwatchTask(subject) : this.#handle.unwatch(subject);
  }
}
