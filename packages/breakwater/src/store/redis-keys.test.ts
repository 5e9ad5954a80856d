import { describe, expect, test } from 'vitest';
import { RedisKeys } from './redis-keys.ts';
import { slotOf, tagOf } from './redis-slot.ts';

describe('keys in Redis', () => {
  test('begin with the prefix and keep the braces they have', () => {
    const keys = new RedisKeys('bw:');
    expect(keys.of('{s:1}:subs')).toBe('bw:{s:1}:subs');
    expect(keys.of('plain')).toBe('bw:{plain}');
    expect(keys.common('born')).toBe('bw:born');
  });

  // A script may touch one slot only, whatever a caller's key looks like.
  test.each(['{s:1}', 'plain', 'a{b', 'a}b{', '{}x', '{{x}}', '{a}{b}', 'ü{ü}', '{', 'a{}b{c}'])(
    'that belong to %s share its slot',
    (key) => {
      const keys = new RedisKeys('bw:');
      expect(tagOf(keys.of(key))).toBeTruthy();
      expect(slotOf(keys.epoch(key))).toBe(slotOf(keys.of(key)));
      expect(slotOf(keys.entries(key))).toBe(slotOf(keys.of(key)));
    },
  );

  test('with the same tag share a slot', () => {
    const keys = new RedisKeys('bw:');
    expect(slotOf(keys.of('{h:x}:s'))).toBe(slotOf(keys.of('{h:x}')));
  });

  test.each(['', '}', '}a'])('cannot be made of %j', (key) => {
    expect(() => new RedisKeys('bw:').of(key)).toThrow(TypeError);
  });

  // Attack: braces in the prefix would decide the slot of half of the keys.
  test.each(['a{b', '{a}', 'a b', 'x'.repeat(65)])('cannot have the prefix %j', (prefix) => {
    expect(() => new RedisKeys(prefix)).toThrow(TypeError);
  });
});

test('slots are those of the specification', () => {
  expect(slotOf('123456789')).toBe(0x31c3);
  expect(slotOf('foo')).toBe(12_182);
  expect(slotOf('{user1000}.following')).toBe(slotOf('{user1000}.followers'));
  expect(slotOf('foo{}{bar}')).toBe(slotOf('foo{}{bar}'));
  expect(tagOf('foo{{bar}}zap')).toBe('{bar');
  expect(tagOf('foo{}{bar}')).toBeUndefined();
});
