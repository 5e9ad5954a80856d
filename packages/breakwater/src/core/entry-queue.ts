/**
 * Entries of several streams, oldest first: for each its stream, its number and its data. Columns instead of an object for each: entries are many,
 * and live just long enough to be moved by every collection.
 */
export class EntryQueue<S> {
  #streams: (S | undefined)[] = [];
  #seqs: number[] = [];
  #data: (Buffer | string | undefined)[] = [];
  /** Those before it are gone. */
  #head = 0;
  #bytes = 0;

  get size(): number {
    return this.#streams.length - this.#head;
  }

  /** How many bytes the data of all entries has; of text each character is one. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The stream of the oldest entry. */
  get stream(): S | undefined {
    return this.#streams[this.#head];
  }

  push(stream: S, seq: number, data: Buffer | string): void {
    this.#streams.push(stream);
    this.#seqs.push(seq);
    this.#data.push(data);
    this.#bytes += data.length;
  }

  /** Removes the oldest entry, and returns its number. Only where there is one. */
  shift(): number {
    const at = this.#head++;
    const seq = this.#seqs[at] ?? 0;
    this.#bytes -= this.#data[at]?.length ?? 0;
    // Attack: a few dozen events of the largest size: dropped, each would live on until the next compaction.
    this.#data[at] = undefined;
    this.#streams[at] = undefined;
    // Moving the rest costs O(1) for each event, all in all.
    if (this.#head >= 16 && this.#head * 2 >= this.#streams.length) this.#cut();
    return seq;
  }

  /** Shows every entry, oldest first. */
  visit(see: (stream: S, seq: number, data: Buffer | string) => void): void {
    for (let at = this.#head; at < this.#streams.length; at++) {
      const stream = this.#streams[at];
      const data = this.#data[at];
      if (stream !== undefined && data !== undefined) see(stream, this.#seqs[at] ?? 0, data);
    }
  }

  /** Removes the entries of all streams but these. */
  keep(isKept: (stream: S) => boolean): void {
    const kept = new EntryQueue<S>();
    this.visit((stream, seq, data) => {
      if (isKept(stream)) kept.push(stream, seq, data);
    });
    this.#streams = kept.#streams;
    this.#seqs = kept.#seqs;
    this.#data = kept.#data;
    this.#head = 0;
    this.#bytes = kept.#bytes;
  }

  #cut(): void {
    this.#streams = this.#streams.slice(this.#head);
    this.#seqs = this.#seqs.slice(this.#head);
    this.#data = this.#data.slice(this.#head);
    this.#head = 0;
  }
}
