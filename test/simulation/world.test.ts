import { expect, test } from 'vitest';
import { simulate } from './simulate.ts';

test('the same seed brings the same, to the last step', async () => {
  for (const seed of [3, 17, 465, 10_154]) {
    const first = await simulate(seed);
    const second = await simulate(seed);
    expect(second.steps).toBe(first.steps);
    expect(second.trace).toEqual(first.trace);
  }
});

test('other seeds bring something else', async () => {
  const runs = await Promise.all([simulate(1), simulate(2)]);
  expect(new Set(runs.map(({ trace }) => trace.join())).size).toBe(2);
});
