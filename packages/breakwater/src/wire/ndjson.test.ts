import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLineSplitter, jsonLine, type LineOverflow } from './ndjson.ts';

function split(
  chunks: readonly (Buffer | string)[],
  maxLineBytes = 1_000,
): { lines: string[]; overflows: LineOverflow[] } {
  const lines: string[] = [];
  const overflows: LineOverflow[] = [];
  const splitter = createLineSplitter((line) => lines.push(line.toString('latin1')), {
    maxLineBytes,
    onOverflow: (overflow) => overflows.push(overflow),
  });
  for (const chunk of chunks) splitter.push(Buffer.from(chunk));
  splitter.end();
  return { lines, overflows };
}

describe('createLineSplitter', () => {
  it('splits at LF and CRLF and skips empty lines', () => {
    expect(split(['a\r\n\n\r\nb\n', 'c', 'd\r', '\ne']).lines).toEqual(['a', 'b', 'cd', 'e']);
  });

  it('keeps a CR inside of a line', () => {
    expect(split(['a\rb\n']).lines).toEqual(['a\rb']);
  });

  it('drops an over-long line with one report and reads on', () => {
    const { lines, overflows } = split(['ok\n{"id":1,', 'x'.repeat(3_000), ',"end":2}\nnext\n'], 1_000);
    expect(lines).toEqual(['ok', 'next']);
    expect(overflows).toHaveLength(1);
    expect(overflows[0]?.bytes).toBe(3_017);
    expect(overflows[0]?.head.toString()).toMatch(/^\{"id":1,x+$/);
    expect(overflows[0]?.tail.toString()).toMatch(/^x+,"end":2\}$/);
    expect(overflows[0]?.head.length).toBe(256);
    expect(overflows[0]?.tail.length).toBe(256);
  });

  it('reports an over-long line that the end of the input cuts off', () => {
    expect(split(['x'.repeat(30)], 20).overflows.map((overflow) => overflow.bytes)).toEqual([30]);
  });

  it('gives the same lines and reports however the bytes are cut', () => {
    const piece = fc.constantFrom('\n', '\r', '\r\n', 'a', '{"x":1}', 'é', 'long'.repeat(10), 'y'.repeat(300));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), fc.array(fc.nat(), { maxLength: 20 }), (pieces, cuts) => {
        const bytes = Buffer.from(pieces.join(''));
        const at = cuts.map((c) => c % (bytes.length + 1)).sort((a, b) => a - b);
        const chunks = [0, ...at].map((start, i) => bytes.subarray(start, at[i] ?? bytes.length));
        for (const limit of [10, 100, 500]) expect(split(chunks, limit)).toEqual(split([bytes], limit));
      }),
    );
  });

  it('collects one big line from very many chunks', () => {
    // Attack: a server that writes 4 MB in pieces of 16 bytes; see the SSE parser.
    const lengths: number[] = [];
    const splitter = createLineSplitter((line) => lengths.push(line.length), {
      maxLineBytes: 5_000_000,
      onOverflow: () => lengths.push(-1),
    });
    const piece = Buffer.alloc(16, 'x');
    for (let i = 0; i < 262_144; i++) splitter.push(piece);
    splitter.push(Buffer.from('\n'));
    expect(lengths).toEqual([4_194_304]);
  });
});

describe('jsonLine', () => {
  it('appends LF', () => {
    expect(jsonLine(Buffer.from('{"a":"\\n"}')).toString()).toBe('{"a":"\\n"}\n');
  });

  it('leaves no line end inside of the message', () => {
    // Attack: pretty-printed params that carry a whole request on a line of its own, past names and policy.
    const smuggled = '{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"forbidden"}}';
    const line = jsonLine(Buffer.from(`{"params":{"x":\r\n${smuggled}\n}\r}`));
    expect(split([line]).lines).toHaveLength(1);
    expect(JSON.parse(line.toString())).toEqual({ params: { x: JSON.parse(smuggled) } });
  });

  it('keeps every JSON value', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat({ max: 4 }), (json, space) => {
        const value = JSON.parse(json) as unknown;
        const line = jsonLine(Buffer.from(JSON.stringify(value, null, space)));
        expect(line.indexOf('\n')).toBe(line.length - 1);
        expect(JSON.parse(line.toString())).toEqual(value);
      }),
    );
  });
});
