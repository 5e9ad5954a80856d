import { expect, it } from 'vitest';
import { Pace } from './pace.ts';

it('spaces turns evenly, and does not save up what was not used', async () => {
  let now = 1_000;
  const slept: number[] = [];
  const pace = new Pace(20, { now: () => now, sleep: async (ms) => void slept.push(ms) });
  await Promise.all([pace.turn(), pace.turn(), pace.turn()]);
  expect(slept).toEqual([50, 100]);
  now = 10_000;
  await Promise.all([pace.turn(), pace.turn()]);
  expect(slept).toEqual([50, 100, 50]);
});
