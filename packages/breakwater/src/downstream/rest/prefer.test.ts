import { expect, test } from 'vitest';
import { readPrefer } from './prefer.ts';

test.each([
  [undefined, false, 0],
  ['', false, 0],
  ['respond-async', true, 0],
  ['Respond-Async, wait=10', true, 10_000],
  ['respond-async;foo=bar , wait="5"', true, 5_000],
  ['wait=10', false, 10_000],
  ['respond-async, wait=999999', true, 50_000],
  ['respond-async, wait=-1', true, 0],
  ['respond-async, wait=1, wait=9', true, 1_000],
  ['return=minimal', false, 0],
])('Prefer: %s', (header, respondAsync, waitMs) => {
  expect(readPrefer(header)).toEqual({ respondAsync, waitMs });
});
