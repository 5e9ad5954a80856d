import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ValueEnd } from './value-end.ts';

/** Longer than a string is crossed byte by byte. */
const LONG = 'x'.repeat(100);
const piece = fc.constantFrom('"', '\\', '\\"', '\\\\', '{', '}', '[', ']', ',', ':', 'é', '😀', '/*', LONG, '\\u0022');
const text = fc.array(piece, { maxLength: 8 }).map((parts) => parts.join(''));
const object = fc
  .dictionary(text, fc.jsonValue({ maxDepth: 3 }))
  .chain((value) => fc.record({ value: fc.constant(value), own: text }))
  .map(({ value, own }) => JSON.stringify({ ...value, own, list: [own, { own }] }, undefined, own.length % 3));

/** Where the value ends when its bytes come cut at these places. */
function endOf(bytes: Buffer, cuts: readonly number[]): number | 'open' | 'broken' {
  const value = new ValueEnd();
  const places = [...new Set(cuts.map((cut) => cut % bytes.length))].sort((a, b) => a - b);
  let from = 0;
  for (const to of [...places, bytes.length]) {
    const end = value.push(bytes.subarray(from, to));
    if (end === 'broken') return end;
    if (end !== 'open') return from + end;
    from = to;
  }
  return 'open';
}

describe('the end of a value that comes in pieces', () => {
  it('is where JSON.parse sees it, however it is cut and whatever follows', () => {
    fc.assert(
      fc.property(object, text, fc.array(fc.nat(), { maxLength: 12 }), (json, rest, cuts) => {
        const length = Buffer.byteLength(json);
        expect(endOf(Buffer.from(json + rest), cuts)).toBe(length);
        expect(endOf(Buffer.from(json).subarray(0, -1), cuts)).toBe('open');
      }),
      { numRuns: 2_000 },
    );
  });

  it('is the same in pieces of one byte', () => {
    fc.assert(
      fc.property(object, (json) => {
        const bytes = Buffer.from(json);
        expect(endOf(bytes, [...bytes.keys()])).toBe(bytes.length);
      }),
      { numRuns: 300 },
    );
  });

  // Attack: text that a lenient parser reads otherwise: it would see the value end, and members after it that nobody here looked at.
  it.each([
    ['brackets that do not match', '{"a":[1}]}'],
    ['a comment that holds a quote', '{"a":1/*"*/},"id":2,"x":"*/"}'],
    ['a line comment', '{"a":1//"\n}'],
    ['single quotes', `{'a':"}"}`],
    ['a template', '{"a":`"`}'],
    ['a backslash outside of a string', '{"a":\\"}"}'],
    ['a byte beyond ASCII outside of a string', '{"a":\u00a01}'],
    ['a NUL', '{"a":1\u0000}'],
  ])('is refused with %s', (_name, json) => {
    expect(endOf(Buffer.from(json), [])).toBe('broken');
  });

  it('is found behind a million levels', () => {
    const depth = 1_000_000;
    const json = `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`;
    expect(endOf(Buffer.from(json), [7, 999_999])).toBe(json.length);
  });

  // Attack: a server that sends nothing but opening brackets. To remember those of 64 MiB, which is the largest answer, took 1.2 GB.
  it('is not looked for behind more levels than anybody reads', () => {
    const value = new ValueEnd();
    const piece = Buffer.alloc(65_536, '[');
    let pieces = 0;
    while (pieces < 1_024 && value.push(piece) === 'open') pieces++;
    expect(pieces).toBe(16);
  });
});
