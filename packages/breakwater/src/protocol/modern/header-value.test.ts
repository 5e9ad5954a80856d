import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeHeaderValue, encodeHeaderValue, trimFieldSpace } from './header-value.ts';

function decoded(raw: string): string | undefined {
  const value = decodeHeaderValue(raw);
  return value.ok ? value.value : undefined;
}

describe('encodeHeaderValue', () => {
  // The table of 2026-07-28 streamable-http §Value Encoding.
  it.each([
    ['us-west1', 'us-west1'],
    ['Hello, 世界', '=?base64?SGVsbG8sIOS4lueVjA==?='],
    [' padded ', '=?base64?IHBhZGRlZCA=?='],
    ['line1\nline2', '=?base64?bGluZTEKbGluZTI=?='],
    ['=?base64?literal?=', '=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?='],
    ['', '=?base64??='],
    ['a\tb c', 'a\tb c'],
    ['\ttab', '=?base64?CXRhYg==?='],
    ['=?base64?open', '=?base64?open'],
  ])('encodes %j', (value, raw) => {
    expect(encodeHeaderValue(value)).toBe(raw);
    expect(decoded(raw)).toBe(value);
  });

  it('brings every string through a header unchanged', () => {
    const odd = fc.constantFrom('=?base64?', '?=', '\ufeff', '\r\n', '\t', ' ', '=', '\0', '\x7f');
    const text = fc.array(fc.oneof(odd, fc.string({ unit: 'binary' }))).map((parts) => parts.join('').toWellFormed());
    fc.assert(
      fc.property(text, (value) => {
        const raw = encodeHeaderValue(value);
        expect(raw).toMatch(/^[\x21-\x7e]([\t\x20-\x7e]*[\x21-\x7e])?$/);
        expect(decoded(raw)).toBe(value);
      }),
    );
  });
});

describe('decodeHeaderValue', () => {
  it.each([
    '=?base64?SGVsbG8?=',
    '=?base64?SGVs bG8=?=',
    '=?base64?SGVsbG8-?=',
    '=?base64?/w==?=',
    'caf\u00e9',
    'a\0b',
    'a\r\nb',
  ])('refuses %j', (raw) => {
    expect(decodeHeaderValue(raw)).toMatchObject({ ok: false, fault: { message: expect.any(String) } });
  });

  it.each(['=?BASE64?SGVsbG8=?=', '=?base64?SGVsbG8=', 'SGVsbG8=?=', ''])('takes %j literally', (raw) => {
    expect(decoded(raw)).toBe(raw);
  });

  it('ignores the white space around a value', () => {
    expect(decoded(' \t=?base64?SGVsbG8=?=\t')).toBe('Hello');
    expect(trimFieldSpace('\u00a0a \t')).toBe('\u00a0a');
  });
});
