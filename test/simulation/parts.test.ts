import { expect, test } from 'vitest';
import type { HandleNeed, Outcome } from '../../packages/breakwater/src/core/ports.ts';
import { WriteBehind } from '../../packages/breakwater/src/fleet/write-behind.ts';
import { encodeJson, scanObject } from '../../packages/breakwater/src/jsonrpc/raw.ts';
import { MemoryStore } from '../../packages/breakwater/src/store/memory.ts';
import { HandlePool } from '../../packages/breakwater/src/upstream/pool.ts';
import { clientOf } from './door.ts';
import { History } from './history.ts';
import { SeededRandom } from './random.ts';
import { ScriptedHandle } from './servers.ts';
import { SimProcess, World } from './world.ts';

// What the simulation has found, small enough to be read.

test('what is noted after the end is not tried for ever', async () => {
  const world = new World(false);
  const process = new SimProcess('node');
  const clock = world.clockOf(process);
  const store = new MemoryStore(world.clockOf(undefined));
  const writes = new WriteBehind(store, clock);
  await writes.close();
  await store.close();
  writes.add('{s:one}', { seen: Buffer.from('1') }, 1_000);
  await world.run(5_000);
  expect(world.timersOf(process)).toBe(0);
});

test('the end of a session leaves the calls of others on a server without sessions alone', async () => {
  const world = new World(false);
  const process = new SimProcess('node');
  const deps = { world, random: new SeededRandom(1), history: new History() };
  const random = { id: () => deps.random.word(22) };
  const pool = new HandlePool(
    {
      name: 'modern',
      isolation: 'auto',
      limits: { handles: 4, acquireTimeoutMs: 1_000, startTimeoutMs: 1_000 },
      idleMs: 60_000,
      restart: { minDelayMs: 100, maxDelayMs: 1_000 },
    },
    {
      clock: world.clockOf(process),
      random,
      emit: () => undefined,
      transport: () => 'http',
      open: async (need) => new ScriptedHandle('modern', need, process, deps, () => undefined),
    },
  );
  const client = clientOf('2026-07-28');
  const needOf = (sessionId: string | undefined): HandleNeed => ({
    principal: { key: 'ann', personal: true },
    sessionId,
    profile: client.profile,
    clientInfo: undefined,
    deadline: world.now + 1_000,
  });
  // Opened for a session, before anybody knows that the server has none.
  const first = await pool.acquire(needOf('session'));
  first.release();
  const lease = await pool.acquire(needOf(undefined));
  expect(lease.handle).toBe(first.handle);
  const outcomes: Outcome[] = [];
  const args = { call: 'one', principal: 'ann', what: 'note', ms: 500 };
  lease.handle.call(
    {
      method: 'tools/call',
      params: scanObject(encodeJson({ name: 'act', arguments: args })),
      client,
      progress: false,
      logLevel: undefined,
    },
    { notify: () => undefined, ask: () => undefined, done: (outcome) => outcomes.push(outcome) },
  );
  await pool.endSession('session');
  await world.run(1_000);
  expect(outcomes.map(({ kind }) => kind)).toEqual(['result']);
  world.later(1, process, () => lease.release());
  await world.run(1_001);
  expect(pool.size).toBe(0);
});
