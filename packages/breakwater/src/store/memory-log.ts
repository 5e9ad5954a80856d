import type { LogBounds, LogContent } from '../core/store.ts';

/** What an entry takes beyond its data. */
const ENTRY_BYTES = 128;

/** One log of a {@link MemoryStore}. */
export class MemoryLog {
  readonly #note: Buffer;
  readonly #entries: { readonly seq: number; readonly data: Buffer }[] = [];
  #writer: string;
  #bytes = 0;
  #last = 0;
  #hasEnded = false;

  constructor(writer: string, note: Buffer) {
    this.#writer = writer;
    this.#note = note;
  }

  /** Bytes of its entries and its note. */
  get bytes(): number {
    return this.#note.length + this.#bytes + this.#entries.length * ENTRY_BYTES;
  }

  /** True when it is this writer's. */
  isOf(writer: string): boolean {
    return writer === this.#writer;
  }

  /** True when this writer may still add to it. */
  isOpenTo(writer: string): boolean {
    return this.isOf(writer) && !this.#hasEnded;
  }

  append(data: Buffer, bounds: LogBounds): void {
    this.#last++;
    this.#entries.push({ seq: this.#last, data });
    this.#bytes += data.length;
    while (this.#entries.length > bounds.entries || this.#bytes > bounds.bytes) {
      const oldest = this.#entries.shift();
      if (oldest === undefined) return;
      this.#bytes -= oldest.data.length;
    }
  }

  end(): void {
    this.#hasEnded = true;
  }

  take(writer: string): void {
    this.#writer = writer;
  }

  content(): LogContent {
    return {
      entries: [...this.#entries],
      last: this.#last,
      ended: this.#hasEnded,
      writer: this.#writer,
      note: this.#note,
    };
  }
}
