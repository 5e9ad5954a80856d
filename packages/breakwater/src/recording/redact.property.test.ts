import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Pseudonyms } from './pseudonyms.ts';
import { type RecordedExchange, readRecordLine, writeRecordLine } from './record.ts';
import { redactHeaders, redactPath, redactQuery } from './redact-head.ts';
import { redactJson } from './redact-json.ts';

const names = new Pseudonyms(Buffer.alloc(32, 3));
/** What no recording may hold: distinct from every word of the protocol, and without any pattern that could give it away. */
const secret = fc
  .string({ minLength: 12, maxLength: 40, unit: fc.constantFrom(...'qzjxkv é!') })
  .map((text) => `Q${text}Z`);

/** The secret as a value anywhere in a tree of ordinary names. */
function treeOf(value: string): fc.Arbitrary<unknown> {
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constant(value),
      fc.constant(`text ${value} text`),
      fc.array(tie('tree'), { minLength: 1, maxLength: 3 }),
      fc.dictionary(fc.constantFrom('text', 'note', 'data', 'uri', 'description', 'cursor', 'token'), tie('tree'), {
        minKeys: 1,
        maxKeys: 3,
      }),
    ),
  }));
  return tree;
}

it('no value of arguments and results is in a record, and every record can be read again', () => {
  fc.assert(
    fc.property(
      secret.chain((text) =>
        fc.tuple(fc.constant(text), treeOf(text), fc.constantFrom('params', 'result', 'error'), fc.boolean()),
      ),
      ([text, tree, place, isBatch]) => {
        const message = { jsonrpc: '2.0', id: 1, [place]: { arguments: tree, structuredContent: tree, message: text } };
        const record: RecordedExchange = {
          ...{ v: 1, n: 1, client: 'client-x', atMs: 0, tookMs: 1, values: 'hidden', end: 'no-answer' },
          request: {
            method: 'POST',
            path: redactPath(`/api/resources/${encodeURIComponent(text)}`, names),
            query: redactQuery(`?q=${encodeURIComponent(text)}`, names),
            headers: redactHeaders(
              [
                ['x-any', text],
                ['Mcp-Session-Id', text],
                ['Cookie', text],
              ],
              names,
              false,
            ),
            body: {
              kind: 'json',
              bytes: 1,
              value: redactJson(isBatch ? [message] : message, { names, keepValues: false }),
            },
          },
        };
        const line = writeRecordLine(record);
        expect(line).toMatch(/^[\x20-\x7e‹›]+\n$/);
        const read = readRecordLine(line.trimEnd());
        expect(read).toEqual({ ok: true, exchange: record });
        expect(JSON.stringify(record)).not.toContain(text);
        expect(JSON.stringify(record)).not.toContain(encodeURIComponent(text));
      },
    ),
    { numRuns: 300 },
  );
});

// Attack: a recording from somebody else; whatever stands in it, reading it is an answer and no crash.
it('reads any line without throwing', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
      expect(typeof readRecordLine(line).ok).toBe('boolean');
    }),
  );
});
