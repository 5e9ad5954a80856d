import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../../test/downstream/manual-clock.ts';
import type { Handle, Lease, ServerChange } from './ports.ts';
import { freshKeyRing } from './seal.ts';
import { TaskBook } from './task-book.ts';

const ann = { principal: { key: 'ann', personal: true }, sessionId: 's' };
const bob = { principal: { key: 'bob', personal: true }, sessionId: 's2' };
const DAY_MS = 86_400_000;

function setUp() {
  const clock = new ManualClock();
  const book = new TaskBook({ keys: freshKeyRing(), clock, emit: () => undefined });
  return { clock, book };
}

/** A handle that counts who has borrowed it and tells what it hears. */
function makeHandle(id: string) {
  const state = { leases: 1, watched: 0, change: (_: ServerChange): void => undefined, end: (): void => undefined };
  const handle: Handle = {
    id,
    upstream: 'u',
    revision: '2025-11-25',
    server: { capabilities: {}, info: Buffer.from('{}'), instructions: undefined },
    call: () => ({ cancel: () => undefined, pause: () => undefined, resume: () => undefined }),
    openFeed: async () => true,
    watch: async () => true,
    unwatch: async () => undefined,
    watchTask: async () => ++state.watched > 0,
    unwatchTask: async () => void state.watched--,
    onChange: (listener) => {
      state.change = listener;
      return () => undefined;
    },
    onPage: () => () => undefined,
    onQuestion: () => () => undefined,
    onProgress: () => () => undefined,
    onEnd: (listener) => {
      state.end = () => listener('gone');
      return () => undefined;
    },
    close: async () => undefined,
  };
  const lease = (): Lease => ({
    handle,
    release: () => void state.leases--,
    share: () => {
      state.leases++;
      return lease();
    },
  });
  return { state, lease: lease() };
}

describe('a noted task', () => {
  // Attack: a client makes tasks by calls as large as may be, each with a token of one byte for its progress.
  it('keeps nothing of the call that made it', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const { book } = setUp();
    collect();
    const before = process.memoryUsage().arrayBuffers;
    for (let at = 0; at < 50; at++) {
      const clients = Buffer.alloc(1_000_000, '7').subarray(500, 501);
      book.note({
        asker: ann,
        place: { upstream: 'u', id: `${at}` },
        ttlMs: undefined,
        progress: { servers: '1', clients },
      });
    }
    const grown = (): number => {
      collect();
      return process.memoryUsage().arrayBuffers - before;
    };
    await expect.poll(grown, { timeout: 20_000 }).toBeLessThan(5_000_000);
    expect(book.tasksOf(ann, 'u')).toHaveLength(50);
  });

  it('keeps its handle until its result was fetched', () => {
    const { book } = setUp();
    const { state, lease } = makeHandle('h');
    const place = { upstream: 'u', id: 't' };
    book.note({ asker: ann, place, ttlMs: undefined, lease });
    const borrowed = book.pin(ann, place);
    expect(state.leases).toBe(2);
    borrowed?.release();
    book.see(ann, place, 'completed');
    expect(state.leases).toBe(1);
    book.finish(ann, place);
    expect([state.leases, state.watched]).toEqual([0, 0]);
    expect(book.pin(ann, place)).toBeUndefined();
  });

  it('that is over keeps it for five minutes, one that is not for a day at most', () => {
    const { book, clock } = setUp();
    const [over, endless] = [makeHandle('a'), makeHandle('b')];
    book.note({ asker: ann, place: { upstream: 'u', id: 'over' }, ttlMs: undefined, lease: over.lease });
    book.note({ asker: ann, place: { upstream: 'u', id: 'endless' }, ttlMs: undefined, lease: endless.lease });
    book.see(ann, { upstream: 'u', id: 'over' }, 'failed');
    clock.advance(300_000);
    expect([over.state.leases, endless.state.leases]).toEqual([0, 1]);
    clock.advance(DAY_MS);
    expect(endless.state.leases).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it('lets go of a handle that ended, and of all when the book is closed', () => {
    const { book, clock } = setUp();
    const [gone, open] = [makeHandle('a'), makeHandle('b')];
    book.note({ asker: ann, place: { upstream: 'u', id: 'a' }, ttlMs: 60_000, lease: gone.lease });
    book.note({ asker: bob, place: { upstream: 'u', id: 'b' }, ttlMs: 60_000, lease: open.lease });
    gone.state.end();
    expect([gone.state.leases, open.state.leases]).toEqual([0, 1]);
    book.close();
    expect([open.state.leases, clock.pending]).toEqual([0, 0]);
  });

  it('is told in another form where its client knows it so, and only under its public id', () => {
    const { book } = setUp();
    const { state, lease } = makeHandle('h');
    const place = { upstream: 'u', id: 't' };
    const told: unknown[] = [];
    book.onStatus('s', (change) => told.push(change));
    book.onStatus('s2', () => expect.unreachable('told to somebody else'));
    const name = book.note({ asker: ann, place, ttlMs: undefined, lease, translate: () => undefined });
    state.change({ kind: 'task', taskId: 't', params: undefined });
    expect(told).toEqual([]);
    expect(name).not.toContain('"t"');
    expect(book.find(bob, name)).toBeUndefined();
    expect(book.pin(bob, place)).toBeUndefined();
  });
});

// Attack: with a handle for each request, somebody who makes tasks without end holds every handle of the upstream.
it('the tasks of one owner hold eight handles at most', () => {
  const { book } = setUp();
  const handles = Array.from({ length: 12 }, (_, i) => makeHandle(`h${i}`));
  for (const [i, { lease }] of handles.entries())
    book.note({ asker: ann, place: { upstream: 'u', id: `t${i}` }, ttlMs: undefined, lease });
  expect(handles.map(({ state }) => state.leases)).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]);
  expect(book.leasesOf(ann, 'u').map(({ handle }) => handle.id)).toHaveLength(8);
});

// Attack: somebody who asks for tasks where the server answers at once has the gateway keep every answer.
it('results that are kept here take a bounded room, the oldest going first', () => {
  const { book } = setUp();
  const outcome = { kind: 'result', revision: '2026-07-28', result: Buffer.alloc(16 * 1_048_576) } as const;
  const places = Array.from({ length: 6 }, (_, i) => ({ upstream: 'u', id: `t${i}` }));
  for (const place of places)
    book.note({ asker: ann, place, ttlMs: 60_000, own: { state: Buffer.from('{}'), outcome } });
  expect(places.map((place) => book.noted(ann, place) !== undefined)).toEqual([false, false, true, true, true, true]);
});
