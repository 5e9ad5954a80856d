import { expect, test } from 'vitest';
import { openBytes, sealBytes } from '../core/seal.ts';
import { deriveKeys } from './keys.ts';

const [OLD, NEW] = ['an old secret of at least 32 characters', 'a new secret of at least 32 characters!'];

test('the same secret makes the same keys on every node, and each use has its own', () => {
  expect(deriveKeys([OLD])).toEqual(deriveKeys([OLD]));
  const { peer, sessions, states, values } = deriveKeys([OLD]);
  const all = [peer[0].key, sessions[0], states[0], values[0]].map((key) => key.toString('hex'));
  expect(new Set(all).size).toBe(4);
  for (const key of all) expect(key).toHaveLength(64);
});

test('the first secret seals, all of them open', () => {
  const before = deriveKeys([OLD]);
  const during = deriveKeys([NEW, OLD]);
  const after = deriveKeys([NEW]);
  const sealed = sealBytes(before.values, Buffer.from('x'), 'test');
  expect(openBytes(during.values, sealed, 'test')?.toString()).toBe('x');
  expect(openBytes(after.values, sealed, 'test')).toBeUndefined();
  const later = sealBytes(during.values, Buffer.from('y'), 'test');
  expect(openBytes(after.values, later, 'test')?.toString()).toBe('y');
});

test('a secret that could be guessed is refused', () => {
  expect(() => deriveKeys(['x'.repeat(31)])).toThrow(TypeError);
  expect(() => deriveKeys([OLD, ''])).toThrow(TypeError);
  expect(() => deriveKeys([])).toThrow(TypeError);
});
