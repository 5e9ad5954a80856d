import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, test } from 'vitest';
import { systemClock } from '../../packages/breakwater/src/clock.ts';
import type { FieldChange, LeaseState, LogBounds, Store } from '../../packages/breakwater/src/core/store.ts';
import { MemoryStore } from '../../packages/breakwater/src/store/memory.ts';
import { type RedisServer, startRedis } from '../fixtures/redis.ts';
import { openClosing } from './open.ts';

const LONG_MS = 600_000;

/** One operation; what it resolves to must be the same for both stores. `seen` holds the leases that this store has given. */
interface Operation {
  readonly name: string;
  run(store: Store, seen: Map<string, LeaseState>): Promise<unknown>;
}

const bytes = fc.uint8Array({ maxLength: 12 }).map((array) => Buffer.from(array));
const key = fc.constantFrom('{a}', 'b');
const who = fc.constantFrom('p', 'q');
// The lease that somebody got last, or the first one, which is mostly over.
const age = fc.constantFrom('', 'first ');
const fields: fc.Arbitrary<FieldChange> = fc.dictionary(
  fc.constantFrom('f', 'g', '', '__proto__'),
  fc.option(bytes, { nil: null, freq: 4 }),
  { noNullPrototype: true },
);
const bounds: fc.Arbitrary<LogBounds> = fc.record({
  entries: fc.integer({ min: 0, max: 5 }),
  bytes: fc.integer({ min: 0, max: 40 }),
  ttlMs: fc.constant(LONG_MS),
});
// No time at all is a lifetime like any other: over at once.
const ttl = fc.constantFrom(LONG_MS, LONG_MS, LONG_MS, 0);

/** Epochs differ from store to store; all that counts is which lease they belong to. */
function remember(seen: Map<string, LeaseState>, name: string, lease: LeaseState | undefined): unknown {
  const of = `${name} ${lease?.holder}`;
  if (lease !== undefined) {
    if (!seen.has(of)) seen.set(`first ${of}`, lease);
    seen.set(of, lease);
  }
  return lease?.holder;
}

const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.tuple(key).map(([k]) => does(`read ${k}`, (store) => store.read(k))),
  fc.tuple(key, fields, ttl).map(([k, f, t]) => does(`write ${k} ${t}`, (store) => store.write(k, f, t))),
  fc
    .tuple(key, fields, ttl)
    .map(([k, f, t]) =>
      does(`create ${k} ${t}`, (store) => store.create(k, f, t).catch((error: Error) => error.constructor.name)),
    ),
  fc.tuple(key, ttl).map(([k, t]) => does(`touch ${k} ${t}`, (store) => store.touch(k, t))),
  fc.tuple(key).map(([k]) => does(`remove ${k}`, (store) => store.remove(k))),
  fc
    .tuple(key, who)
    .map(([k, h]) =>
      does(`claim ${k} ${h}`, async (store, seen) => remember(seen, k, await store.claim(`${k}:lease`, h, LONG_MS))),
    ),
  fc
    .tuple(key)
    .map(([k]) => does(`holder ${k}`, async (store, seen) => remember(seen, k, await store.holder(`${k}:lease`)))),
  fc
    .tuple(key, who, age, ttl)
    .map(([k, h, a, t]) =>
      does(`renew ${k} ${a}${h}`, (store, seen) => store.renew(`${k}:lease`, seen.get(`${a}${k} ${h}`) ?? never(h), t)),
    ),
  fc
    .tuple(key, who, age)
    .map(([k, h, a]) =>
      does(`yield ${k} ${a}${h}`, (store, seen) => store.yield(`${k}:lease`, seen.get(`${a}${k} ${h}`) ?? never(h))),
    ),
  fc
    .tuple(key, who, bytes)
    .map(([k, w, n]) => does(`open ${k} ${w}`, (store) => store.openLog(`${k}:log`, w, n, LONG_MS))),
  fc
    .tuple(key, who, bytes, bounds)
    .map(([k, w, d, b]) => does(`append ${k} ${w}`, (store) => store.append(`${k}:log`, w, d, b))),
  fc.tuple(key, who, ttl).map(([k, w, t]) => does(`end ${k} ${w}`, (store) => store.endLog(`${k}:log`, w, t))),
  fc.tuple(key, who).map(([k, w]) => does(`take ${k} ${w}`, (store) => store.takeLog(`${k}:log`, w, LONG_MS))),
  fc.tuple(key).map(([k]) => does(`log ${k}`, (store) => store.readLog(`${k}:log`))),
);

function does(name: string, run: Operation['run']): Operation {
  return { name, run };
}

/** A lease that nobody has got. */
function never(holder: string): LeaseState {
  return { holder, epoch: 1 };
}

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis?.[Symbol.asyncDispose]());

test('Redis does what the memory does, whatever is asked in whatever order', async () => {
  await using real = await openClosing({ url: redis.url });
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 100, size: 'max' }), async (operations) => {
      await redis.command('flushall');
      const model = new MemoryStore(systemClock);
      const [modelSeen, realSeen] = [new Map<string, LeaseState>(), new Map<string, LeaseState>()];
      try {
        for (const { name, run } of operations) {
          const [expected, actual] = [await run(model, modelSeen), await run(real, realSeen)];
          if (!isDeepStrictEqual(actual, expected)) {
            throw new Error(`${name}: ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`);
          }
        }
      } finally {
        await model.close();
      }
    }),
    { numRuns: 150 },
  );
});
