import { expect, test } from 'vitest';
import { freshNode, isNode, tagsOf } from './node.ts';

test('a tagged id says who made it to everybody but its maker', () => {
  const [a, b] = [tagsOf(freshNode()), tagsOf(freshNode())];
  const id = a.mint('g1.sealed.by.us');
  expect(id).toBe(`${a.node}.g1.sealed.by.us`);
  expect(b.elsewhere(id)).toBe(a.node);
  expect(a.elsewhere(id)).toBeUndefined();
});

test('nothing else is taken for a tagged id', () => {
  const { elsewhere } = tagsOf(freshNode());
  const others = [
    '',
    'g1.abc',
    'x',
    '0123456789',
    'ABCDEFGHIJ.x',
    'abcdefghijk.x',
    'abcdefghi.x',
    ' abcdefghij.x',
    'a-cdefghij.x',
  ];
  // A session id: 128 bits in base64url before its dot.
  for (const id of [...others, 'q83vEjRWeJCrze8SNFZ4kA.sealed']) expect(elsewhere(id)).toBeUndefined();
});

test('each start has a name of its own', () => {
  const names = new Set(Array.from({ length: 1_000 }, freshNode));
  expect(names.size).toBe(1_000);
  for (const name of names) expect(isNode(name)).toBe(true);
});

test('attack: what is no name of a node is never made a key of the store', () => {
  for (const text of ['', '*', 'abcdefghij\n', 'abcdefghi}', '../../../..', 'ABCDEFGHIJ'])
    expect(isNode(text)).toBe(false);
});
