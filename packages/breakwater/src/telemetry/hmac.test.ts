import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { textHmac } from './hmac.ts';

const bytes = (most: number) => fc.uint8Array({ maxLength: most }).map((each) => Buffer.from(each));

describe('the HMAC of a text', () => {
  it('is the one of node:crypto, whatever was hashed before', () => {
    fc.assert(
      fc.property(bytes(64), fc.array(bytes(6_000), { minLength: 1, maxLength: 4 }), (key, texts) => {
        const hmac = textHmac(key);
        for (const text of texts) {
          const expected = createHmac('sha256', key).update(text).digest('base64url');
          expect(hmac(text.toString('latin1'))).toBe(expected);
        }
      }),
    );
  });

  it('refuses a key that is longer than a block', () => {
    expect(() => textHmac(Buffer.alloc(65))).toThrow(RangeError);
  });
});
