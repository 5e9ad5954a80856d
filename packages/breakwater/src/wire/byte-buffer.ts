const FIRST_CAPACITY = 1_024;
const EMPTY = Buffer.alloc(0);

/** Collects bytes that belong together and hands them out once. */
export interface ByteBuffer {
  readonly size: number;
  append(bytes: Buffer): void;
  /** The collected bytes; the buffer is empty afterwards. A single appended piece is handed out itself, not a copy. */
  take(): Buffer;
}

/**
 * Makes a {@link ByteBuffer} whose storage doubles: collecting n bytes copies O(n) of them and keeps one allocation, however small the
 * pieces are. A list of pieces joined at the end would cost an object per piece: a peer that sends byte by byte costs us a hundredfold.
 */
export function createByteBuffer(): ByteBuffer {
  let store: Buffer = EMPTY;
  let size = 0;
  let owned = false;
  return {
    get size() {
      return size;
    },
    append(bytes) {
      if (bytes.length === 0) return;
      if (size === 0) {
        store = bytes;
        size = bytes.length;
        owned = false;
        return;
      }
      const needed = size + bytes.length;
      if (!owned || needed > store.length) {
        const grown = Buffer.allocUnsafe(Math.max(FIRST_CAPACITY, needed, size * 2));
        store.copy(grown, 0, 0, size);
        store = grown;
        owned = true;
      }
      bytes.copy(store, size);
      size = needed;
    },
    take() {
      const taken = size === store.length ? store : store.subarray(0, size);
      store = EMPTY;
      size = 0;
      owned = false;
      return taken;
    },
  };
}
