import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../packages/breakwater/src/clock.ts';
import { freshKeyRing } from '../../packages/breakwater/src/core/seal.ts';
import type { Store } from '../../packages/breakwater/src/core/store.ts';
import { StoreArchive } from '../../packages/breakwater/src/fleet/event-archive.ts';
import type { RawId } from '../../packages/breakwater/src/jsonrpc/id.ts';
import { MemoryStore } from '../../packages/breakwater/src/store/memory.ts';

const SESSION = 'abcdefghijklmnop.sealed';
const IDS = ['1' as RawId];
const KIB = 1_024;

function archiveOf(store: Store): StoreArchive {
  const limits = { events: 200, bytes: KIB };
  return new StoreArchive({ store, ring: freshKeyRing(), node: 'n', clock: systemClock, limits, resumeMs: 300_000 });
}

/** What the store holds of streams: bytes of all entries, how many copies, how many of them are hollow. */
async function held(store: Store, streams: readonly string[]) {
  const logs = await Promise.all(streams.map((id) => store.readLog(`{e:${id}}`)));
  const kept = logs.filter((log) => log !== undefined);
  const bytes = kept.flatMap(({ entries }) => entries).reduce((sum, { data }) => sum + data.length, 0);
  const hollow = kept.filter(({ entries }) => entries.length === 1 && entries.every(({ data }) => data.length < 100));
  return { bytes, copies: kept.length, hollow: hollow.length };
}

async function settled(): Promise<void> {
  for (let at = 0; at < 50; at++) await turn();
}

function names(count: number, prefix = 's'): string[] {
  return Array.from({ length: count }, (_, at) => `${prefix}${at}`);
}

