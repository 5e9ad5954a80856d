import { expect, test } from 'vitest';
import { passedHeaders, readMark, writeMark } from './peer-headers.ts';

test('headers pass in order and spelling, without those of one connection', () => {
  const raw = [
    'Host',
    'x',
    'Connection',
    'Keep-Alive, X-Mine',
    'X-Mine',
    '1',
    'Set-Cookie',
    'a',
    'Set-Cookie',
    'b',
    'TE',
    'x',
  ];
  expect(passedHeaders(raw)).toEqual(['Host', 'x', 'Set-Cookie', 'a', 'Set-Cookie', 'b']);
  expect(passedHeaders(['Content-Length', '3', 'A', 'b'], ['content-length'])).toEqual(['A', 'b']);
});

test('attack: the word of a peer does not pass, however it is spelled', () => {
  expect(passedHeaders(['Breakwater-Peer', 'x', 'BREAKWATER-PEER', 'y', 'a', 'b'])).toEqual(['a', 'b']);
});

test('a mark is read as it was written, and nothing else is a mark', () => {
  const forwarded = { node: 'abcdefghij', principal: { key: 'ann\n\u{1f600}', personal: false }, remoteAddress: '::1' };
  expect(readMark(writeMark(forwarded))).toEqual(forwarded);
  const of = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  for (const wrong of ['', 'x', of(null), of([]), of({}), of({ ...forwarded, principal: 'ann' }), undefined, ['a']])
    expect(readMark(wrong)).toBeUndefined();
});
