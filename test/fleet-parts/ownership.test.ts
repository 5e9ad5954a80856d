import { expect, test } from 'vitest';
import { systemClock } from '../../packages/breakwater/src/clock.ts';
import { GatewayError } from '../../packages/breakwater/src/core/errors.ts';
import type { Claim, Hold } from '../../packages/breakwater/src/core/fleet.ts';
import type { Clock } from '../../packages/breakwater/src/core/ports.ts';
import type { LeaseState, Store } from '../../packages/breakwater/src/core/store.ts';
import { LeaseOwnership, leaseName } from '../../packages/breakwater/src/fleet/ownership.ts';
import { MemoryStore } from '../../packages/breakwater/src/store/memory.ts';
import { ManualClock } from '../upstream/manual-clock.ts';

const NAME = leaseName('tools', 'key');

function nodeOf(store: Store, clock: Clock, node: string): LeaseOwnership {
  const borrow = (): never => {
    throw new TypeError('nothing is borrowed here');
  };
  return new LeaseOwnership({ store, clock, node, leaseMs: 10_000, emit: () => undefined, borrow });
}

/** A store that can be put out of this node's reach. */
class ReachableStore extends MemoryStore {
  isReachable = true;

  override claim(name: string, holder: string, ttlMs: number): Promise<LeaseState> {
    return this.#through(() => super.claim(name, holder, ttlMs));
  }

  override renew(name: string, lease: LeaseState, ttlMs: number): Promise<boolean> {
    return this.#through(() => super.renew(name, lease, ttlMs));
  }

  async #through<T>(run: () => Promise<T>): Promise<T> {
    if (!this.isReachable) throw new GatewayError('store.unavailable');
    return await run();
  }
}

function holdOf(claim: Claim): Hold {
  if (claim.kind !== 'ours') throw new Error(`it is ${claim.node}'s`);
  return claim.hold;
}

test('who claims first has it for as long as it is renewed, and the next one after it was given back', async () => {
  const clock = new ManualClock();
  const store = new MemoryStore(clock);
  const [a, b] = [nodeOf(store, clock, 'a'), nodeOf(store, clock, 'b')];
  const hold = holdOf(await a.claim('tools', 'key'));
  await clock.advance(60_000);
  expect(hold.isHeld).toBe(true);
  expect(await b.claim('tools', 'key')).toMatchObject({ kind: 'theirs', node: 'a' });
  await hold.release();
  expect(hold.isHeld).toBe(false);
  expect(holdOf(await b.claim('tools', 'key')).isHeld).toBe(true);
});

test('several claims of one node are one; the last release counts', async () => {
  const clock = new ManualClock();
  const store = new MemoryStore(clock);
  const a = nodeOf(store, clock, 'a');
  const [first, second] = await Promise.all([a.claim('tools', 'key'), a.claim('tools', 'key')]);
  await holdOf(first).release();
  expect(await store.holder(NAME)).toMatchObject({ holder: 'a' });
  expect(holdOf(second).isHeld).toBe(true);
  await holdOf(second).release();
  expect(await store.holder(NAME)).toBeUndefined();
});

test('a claim that crosses a release keeps the lease', async () => {
  const clock = new ManualClock();
  const store = new MemoryStore(clock);
  const a = nodeOf(store, clock, 'a');
  const first = holdOf(await a.claim('tools', 'key'));
  const [second] = await Promise.all([a.claim('tools', 'key'), first.release()]);
  expect(holdOf(second).isHeld).toBe(true);
  expect(await store.holder(NAME)).toMatchObject({ holder: 'a' });
  const third = holdOf(await a.claim('tools', 'key'));
  await holdOf(second).release();
  const releasing = third.release();
  const fourth = holdOf(await a.claim('tools', 'key'));
  await releasing;
  expect(fourth.isHeld).toBe(true);
  expect(await store.holder(NAME)).toMatchObject({ holder: 'a' });
});

test('an owner out of touch takes nothing new, and goes on when nobody took over', async () => {
  const clock = new ManualClock();
  const store = new ReachableStore(clock);
  const a = nodeOf(store, clock, 'a');
  const hold = holdOf(await a.claim('tools', 'key'));
  let isLost = false;
  hold.onLost(() => {
    isLost = true;
  });
  store.isReachable = false;
  await clock.advance(9_000);
  expect(hold.isHeld).toBe(true);
  await clock.advance(30_000);
  expect(hold.isHeld).toBe(false);
  store.isReachable = true;
  await clock.advance(3_000);
  expect(hold.isHeld).toBe(true);
  expect(isLost).toBe(false);
});

test('an owner out of touch learns that another node took over, once, and does not get it back', async () => {
  const clock = new ManualClock();
  const store = new ReachableStore(clock);
  const [a, b] = [nodeOf(store, clock, 'a'), nodeOf(store, clock, 'b')];
  const hold = holdOf(await a.claim('tools', 'key'));
  let losses = 0;
  hold.onLost(() => losses++);
  store.isReachable = false;
  await clock.advance(12_000);
  store.isReachable = true;
  const others = holdOf(await b.claim('tools', 'key'));
  await clock.advance(6_000);
  expect(losses).toBe(1);
  expect(hold.isHeld).toBe(false);
  await hold.release();
  expect(others.isHeld).toBe(true);
  expect(await store.holder(NAME)).toMatchObject({ holder: 'b' });
  let isToldLate = false;
  hold.onLost(() => {
    isToldLate = true;
  });
  expect(isToldLate).toBe(true);
});

test('a process that was stopped knows at its first use, before any timer of its own has run', async () => {
  // Attack on the fence: SIGSTOP for longer than the lease lives; timers that are due run after whatever the process was woken for.
  let now = Date.now();
  const stopped: Clock = { now: () => now, after: () => ({ clear: () => undefined }) };
  const a = nodeOf(new MemoryStore(systemClock), stopped, 'a');
  const hold = holdOf(await a.claim('tools', 'key'));
  expect(hold.isHeld).toBe(true);
  expect(a.holds('tools', 'key')).toBe(true);
  now += 10_001;
  expect(hold.isHeld).toBe(false);
  expect(a.holds('tools', 'key')).toBe(false);
});

test('the name of a lease shows neither people nor sessions', () => {
  expect(leaseName('tools', '["session","ann@example.org","secret-session-id","f"]')).toMatch(
    /^\{h:tools:[A-Za-z0-9_-]{32}\}$/,
  );
});
