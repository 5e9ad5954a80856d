import { describe, expect, test } from 'vitest';
import type { Clock } from '../core/ports.ts';
import { ExpiringMap } from './expiring-map.ts';
import { MemoryStore } from './memory.ts';

/** Time that a test moves. */
class TestClock implements Clock {
  time = 1_700_000_000_000;
  readonly timers = new Map<object, { readonly at: number; readonly run: () => void }>();

  now(): number {
    return this.time;
  }

  after(delayMs: number, run: () => void): { clear(): void } {
    const timer = { clear: () => void this.timers.delete(timer) };
    this.timers.set(timer, { at: this.time + delayMs, run });
    return timer;
  }

  advance(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      const [due] = [...this.timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at);
      if (due === undefined) break;
      this.timers.delete(due[0]);
      this.time = due[1].at;
      due[1].run();
    }
    this.time = end;
  }
}

describe('lifetimes in memory', () => {
  test('are over to the millisecond', () => {
    const clock = new TestClock();
    const map = new ExpiringMap<number>(clock);
    map.set('a', 1, 100);
    clock.advance(99);
    expect(map.get('a')).toBe(1);
    expect(map.touch('a', 100)).toBe(true);
    clock.advance(99);
    expect(map.get('a')).toBe(1);
    clock.advance(1);
    expect(map.get('a')).toBeUndefined();
    expect(map.touch('a', 100)).toBe(false);
    expect(map.delete('a')).toBe(false);
  });

  // Attack: a client makes sessions that nobody ever asks for again; each must cost nothing once its time is over, and no timer while it lives.
  test('free what nobody asks for, with one timer for all', () => {
    const clock = new TestClock();
    const map = new ExpiringMap<number>(clock);
    for (let at = 0; at < 100_000; at++) map.set(`${at}`, at, at % 2 ? 1_000 : 3_600_000);
    expect(clock.timers.size).toBe(1);
    clock.advance(35_000);
    expect(map.size).toBe(50_000);
    clock.advance(3_700_000);
    expect(map.size).toBe(0);
    expect(clock.timers.size).toBe(0);
  });

  test('are swept while others come and go', () => {
    const clock = new TestClock();
    const map = new ExpiringMap<number>(clock);
    for (let round = 0; round < 200; round++) {
      for (let at = 0; at < 500; at++) map.set(`${round}:${at}`, at, 5_000);
      map.delete(`${round}:0`);
      clock.advance(1_000);
    }
    expect(map.size).toBeLessThan(500 * 40);
  });

  test('leave no timer behind when the store is closed', async () => {
    const clock = new TestClock();
    const store = new MemoryStore(clock);
    await store.write('a', { a: Buffer.from('1') }, 1_000);
    await store.claim('l', 'a', 1_000);
    await store.close();
    expect(clock.timers.size).toBe(0);
  });
});

describe('a full memory', () => {
  const KIB = 1_024;
  const ROOMY = { entries: 1_000, bytes: 1_000 * KIB, ttlMs: 600_000 };

  // Attack: answers that nobody reads fill the store that all workers of a machine share, and its process with it.
  test('lets the oldest logs go first', async () => {
    const store = new MemoryStore(new TestClock(), 64 * KIB);
    for (let at = 0; at < 200; at++) {
      await store.openLog(`{e:${at}}`, 'w', Buffer.from('note'), 600_000);
      await store.append(`{e:${at}}`, 'w', Buffer.alloc(KIB), ROOMY);
    }
    const kept = [];
    for (let at = 0; at < 200; at++) if ((await store.readLog(`{e:${at}}`)) !== undefined) kept.push(at);
    expect(kept.length).toBeGreaterThan(30);
    expect(kept.length).toBeLessThanOrEqual(64);
    expect(kept.at(0)).toBe(200 - kept.length);
    // One log that grows without end is no different.
    for (let at = 0; at < 200; at++) await store.append('{e:199}', 'w', Buffer.alloc(KIB), ROOMY).catch(() => false);
    expect((await store.readLog('{e:199}'))?.entries.length ?? 0).toBeLessThanOrEqual(64);
    await store.close();
  });

  // Attack: sessions without end, which no log can make room for.
  test('refuses what has no room, and takes it once there is some again', async () => {
    const clock = new TestClock();
    const store = new MemoryStore(clock, 64 * KIB);
    await store.openLog('{e:1}', 'w', Buffer.alloc(0), 600_000);
    const refused = { code: 'store.unavailable' };
    const write = async (): Promise<void> => {
      for (let at = 0; at < 200; at++) await store.create(`{s:${at}}`, { value: Buffer.alloc(KIB) }, 10_000);
    };
    await expect(write()).rejects.toMatchObject(refused);
    await expect(store.write('{s:new}', { value: Buffer.alloc(KIB) }, 10_000)).rejects.toMatchObject(refused);
    await expect(store.openLog('{e:2}', 'w', Buffer.alloc(KIB), 10_000)).rejects.toMatchObject(refused);
    // What is there can still be changed and given up.
    await store.write('{s:0}', { value: Buffer.alloc(KIB) }, 10_000);
    expect(await store.remove('{s:0}')).toBe(true);
    await store.write('{s:new}', { value: Buffer.alloc(KIB) }, 10_000);
    clock.advance(60_000);
    await store.openLog('{e:2}', 'w', Buffer.alloc(60 * KIB), 10_000);
    await store.close();
  });
});

test('epochs of a memory that was lost are not given again', async () => {
  const clock = new TestClock();
  const first = await new MemoryStore(clock).claim('l', 'a', 1_000);
  clock.advance(1);
  expect((await new MemoryStore(clock).claim('l', 'b', 1_000)).epoch).toBeGreaterThan(first.epoch);
});

test('a message is not heard within its publisher, nor by one who has left by then', async () => {
  const store = new MemoryStore(new TestClock());
  const heard: string[] = [];
  await store.subscribe('c', () => heard.push('stays'));
  const leave = await store.subscribe('c', () => heard.push('leaves'));
  const publishing = store.publish('c', Buffer.from('x'));
  const leaving = leave();
  expect(heard).toEqual([]);
  await Promise.all([publishing, leaving]);
  expect(heard).toEqual(['stays']);
});
