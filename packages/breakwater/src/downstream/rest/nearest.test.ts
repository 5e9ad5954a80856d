import { expect, test } from 'vitest';
import { nearestNames } from './nearest.ts';

const names = ['echo', 'add', 'files__read_file', 'files__write_file', 'list_allowed_directories'];

test.each([
  ['ehco', ['echo']],
  ['ECHO', ['echo']],
  ['read_file', ['files__read_file']],
  ['zzzzzz', []],
])('%s', (word, expected) => {
  expect(nearestNames(word, names)).toEqual(expected);
});

// Attack: the cost of comparing is the product of the lengths; a long name must cost nothing.
test('a name that is far too long is close to nothing', () => {
  expect(nearestNames('echo'.repeat(10_000), names)).toEqual([]);
  expect(nearestNames('echo', ['echo'.repeat(10_000)])).toEqual([]);
});
