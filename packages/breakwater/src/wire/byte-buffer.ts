const FIRST_CAPACITY = 1_024;
/** More is not set aside on a peer's word. */
const MAX_EXPECTED = 4_194_304;
const EMPTY = Buffer.alloc(0);

/** Collects bytes that belong together and hands them out once. */
export interface ByteBuffer {
  readonly size: number;
  /** Says how many bytes will come, as far as the peer can be believed: storage is made once. */
  expect(bytes: number): void;
  append(bytes: Buffer): void;
  /** The collected bytes; the buffer is empty afterwards. A single appended piece is handed out itself, not a copy. */
  take(): Buffer;
}

/**
 * Makes a {@link ByteBuffer} whose storage doubles: collecting n bytes copies O(n) of them and keeps one allocation, however small the
 * pieces are. A list of pieces joined at the end would cost an object per piece: a peer that sends byte by byte costs us a hundredfold.
 */
export function createByteBuffer(): ByteBuffer {
  return new Doubling();
}

class Doubling implements ByteBuffer {
  size = 0;
  #store: Buffer = EMPTY;
  #owned = false;
  #expected = 0;

  expect(bytes: number): void {
    this.#expected = Math.min(bytes, MAX_EXPECTED);
  }

  append(bytes: Buffer): void {
    if (bytes.length === 0) return;
    if (this.size === 0) {
      this.#store = bytes;
      this.size = bytes.length;
      this.#owned = false;
      return;
    }
    const needed = this.size + bytes.length;
    if (!this.#owned || needed > this.#store.length) {
      const grown = Buffer.allocUnsafe(Math.max(FIRST_CAPACITY, needed, this.size * 2, this.#expected));
      this.#store.copy(grown, 0, 0, this.size);
      this.#store = grown;
      this.#owned = true;
    }
    bytes.copy(this.#store, this.size);
    this.size = needed;
  }

  take(): Buffer {
    const taken = this.size === this.#store.length ? this.#store : this.#store.subarray(0, this.size);
    this.#store = EMPTY;
    this.size = 0;
    this.#owned = false;
    return taken;
  }
}
