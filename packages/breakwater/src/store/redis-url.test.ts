import { describe, expect, test } from 'vitest';
import { describeRedisUrl, parseRedisUrl } from './redis-url.ts';

const PLAIN = { master: '', db: 0, isTls: false, username: undefined, password: undefined };

describe('a store URL', () => {
  test.each([
    ['redis://localhost', { ...PLAIN, kind: 'single', nodes: [{ host: 'localhost', port: 6379 }] }],
    ['redis://h:1/', { ...PLAIN, kind: 'single', nodes: [{ host: 'h', port: 1 }] }],
    ['redis://h:1/3', { ...PLAIN, kind: 'single', nodes: [{ host: 'h', port: 1 }], db: 3 }],
    ['redis://h:1?db=3', { ...PLAIN, kind: 'single', nodes: [{ host: 'h', port: 1 }], db: 3 }],
    ['rediss://[::1]:7', { ...PLAIN, kind: 'single', nodes: [{ host: '::1', port: 7 }], isTls: true }],
    ['redis://:p%40ss@h', { ...PLAIN, kind: 'single', nodes: [{ host: 'h', port: 6379 }], password: 'p@ss' }],
    [
      'redis://u:a:b@h',
      { ...PLAIN, kind: 'single', nodes: [{ host: 'h', port: 6379 }], username: 'u', password: 'a:b' },
    ],
    [
      'redis+sentinel://:s@a:1,b/my%20master?db=2',
      {
        ...PLAIN,
        kind: 'sentinel',
        nodes: [
          { host: 'a', port: 1 },
          { host: 'b', port: 26379 },
        ],
        master: 'my master',
        db: 2,
        password: 's',
      },
    ],
    [
      'rediss+cluster://a,[fe80::1]:7001',
      {
        ...PLAIN,
        kind: 'cluster',
        nodes: [
          { host: 'a', port: 6379 },
          { host: 'fe80::1', port: 7001 },
        ],
        isTls: true,
      },
    ],
  ])('%s', (url, expected) => {
    expect(parseRedisUrl(url)).toEqual(expected);
  });

  test.each([
    'localhost:6379',
    'http://h',
    'redis://',
    'redis://h:0',
    'redis://h:99999',
    'redis://a,b',
    'redis://h/x',
    'redis://h/1?db=1',
    'redis://h?timeout=1',
    'redis+sentinel://h',
    'redis+sentinel://h/m?db=-1',
    'redis+cluster://h/1',
    'redis+cluster://h,,i',
    'redis://a b',
    'redis://%zz@h',
  ])('%s is refused', (url) => {
    expect(() => parseRedisUrl(url)).toThrow(/the URL of the store is wrong: .*redis:\/\/host:6379\/0/);
  });

  // Attack: an operator's password ends in a log, because it made the URL invalid and the error quotes it.
  test.each([
    'redis://user:hunter2/x@h:6379',
    'redis://user:hunter2#x@h:6379',
    'redis://user:hunter2@h:port',
    'redis://user:hunter2%@h',
    'redis://hunter2@h@i',
  ])('an error about %s does not repeat the password', (url) => {
    expect(() => parseRedisUrl(url)).toThrow(TypeError);
    expect(() => parseRedisUrl(url)).not.toThrow(/hunter2/);
  });

  test.each([
    ['redis://u:hunter2@h', 'redis://h:6379/0'],
    ['rediss+sentinel://:hunter2@a:1,[::1]/m', 'rediss+sentinel://a:1,[::1]:26379/m?db=0'],
    ['redis+cluster://:hunter2@a:1,b:2', 'redis+cluster://a:1,b:2'],
  ])('%s is shown as %s', (url, shown) => {
    expect(describeRedisUrl(parseRedisUrl(url))).toBe(shown);
  });
});
