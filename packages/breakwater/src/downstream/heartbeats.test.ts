import { expect, it } from 'vitest';
import { ManualClock } from '../../../../test/downstream/manual-clock.ts';
import { Heartbeats } from './heartbeats.ts';

/** Counts how often it was looked at. */
function counting() {
  const stream = { beats: 0, beat: () => void stream.beats++, cut: () => undefined };
  return stream;
}

it('looks after streams of several configurations at the pace of the quickest', () => {
  const clock = new ManualClock();
  const heartbeats = new Heartbeats(clock, 320_000);
  const slow = counting();
  heartbeats.add(slow);
  // A stream that is opened now must not wait for the timer that ran before.
  heartbeats.retime(32_000);
  const quick = counting();
  heartbeats.add(quick);
  for (let i = 0; i < 5; i++) clock.advance(1_000);
  expect([slow.beats, quick.beats]).toEqual([5, 5]);
  // And one that is there not for the slower pace of those that come.
  heartbeats.retime(320_000);
  for (let i = 0; i < 5; i++) clock.advance(1_000);
  expect(quick.beats).toBe(10);
  heartbeats.delete(slow);
  heartbeats.delete(quick);
  heartbeats.retime(320_000);
  const late = counting();
  heartbeats.add(late);
  clock.advance(9_000);
  expect(late.beats).toBe(0);
  clock.advance(1_000);
  expect(late.beats).toBe(1);
});
