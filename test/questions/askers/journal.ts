/** What a server noted about its calls, by the key each call carries; a test reads it with the server's tool `seen`. */
export class Journal {
  readonly #notes = new Map<string, string[]>();
  readonly #waiting = new Set<() => void>();

  /** Notes something about a call. */
  note(key: string, what: string): void {
    this.of(key).push(what);
    for (const look of this.#waiting) look();
  }

  /** What was noted about a call, in its order. */
  of(key: string): string[] {
    const notes = this.#notes.get(key) ?? [];
    this.#notes.set(key, notes);
    return notes;
  }

  /** The notes about a call, once one of them begins with one of the words in `until` (at once when that is empty). */
  async read(key: string, until: string): Promise<readonly string[]> {
    const notes = this.of(key);
    const words = until.split(',');
    const isThere = (): boolean => until === '' || notes.some((note) => words.some((word) => note.startsWith(word)));
    if (!isThere()) {
      await new Promise<void>((resolve) => {
        const look = (): void => {
          if (!isThere()) return;
          this.#waiting.delete(look);
          resolve();
        };
        this.#waiting.add(look);
      });
    }
    return notes;
  }
}
