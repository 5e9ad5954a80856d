import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findMember, memberBytes, scanObject } from '../jsonrpc/raw.ts';
import { cutToken, lastTokenOf } from './progress-token.ts';

/** The token as the scanner finds it, which takes the last of several. */
function scannedToken(text: string): string | undefined {
  const object = scanObject(Buffer.from(text));
  const member = object && findMember(object, 'progressToken');
  return object && member && memberBytes(object, member).toString();
}

const key = fc.constantFrom(
  'a',
  'progressToken',
  'progressToken',
  'progressToken',
  'progress\\u0054oken',
  'é',
  '{\\"progressToken\\":1,',
  ',\\"progressToken\\":1}',
);
const value = fc.oneof(
  fc.nat().map(String),
  fc.nat().map(String),
  fc.constantFrom(
    '"t-1"',
    '"a\\"b"',
    '-1',
    '1e400',
    '1.5',
    'null',
    '""',
    '"é"',
    '{"progressToken":7}',
    '[{"b":1,"progressToken":7}]',
  ),
  fc.constantFrom('",\\"progressToken\\":\\"x"', '"{\\"progressToken\\":1,"', '"progressToken"', '":1}"'),
);
const member = fc
  .tuple(key, value, fc.constantFrom(':', ':', ':', ' :', ': '))
  .map(([name, text, colon]) => `"${name}"${colon}${text}`);
const meta = fc
  .tuple(fc.array(member, { maxLength: 4 }), fc.constantFrom(',', ',', ',', ', ', ' ,'))
  .map(([members, comma]) => `{${members.join(comma)}}`);

describe('cutting a progress token out of the text of a _meta', () => {
  it('cuts a member of the object itself, and nothing else', () => {
    let cuts = 0;
    fc.assert(
      fc.property(meta, (text) => {
        const cut = cutToken(text);
        if (cut === undefined) return;
        cuts++;
        expect(text.slice(cut.at, cut.at + cut.token.length)).toBe(cut.token);
        const whole = scanObject(Buffer.from(text))?.members.map(({ key: name }) => name) ?? [];
        const rest = scanObject(Buffer.from(cut.rest));
        expect(rest?.end).toBe(Buffer.byteLength(cut.rest));
        const names = rest?.members.map(({ key: name }) => name) ?? [];
        expect(cut.place === 'last' ? [...names, 'progressToken'] : ['progressToken', ...names]).toEqual(whole);
        // JSON.parse takes the last of several members, and the one that was cut may not be that.
        if (cut.place === 'last' || !names.includes('progressToken')) {
          expect(cut.token).toBe(scannedToken(text));
          expect(JSON.parse(text)).toEqual({ ...JSON.parse(cut.rest), progressToken: JSON.parse(cut.token) });
        }
      }),
      { numRuns: 5_000 },
    );
    expect(cuts).toBeGreaterThan(500);
  });

  it('knows the last one for the one that counts', () => {
    fc.assert(
      fc.property(meta, (text) => {
        const token = lastTokenOf(text);
        if (token !== undefined) expect(token).toBe(scannedToken(text));
      }),
      { numRuns: 5_000 },
    );
  });

  it.each([
    ['{"progressToken":1}', '1', '{}', 'first'],
    ['{"progressToken":"a b","k":{}}', '"a b"', '{"k":{}}', 'first'],
    ['{"k":{},"progressToken":17}', '17', '{"k":{}}', 'last'],
    ['{"k":"\\"","progressToken":"x"}', '"x"', '{"k":"\\""}', 'last'],
  ])('cuts %s', (text, token, rest, place) => expect(cutToken(text)).toMatchObject({ token, rest, place }));

  // Attack: what looks like the token stands inside of another value, and the client is sent progress of a token it never gave.
  it.each([
    '{}',
    '{"a":",\\"progressToken\\":5"}',
    '{"a":"{\\"progressToken\\":5,"}',
    '{"a":{"b":1,"progressToken":5}}',
    '{"a":[1,{"b":1,"progressToken":"x"}]}',
    '{"xprogressToken":5}',
    '{"a":"b,progressToken\\":5"}',
    '{"a":1,"progressToken":"\\"5"}',
    '{"a":1,"progressToken":"é"}',
    '{"a":1,"progressToken":-5}',
    '{"a":1,"progressToken":[5]}',
    '{"a":1,"progressToken": 5}',
    '{"a":1,"progressToken":5 }',
  ])('leaves %s alone', (text) => expect(cutToken(Buffer.from(text).toString('latin1'))).toBeUndefined());
});
