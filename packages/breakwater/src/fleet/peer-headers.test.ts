import { expect, test } from 'vitest';
import type { Forwarded } from '../core/fleet.ts';
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

test('attack: a sender cannot name in Connection what says where its message ends and whom it is for', () => {
  const framing = ['Content-Length', '3', 'Host', 'x'];
  for (const named of [
    'content-length, host',
    'Content-Length,HOST',
    '\tcontent-length ,, host\t',
    'close, CONTENT-LENGTH',
  ])
    expect(passedHeaders(['Connection', named, ...framing]).slice(0, 2)).toEqual(['Content-Length', '3']);
});

test('attack: the word of a peer does not pass, however it is spelled', () => {
  expect(passedHeaders(['Breakwater-Peer', 'x', 'BREAKWATER-PEER', 'y', 'a', 'b'])).toEqual(['a', 'b']);
});

test('a mark is read as it was written, and nothing else is a mark', () => {
  const forwarded: Forwarded = {
    node: 'abcdefghij',
    principal: { key: 'ann\n\u{1f600}', personal: false },
    remoteAddress: '::1',
    protocol: 'https',
    host: undefined,
  };
  for (const each of [forwarded, { ...forwarded, protocol: 'http', host: 'a.example:8' } as const])
    expect(readMark(writeMark(each))).toEqual(each);
  const of = (value: unknown): string => JSON.stringify(value);
  const without = { ...forwarded, protocol: 'ftp' };
  for (const wrong of ['', 'x', of(null), of([]), of({}), of({ ...forwarded, principal: 'ann' }), of(without)])
    expect(readMark(wrong)).toBeUndefined();
});
