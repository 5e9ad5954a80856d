const PLAIN = 0;
const QUOTE_KIND = 1;
const OPENING = 2;
const CLOSING = 3;
const FOREIGN = 4;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** From an opening bracket to its closing one, in ASCII. */
const TO_CLOSING = 2;
/** So far a string is crossed byte by byte; a search costs as much as this many bytes. */
const NEAR_BYTES = 64;
/** The deepest value that is followed. Attack: a server that sends opening brackets and nothing else, each of which would be remembered. */
const MOST_OPEN = 1_048_576;

/** What a byte means outside of a string. */
const KINDS = new Uint8Array(256).fill(FOREIGN);
// Letters beyond those of true, false and null: Python writes NaN and Infinity.
for (const byte of Buffer.from(' \t\r\n,:+-.0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'))
  KINDS[byte] = PLAIN;
for (const byte of Buffer.from('{[')) KINDS[byte] = OPENING;
for (const byte of Buffer.from('}]')) KINDS[byte] = CLOSING;
KINDS[QUOTE] = QUOTE_KIND;

/**
 * Finds the end of a JSON object or array that comes in pieces, keeping nothing of it but its open brackets. Brackets must match, and outside of strings
 * there may be nothing that JSON does not have there (comments, other quotes): a lenient parser could see the value end earlier. Literals are not checked. What nests
 * deeper than any client reads is broken, too.
 */
export class ValueEnd {
  readonly #open: number[] = [];
  #inString = false;
  /** The last byte was a backslash that escapes the next one. */
  #isEscaping = false;

  /** Reads on, from the value's first byte: the offset after its last byte, or whether it goes on or is broken. Not to be called after either end. */
  push(bytes: Buffer): number | 'open' | 'broken' {
    let i = 0;
    while (i < bytes.length) {
      if (this.#inString) {
        i = this.#crossString(bytes, i);
        continue;
      }
      const byte = bytes[i++] as number;
      const kind = KINDS[byte];
      if (kind === PLAIN) continue;
      if (kind === QUOTE_KIND) this.#inString = true;
      else if (kind === OPENING) {
        if (this.#open.push(byte) > MOST_OPEN) return 'broken';
      } else if (kind === FOREIGN || this.#open.pop() !== byte - TO_CLOSING) return 'broken';
      else if (this.#open.length === 0) return i;
    }
    return 'open';
  }

  /** Where the string ends that goes on at `from`, or the end of the bytes. */
  #crossString(bytes: Buffer, from: number): number {
    let i = this.#isEscaping ? from + 1 : from;
    this.#isEscaping = false;
    while (i < bytes.length) {
      const near = Math.min(bytes.length, i + NEAR_BYTES);
      while (i < near) {
        const byte = bytes[i++];
        if (byte === QUOTE) return this.#endString(i);
        if (byte === BACKSLASH) i++;
      }
      if (i >= bytes.length) break;
      const quote = bytes.indexOf(QUOTE, i);
      const end = quote < 0 ? bytes.length : quote;
      let slashes = 0;
      for (let j = end - 1; j >= i && bytes[j] === BACKSLASH; j--) slashes++;
      const isEscaped = (slashes & 1) === 1;
      if (quote >= 0 && !isEscaped) return this.#endString(quote + 1);
      // After the escaped byte, which may be the first of the next piece.
      i = isEscaped ? end + 1 : end;
    }
    this.#isEscaping = i > bytes.length;
    return bytes.length;
  }

  #endString(at: number): number {
    this.#inString = false;
    return at;
  }
}
