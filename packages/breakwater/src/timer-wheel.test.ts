import { expect, test } from 'vitest';
import { TimerWheel } from './timer-wheel.ts';

test('a timer runs once, not before it is due, and a cleared one never', () => {
  let now = 10_000;
  const wheel = new TimerWheel(() => now);
  const ran: string[] = [];
  wheel.after(600, () => ran.push('short'));
  wheel.after(70_000, () => ran.push('more than a turn of the wheel'));
  wheel.after(600, () => ran.push('cleared')).clear();
  now += 599;
  wheel.turn();
  expect(ran).toEqual([]);
  now += 300;
  wheel.turn();
  expect(ran).toEqual(['short']);
  // The same slot, one turn too early.
  now = 10_000 + 70_000 - 64_000;
  wheel.turn();
  expect(ran).toEqual(['short']);
  now = 10_000 + 70_250;
  wheel.turn();
  expect(ran).toEqual(['short', 'more than a turn of the wheel']);
  now += 200_000;
  wheel.turn();
  expect(ran).toHaveLength(2);
});

test('a process that stood still runs everything that fell due meanwhile', () => {
  let now = 0;
  const wheel = new TimerWheel(() => now);
  const ran: number[] = [];
  for (const delayMs of [300, 40_000, 90_000, 500_000]) wheel.after(delayMs, () => ran.push(delayMs));
  now = 1_000_000;
  wheel.turn();
  expect(ran.toSorted((left, right) => left - right)).toEqual([300, 40_000, 90_000, 500_000]);
});

test('a timer may set and clear others while it runs', () => {
  let now = 0;
  const wheel = new TimerWheel(() => now);
  const ran: string[] = [];
  const other = wheel.after(80_000, () => ran.push('cleared by the first'));
  wheel.after(300, () => {
    ran.push('first');
    other.clear();
    other.clear();
    wheel.after(300, () => ran.push('second'));
  });
  now = 500;
  wheel.turn();
  now = 1_500;
  wheel.turn();
  now = 100_000;
  wheel.turn();
  expect(ran).toEqual(['first', 'second']);
});