describe('the copies of streams', () => {
  // Attack: one client calls again and again and never reads its answers; each is kept for minutes in the store of all.
  test('of one session take no more than a few whole ones, and the youngest are kept', async () => {
    const store = new MemoryStore(systemClock);
    const archive = archiveOf(store);
    const streams = names(50);
    for (const id of streams) {
      const copy = archive.open(SESSION, id, IDS);
      copy.append(1, Buffer.alloc(900));
      copy.end();
      await settled();
    }
    const { bytes, copies } = await held(store, streams);
    expect(bytes).toBeLessThanOrEqual(4 * KIB);
    expect(copies).toBeGreaterThan(0);
    expect(await archive.find('s49')).toMatchObject({ ended: true });
    expect(await archive.find('s0')).toBeUndefined();
    await store.close();
  });

  // Attack: the same with answers that never end, so that none of them is old news.
  test('that run are hollowed: who resumes one is told what is lost', async () => {
    const store = new MemoryStore(systemClock);
    const archive = archiveOf(store);
    const streams = names(20);
    for (const id of streams) archive.open(SESSION, id, IDS).append(1, Buffer.alloc(900));
    await settled();
    const { bytes, copies, hollow } = await held(store, streams);
    expect(bytes).toBeLessThanOrEqual(4 * KIB);
    expect(copies).toBe(20);
    expect(hollow).toBeGreaterThan(15);
    expect(hollow).toBeLessThan(20);
    const taken = await archive.take(SESSION, 's0');
    expect(taken).toMatchObject({ ids: IDS, events: [], ended: false });
    // Whatever its client has got of it is older.
    expect(taken?.last).toBeGreaterThan(1_000_000);
    await store.close();
  });

  // Attack: a thousand sessions, each within its own bounds.
  test('that were hollowed twice count on from beyond both times', async () => {
    const store = new MemoryStore(systemClock);
    const common = { store, ring: freshKeyRing(), clock: systemClock, resumeMs: 300_000 };
    const limits = { events: 200, bytes: KIB };
    const nodes = ['a', 'b', 'c'].map((node) => new StoreArchive({ ...common, node, limits }));
    nodes[0]?.open(SESSION, 'stream', IDS).append(7, Buffer.alloc(2 * KIB));
    await settled();
    const first = await nodes[1]?.take(SESSION, 'stream');
    // On the second node others need the room.
    for (const id of names(20)) nodes[1]?.open(SESSION, id, IDS).append(1, Buffer.alloc(900));
    await settled();
    const second = await nodes[2]?.take(SESSION, 'stream');
    expect([first?.events, second?.events]).toEqual([[], []]);
    expect(second?.last).toBeGreaterThan(first?.last ?? 0);
    await store.close();
  });

  test('of one node are bounded, whoever has them', async () => {
    const store = new MemoryStore(systemClock);
    const archive = archiveOf(store);
    const streams = names(1_000);
    for (const id of streams) archive.open(`uid-of-session-${id}.x`, id, IDS).append(1, Buffer.alloc(900));
    await settled();
    expect((await held(store, streams)).bytes).toBeLessThanOrEqual(64 * KIB);
    await store.close();
  });

  // Attack: copies without any content, which cost the store all the same.
  test('of one session are bounded in number', async () => {
    const store = new MemoryStore(systemClock);
    const archive = archiveOf(store);
    const streams = names(1_000);
    for (const id of streams) archive.open(SESSION, id, IDS).end();
    await settled();
    expect((await held(store, streams)).copies).toBeLessThanOrEqual(100);
    await store.close();
  });

  // Attack: the session is ended and begun anew for each answer, and the answers stay.
  test('go with their session', async () => {
    const store = new MemoryStore(systemClock);
    const archive = archiveOf(store);
    for (const id of names(3)) {
      const copy = archive.open(SESSION, id, IDS);
      copy.append(1, Buffer.from('{}'));
      if (id !== 's2') copy.end();
    }
    archive.open('somebody-elses-uid.x', 'other', IDS);
    await settled();
    archive.forget(SESSION);
    await settled();
    expect(await held(store, names(3))).toMatchObject({ copies: 0 });
    expect(await archive.find('other')).toBeDefined();
    await store.close();
  });

  // Attack: the store is slow or stuck while servers talk; what waits for it would fill this node's memory.
  test('that the store does not take in time wait in bounded memory, and are marked as incomplete', async () => {
    const memory = new MemoryStore(systemClock);
    const gate = Promise.withResolvers<void>();
    let appended = 0;
    const store: Store = new Proxy<Store>(memory, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return async (...words: unknown[]): Promise<unknown> => {
          await gate.promise;
          if (name === 'append') appended += (words[2] as Buffer).length;
          return await value.apply(target, words);
        };
      },
    });
    const limits = { events: 200, bytes: 4 * KIB * KIB };
    const deps = { ring: freshKeyRing(), node: 'n', clock: systemClock, limits, resumeMs: 300_000 };
    const archive = new StoreArchive({ store, ...deps });
    const streams = names(40);
    for (const id of streams) archive.open(`uid-of-session-${id}.x`, id, IDS).append(1, Buffer.alloc(KIB * KIB));
    gate.resolve();
    await settled();
    expect(appended).toBeLessThan(20 * KIB * KIB);
    expect(await archive.take('uid-of-session-s39.x', 's39')).toMatchObject({ ids: IDS, events: [], ended: false });
    await memory.close();
  });

  test('that were read to their end are gone after seconds; the others after minutes', async () => {
    let now = 0;
    const clock = { now: () => now, after: systemClock.after.bind(systemClock) };
    const store = new MemoryStore(clock);
    const limits = { events: 200, bytes: KIB };
    const archive = new StoreArchive({ store, ring: freshKeyRing(), node: 'n', clock, limits, resumeMs: 300_000 });
    for (const id of ['read', 'unread']) {
      const copy = archive.open(SESSION, id, IDS);
      copy.append(1, Buffer.from('{}'));
      copy.end();
      await settled();
      if (id === 'read') copy.read();
    }
    await settled();
    now = 5_000;
    expect(await archive.find('read')).toMatchObject({ ended: true });
    now = 15_000;
    expect([await archive.find('read'), await archive.find('unread')]).toMatchObject([undefined, { ended: true }]);
    now = 301_000;
    expect(await archive.find('unread')).toBeUndefined();
    await store.close();
  });
});
