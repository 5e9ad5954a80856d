import { describe, expect, test } from 'vitest';
import { encodeJson, type RawObject, scanObject } from '../../jsonrpc/raw.ts';
import { namedTypes, rawContentOf } from './raw-content.ts';

function result(...contents: object[]): RawObject {
  const object = scanObject(encodeJson({ contents }));
  if (object === undefined) throw new Error('no object');
  return object;
}

const any = () => true;

describe('a resource’s own bytes', () => {
  test('text and binary', () => {
    expect(rawContentOf(result({ text: 'hi', mimeType: 'text/plain' }), 'a://b/c.txt', any)).toMatchObject({
      bytes: Buffer.from('hi'),
      headers: {
        'content-type': 'text/plain; charset=utf-8',
        'content-disposition': 'inline; filename="c.txt"',
      },
    });
    expect(rawContentOf(result({ blob: 'AAEC' }), 'a://b', any)).toMatchObject({
      bytes: Buffer.from([0, 1, 2]),
      headers: { 'content-type': 'application/octet-stream' },
    });
    expect(rawContentOf(result(), 'a://b', any)).toBeUndefined();
  });

  test('of several contents the one whose type was asked for', () => {
    const both = result({ text: 'words', mimeType: 'text/plain' }, { blob: 'AAEC', mimeType: 'image/png' });
    expect(rawContentOf(both, 'a://b', (type) => type === 'image/png')?.bytes).toEqual(Buffer.from([0, 1, 2]));
  });

  // Attack: stored cross-site scripting: a page, a drawing or a script of the server runs under the gateway's origin.
  test.each(['text/html', 'image/svg+xml', 'application/xhtml+xml', 'text/xml', 'text/javascript', 'application/pdf'])(
    '%s is saved, not shown, and nothing in it may run',
    (mimeType) => {
      const raw = rawContentOf(result({ text: '<script>alert(1)</script>', mimeType }), 'a://x/evil', any);
      expect(raw?.headers['content-disposition']).toBe('attachment; filename="evil"');
      expect(raw?.headers['content-security-policy']).toMatch(/^sandbox; default-src 'none';/);
    },
  );

  // Attack: a type or a URI that breaks out of its header.
  test.each([
    ['text/html\r\nset-cookie: a=b', 'a://x'],
    ['text/html; charset="\r\n"', 'a://x/"\r\nx: y'],
    ['<script>', 'a://x/..%2f..%2fetc/passwd'],
    ['text/html,text/plain', 'a://x/;filename=evil.exe'],
  ])('%j and %j stay in their headers', (mimeType, uri) => {
    const raw = rawContentOf(result({ text: 'x', mimeType }), uri, any);
    expect(raw?.headers['content-type']).toMatch(/^(text\/(html|plain)); charset=utf-8$/);
    expect(raw?.headers['content-disposition']).toMatch(
      /^(inline|attachment); filename="[A-Za-z0-9_-][A-Za-z0-9._-]*"$/,
    );
  });
});

test.each([
  [undefined, 'image/png', undefined],
  ['*/*', 'image/png', undefined],
  ['application/json, image/png', 'image/png', undefined],
  ['image/png', 'image/png', true],
  ['image/avif,image/*,*/*;q=0.8', 'image/png', true],
  ['image/jpeg', 'image/png', false],
  ['text/html,*/*;q=0.8', 'text/html', true],
  ['image/png;q=0', 'image/png', undefined],
])('Accept %s for %s', (accept, type, expected) => {
  expect(namedTypes(accept)?.(type)).toBe(expected);
});
