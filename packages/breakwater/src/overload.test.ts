import { expect, test } from 'vitest';
import { OverloadJudge } from './overload.ts';

test('overloaded is who is late, or too large, twice in a row', () => {
  const judge = new OverloadJudge({ eventLoopDelayMs: 100, rssBytes: 1_000 });
  const seen: boolean[] = [];
  for (const [eventLoopDelayMs, rssBytes] of [
    [500, 1],
    [0, 1],
    [500, 1],
    [101, 1],
    [100, 1_000],
    [0, 1_001],
    [0, 1_001],
  ] as const) {
    judge.judge({ eventLoopDelayMs, rssBytes });
    seen.push(judge.isOverloaded);
  }
  expect(seen).toEqual([false, false, false, true, false, false, true]);
});

test('without a bound memory is nobody’s business', () => {
  const judge = new OverloadJudge({ eventLoopDelayMs: 100, rssBytes: undefined });
  for (let round = 0; round < 3; round++) judge.judge({ eventLoopDelayMs: 0, rssBytes: 1e12 });
  expect(judge.isOverloaded).toBe(false);
});
