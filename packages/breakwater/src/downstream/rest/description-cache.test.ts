import { expect, test } from 'vitest';
import { DescriptionCache } from './description-cache.ts';

const MIB = 1_048_576;

// Attack: many names for oneself, or for the gateway, and a large document for each.
test('what is kept is bounded in bytes and in number, and what is used stays', () => {
  const cache = new DescriptionCache();
  for (let at = 0; at < 100; at++) {
    cache.set(`large ${at}`, Buffer.alloc(MIB));
    cache.get('large 0');
  }
  const kept = Array.from({ length: 100 }, (_, at) => at).filter((at) => cache.get(`large ${at}`) !== undefined);
  expect(kept.length).toBeLessThan(64);
  expect(kept).toContain(0);
  expect(kept).toContain(99);
  for (let at = 0; at < 1_000; at++) cache.set(`small ${at}`, Buffer.from('{}'));
  const small = Array.from({ length: 1_000 }, (_, at) => at).filter((at) => cache.get(`small ${at}`) !== undefined);
  expect(small.length).toBeLessThanOrEqual(128);
  expect(small.at(-1)).toBe(999);
});

test('one that is larger than the room is made, and not kept', () => {
  const cache = new DescriptionCache();
  cache.set('other', Buffer.from('{}'));
  expect(cache.set('huge', Buffer.alloc(65 * MIB)).body.length).toBe(65 * MIB);
  expect(cache.get('huge')).toBeUndefined();
});

test('objects have one name each', () => {
  const cache = new DescriptionCache();
  const [a, b] = [{}, {}];
  expect(cache.serialsOf([a, b])).toBe(cache.serialsOf([a, b]));
  expect(cache.serialsOf([a, b])).not.toBe(cache.serialsOf([b, a]));
});
