import { expect, it } from 'vitest';
import { ManualClock } from '../../../../test/downstream/manual-clock.ts';
import { Heartbeats } from './heartbeats.ts';

/** Counts how often it was looked at. */
function counting() {
  const stream = { place: -1, beats: 0, beat: () => void stream.beats++, cut: () => undefined };
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

it('looks at each stream once a tick, also when streams end by it, and when one is taken away twice', () => {
  const clock = new ManualClock();
  const heartbeats = new Heartbeats(clock, 32_000);
  const streams = Array.from({ length: 6 }, () => counting());
  const [first, second, third, ...rest] = streams;
  const last = rest.at(-1);
  for (const stream of streams) heartbeats.add(stream);
  for (const ends of [first, third, last]) {
    if (ends === undefined) throw new Error('there are six');
    ends.beat = () => {
      ends.beats++;
      heartbeats.delete(ends);
    };
  }
  clock.advance(1_000);
  expect(streams.map(({ beats }) => beats)).toEqual([1, 1, 1, 1, 1, 1]);
  clock.advance(1_000);
  expect(streams.map(({ beats }) => beats)).toEqual([1, 2, 1, 2, 2, 1]);
  if (first === undefined || second === undefined) throw new Error('there are six');
  // Its place is somebody else's by now.
  heartbeats.delete(first);
  heartbeats.delete(second);
  heartbeats.delete(second);
  clock.advance(1_000);
  expect(streams.map(({ beats }) => beats)).toEqual([1, 2, 1, 3, 3, 1]);
});
