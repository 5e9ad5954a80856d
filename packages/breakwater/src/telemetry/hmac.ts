import { hash } from 'node:crypto';

/** Bytes of a block of SHA-256. */
const BLOCK = 64;
/** Bytes of a SHA-256. */
const SIZE = 32;

/**
 * HMAC-SHA-256 (RFC 2104) of texts in which each character is one byte, in base64url. As two hashes of buffers that are kept it costs 1.2 µs for a record of the
 * audit log, as a new `Hmac` 2.0, and that one is an object to collect besides.
 * @param key at most 64 bytes; a longer one would have to be hashed first.
 */
export function textHmac(key: Buffer): (text: string) => string {
  if (key.length > BLOCK) throw new RangeError(`a key of ${key.length} bytes, more than ${BLOCK}`);
  let inner = Buffer.alloc(2_048, 0x36);
  const outer = Buffer.alloc(BLOCK + SIZE, 0x5c);
  for (const [at, byte] of key.entries()) {
    inner[at] = 0x36 ^ byte;
    outer[at] = 0x5c ^ byte;
  }
  return (text) => {
    const length = BLOCK + text.length;
    if (length > inner.length) inner = Buffer.concat([inner.subarray(0, BLOCK)], 2 * length);
    inner.write(text, BLOCK, 'latin1');
    outer.write(hash('sha256', inner.subarray(0, length), 'binary'), BLOCK, 'latin1');
    return hash('sha256', outer, 'base64url');
  };
}
