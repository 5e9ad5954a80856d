import { expect, test } from 'vitest';
import type { Clock } from '../core/ports.ts';
import { Heartbeat } from './heartbeat.ts';

/** A clock whose timers fire when they are told to. */
function steppedClock(): { clock: Clock; tick: () => void } {
  let next: (() => void) | undefined;
  const clock: Clock = {
    now: () => 0,
    after: (_delayMs, run) => {
      next = run;
      return { clear: () => (next = undefined) };
    },
  };
  return { clock, tick: () => next?.() };
}

test('silence is noticed after so many beats without a sign of life', () => {
  const { clock, tick } = steppedClock();
  let beats = 0;
  let isSilent = false;
  const heartbeat = new Heartbeat(clock, 3, {
    beat: () => beats++,
    onSilent: () => {
      isSilent = true;
    },
  });
  for (let i = 0; i < 10; i++) {
    heartbeat.heard();
    tick();
  }
  expect([beats, isSilent]).toEqual([10, false]);
  tick();
  tick();
  expect(isSilent).toBe(false);
  tick();
  expect(isSilent).toBe(true);
  tick();
  expect(beats).toBe(12);
});

test('a process that slept itself does not take its own sleep for the silence of others', () => {
  const { clock, tick } = steppedClock();
  let isSilent = false;
  const heartbeat = new Heartbeat(clock, 3, {
    beat: () => undefined,
    onSilent: () => {
      isSilent = true;
    },
  });
  tick();
  // Stopped for an hour: one timer is due, and only after it is what arrived meanwhile read.
  tick();
  heartbeat.heard();
  tick();
  expect(isSilent).toBe(false);
});
