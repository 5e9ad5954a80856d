/** A response whose client is behind. */
export interface SlowReader {
  cut(reason: 'node-bytes'): void;
}

/**
 * What all clients of this node together have not read yet. Each stream has a bound of its own, but a thousand streams just below it would
 * still fill the memory; beyond this bound the one furthest behind is cut.
 */
export class Backlog {
  readonly #limitBytes: number;
  readonly #readers = new Map<SlowReader, number>();
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Unread bytes of all readers that are behind. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Says how far behind a reader is now; 0 when it has caught up or is gone. */
  set(reader: SlowReader, bytes: number): void {
    this.#bytes += bytes - (this.#readers.get(reader) ?? 0);
    if (bytes === 0) this.#readers.delete(reader);
    else this.#readers.set(reader, bytes);
    while (this.#bytes > this.#limitBytes) this.#cutFurthest();
  }

  #cutFurthest(): void {
    let furthest: SlowReader | undefined;
    let most = 0;
    for (const [reader, bytes] of this.#readers) {
      if (bytes <= most) continue;
      most = bytes;
      furthest = reader;
    }
    if (furthest === undefined) return;
    this.#readers.delete(furthest);
    this.#bytes -= most;
    furthest.cut('node-bytes');
  }
}
