import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../packages/breakwater/src/core/errors.ts';
import type { GatewayEvent } from '../../packages/breakwater/src/core/events.ts';
import type { KeyRing } from '../../packages/breakwater/src/core/seal.ts';
import type { SessionInit } from '../../packages/breakwater/src/core/session.ts';
import type { SessionNews } from '../../packages/breakwater/src/core/session-vault.ts';
import { type SessionLimits, Sessions } from '../../packages/breakwater/src/core/sessions.ts';
import type { FieldChange } from '../../packages/breakwater/src/core/store.ts';
import { FleetSessions } from '../../packages/breakwater/src/fleet/session-vault.ts';
import type { RawId } from '../../packages/breakwater/src/jsonrpc/id.ts';
import { NO_QUESTIONS } from '../../packages/breakwater/src/protocol/capabilities.ts';
import { MemoryStore } from '../../packages/breakwater/src/store/memory.ts';
import { ManualClock } from '../downstream/manual-clock.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const ALICE = { key: 'alice', personal: true };
const INIT: SessionInit = {
  route: '/mcp',
  transport: 'streamable',
  principal: ALICE,
  client: { revision: '2025-06-18', info: Buffer.from('{"name":"x"}'), capabilities: {}, profile: NO_QUESTIONS },
};
const LIMITS: SessionLimits = {
  idleMs: 30 * MINUTE,
  ephemeralIdleMs: 5 * MINUTE,
  handshakeMs: MINUTE / 2,
  maxAgeMs: DAY,
  routes: new Map(),
  clients: new Map(),
  perPrincipal: 3,
  total: 5,
};

/** A store of this process that counts writes, and that a test can put out of reach and look into. */
class WatchedStore extends MemoryStore {
  writes = 0;
  reads = 0;
  published = 0;
  /** Bytes of all messages, and of the largest. */
  publishedBytes = 0;
  largest = 0;
  /** Messages wait for it. */
  hanging: Promise<void> | undefined;
  isAway = false;
  /** It can be reached, and takes nothing. */
  isFull = false;
  /** Runs in place of the next write; what it throws is what becomes of that. */
  onWrite: (() => Promise<void>) | undefined;
  /** Runs before a read is answered, when what was read is on its way. */
  onRead: (() => Promise<void>) | undefined;

  override get isUp(): boolean {
    return !this.isAway;
  }

  override async read(key: string) {
    this.#demand();
    this.reads++;
    const fields = await super.read(key);
    const run = this.onRead;
    this.onRead = undefined;
    await run?.();
    return fields;
  }

  override async write(key: string, change: FieldChange, ttlMs: number): Promise<void> {
    this.#demand();
    if (this.isFull) throw new GatewayError('store.unavailable');
    this.writes++;
    const run = this.onWrite;
    this.onWrite = undefined;
    if (run !== undefined) return await run();
    await super.write(key, change, ttlMs);
  }

  override async publish(channel: string, message: Buffer): Promise<void> {
    this.#demand();
    await this.hanging;
    this.published++;
    this.publishedBytes += message.length;
    this.largest = Math.max(this.largest, message.length);
    await super.publish(channel, message);
  }

  #demand(): void {
    if (this.isAway) throw new GatewayError('store.unavailable');
  }
}

async function setUp(nodes = 2) {
  const clock = new ManualClock();
  // The store is older than any session of the test.
  const store = new WatchedStore(clock);
  clock.advance(1);
  const ring: KeyRing = [randomBytes(32)];
  const all = [];
  for (let i = 0; i < nodes; i++) all.push(await makeNode(clock, store, ring, `node${i}`));
  const [a, b] = all;
  if (a === undefined || b === undefined) throw new TypeError('two nodes');
  return { clock, store, ring, a, b };
}

async function makeNode(clock: ManualClock, store: WatchedStore, ring: KeyRing, node: string) {
  const events: GatewayEvent[] = [];
  const emit = (event: GatewayEvent): void => void events.push(event);
  const random = { id: () => randomBytes(16).toString('base64url') };
  const vault = new FleetSessions({ store, ring, node, clock, random, emit, policy: () => LIMITS });
  const released: string[] = [];
  const releaseHandles = async (id: string): Promise<void> => void released.push(id);
  const sessions = new Sessions({ limits: LIMITS, clock, random, emit, vault, releaseHandles });
  await vault.start();
  const open = async (isStrict = false) => {
    const session = sessions.create({ ...INIT, isStrict });
    await sessions.keep(session);
    return session;
  };
  /** Its client says that the handshake is complete. */
  const confirm = async (id: string) => {
    const session = await find(id);
    if (session === undefined) throw new Error('the session is unknown');
    session.initialized = true;
    session.confirmed = true;
    await sessions.settle(session);
  };
  const find = (id: string, principal = ALICE) =>
    sessions.find({ id, route: '/mcp', transport: 'streamable', principal });
  const closes = () => events.flatMap((event) => (event.type === 'close' ? [event.reason] : []));
  return { vault, sessions, open, confirm, find, events, closes, released };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('a session without a record', () => {
  it('lives while it is too young to have ended by silence', async () => {
    const { clock, store, a, b } = await setUp();
    const { id } = await a.open();
    await store.remove(recordOf(id));
    clock.advance(LIMITS.ephemeralIdleMs - 1);
    expect(await b.find(id)).toBeDefined();
    // It is written down again.
    expect(await store.read(recordOf(id))).toBeDefined();
  });

  it('lives on for as long as it may be silent when its node is lost before it wrote anything', async () => {
    const { clock, store, a, b } = await setUp();
    const { id } = await a.open();
    await a.confirm(id);
    expect(await store.read(recordOf(id))).toBeUndefined();
    // Nothing more is heard of `a`; its client comes back late, to another node.
    clock.advance(499);
    store.isFull = true;
    clock.advance(LIMITS.ephemeralIdleMs - 1_000);
    store.isFull = false;
    const session = await b.find(id);
    expect([session?.initialized, session?.client.info?.toString()]).toEqual([true, '{"name":"x"}']);
  });

  it('has ended with the time for its handshake where that has to be complete', async () => {
    const { clock, store, a, b } = await setUp();
    // Attack: a handshake that is never completed counts as complete on the next node, once the first one is lost and its record with it.
    const { id } = await a.open(true);
    expect(String((await store.read(recordOf(id)))?.get('hand'))).toBe('opening');
    await store.remove(recordOf(id));
    clock.advance(LIMITS.handshakeMs);
    expect(await b.find(id)).toBeUndefined();
  });

  it('has ended when it is older than that and the store is older than it', async () => {
    const { clock, store, a, b } = await setUp();
    const { id } = await a.open();
    await store.remove(recordOf(id));
    // And the grace that a record has.
    clock.advance(LIMITS.ephemeralIdleMs + 2_000);
    expect(await b.find(id)).toBeUndefined();
  });

  it('lives when it is older than the store', async () => {
    const { clock, ring, a } = await setUp();
    const { id } = await a.open();
    clock.advance(10 * MINUTE);
    const emptied = await makeNode(clock, new WatchedStore(clock), ring, 'node9');
    expect(await emptied.find(id)).toBeDefined();
    clock.advance(DAY);
    // Whatever the store knows: its age is in its id.
    const later = await makeNode(clock, new WatchedStore(clock), ring, 'node8');
    expect(await later.find(id)).toBeUndefined();
  });

  it('has ended when it is marked so, however young', async () => {
    const { a, b } = await setUp();
    const { id } = await a.open();
    await a.sessions.end(id, 'client');
    expect(await b.find(id)).toBeUndefined();
  });
});

describe('the sessions of two nodes', () => {
  it('end by silence after the last that any of them heard', async () => {
    const { clock, a, b } = await setUp();
    const { id } = await a.open();
    clock.advance(LIMITS.handshakeMs - 1_000);
    expect(await b.find(id)).toBeDefined();
    clock.advance(4 * MINUTE);
    expect(await a.find(id)).toBeDefined();
    clock.advance(5 * MINUTE + 10_000);
    expect(await b.find(id)).toBeUndefined();
  });

  it('are written at most every few seconds, and read only where they are not', async () => {
    const { clock, store, a } = await setUp();
    const { id } = await a.open();
    await a.find(id);
    clock.advance(1_000);
    const before = store.writes;
    for (let i = 0; i < 100; i++) {
      clock.advance(40);
      await a.find(id);
    }
    clock.advance(1_000);
    expect(store.writes - before).toBeLessThanOrEqual(2);
  });

  it('are not resurrected by a look-up that was under way when they ended', async () => {
    const { store, a, b } = await setUp();
    const { id } = await a.open();
    // Attack: DELETE and a request to another node at the same moment: what was read before must not live on there.
    store.onRead = async () => {
      await a.sessions.end(id, 'client');
      await settled();
    };
    expect(await b.find(id)).toBeUndefined();
    expect(b.sessions.size).toBe(0);
  });

  it('are not found for somebody else who asks at the same moment', async () => {
    const { a, b } = await setUp();
    const { id } = await a.open();
    const mallory = { key: 'mallory', personal: true };
    // Attack: his request is under way first, so that hers would share what he is told.
    const [his, hers, hisAgain] = await Promise.all([b.find(id, mallory), b.find(id), b.find(id, mallory)]);
    expect([his, hers?.id, hisAgain]).toEqual([undefined, id, undefined]);
  });

  it('are refused where there is no room for them', async () => {
    const { a, b } = await setUp();
    const busy = [await b.open(), await b.open(), await b.open()].map((session) => b.sessions.begin(session));
    const { id } = await a.open();
    await expect(b.find(id)).rejects.toMatchObject({ code: 'session.limit' });
    busy[0]?.();
    expect(await b.find(id)).toBeDefined();
  });

  it('release the handles of an ended session on every node that has some', async () => {
    const { clock, a, b } = await setUp();
    const { id } = await a.open();
    await b.find(id);
    b.sessions.record({ type: 'open', resource: 'handle', id: 'h', owner: id, detail: '', session: id });
    clock.advance(20_000);
    // One with a handle of its own stays.
    expect(b.sessions.size).toBe(1);
    await a.find(id);
    await a.sessions.end(id, 'client');
    await settled();
    expect([b.released, b.closes()]).toEqual([[id], ['ended-elsewhere']]);
  });

  it('are let go of once their last handle is closed', async () => {
    const { clock, a } = await setUp();
    const { id } = await a.open();
    a.sessions.record({ type: 'open', resource: 'handle', id: 'h', owner: id, detail: '', session: id });
    clock.advance(10_000);
    expect(a.sessions.size).toBe(1);
    a.sessions.record({ type: 'close', resource: 'handle', id: 'h', reason: 'idle' });
    clock.advance(7_000);
    await settled();
    expect([a.sessions.size, a.closes(), a.released]).toEqual([0, ['unloaded'], []]);
  });
});

describe('a session of the field', () => {
  it('costs the store one write and the other nodes one message, when it is over within a moment', async () => {
    const { clock, store, a } = await setUp();
    const { id } = await a.open();
    await a.confirm(id);
    for (let at = 0; at < 5; at++) await a.find(id);
    expect([store.reads, store.writes, store.published]).toEqual([0, 0, 0]);
    await a.sessions.end(id, 'client');
    clock.advance(60_000);
    await settled();
    expect([store.reads, store.writes, store.published]).toEqual([0, 1, 1]);
  });

  it('is written down soon when it goes on, and what its client does then is told', async () => {
    const { clock, store, a, b } = await setUp();
    const { id } = await a.open();
    await a.confirm(id);
    clock.advance(500);
    await settled();
    expect([store.writes, store.published]).toEqual([1, 0]);
    const there = await b.find(id);
    const here = await a.find(id);
    if (here === undefined) throw new Error('the session is unknown');
    here.logLevel = 'error';
    await a.sessions.settle(here);
    await settled();
    expect([there?.confirmed, there?.logLevel]).toEqual([true, 'error']);
  });

  it('shares its message with all that ends at the same time', async () => {
    const { store, a, b } = await setUp();
    a.sessions.limits = { ...LIMITS, perPrincipal: 1_000, total: 1_000 };
    b.sessions.limits = a.sessions.limits;
    const ids: string[] = [];
    for (let at = 0; at < 200; at++) ids.push((await a.open()).id);
    for (const id of ids) expect(await b.find(id)).toBeDefined();
    await Promise.all(ids.map((id) => a.sessions.end(id, 'client')));
    await settled();
    expect(store.published).toBeLessThanOrEqual(2);
    expect(b.closes()).toEqual(ids.map(() => 'ended-elsewhere'));
  });

  it('is not begun while the store takes nothing: nobody could go on with it', async () => {
    const { clock, store, a } = await setUp();
    store.isFull = true;
    const { id } = await a.open();
    await a.confirm(id);
    clock.advance(500);
    await settled();
    await expect(a.open()).rejects.toMatchObject({ code: 'store.unavailable' });
    store.isFull = false;
    clock.advance(500);
    await settled();
    expect(await store.read(recordOf(id))).toBeDefined();
    await a.open();
  });
});

describe('while the store is away', () => {
  it('a session that is here goes on, and what is said of it is told later', async () => {
    const { clock, store, a, b } = await setUp();
    const session = await a.open();
    await b.find(session.id);
    store.isAway = true;
    expect(await a.find(session.id)).toBe(session);
    session.logLevel = 'error';
    await a.sessions.settle(session);
    await expect(b.sessions.keep(b.sessions.create(INIT))).rejects.toMatchObject({ code: 'store.unavailable' });
    store.isAway = false;
    clock.advance(2_000);
    await settled();
    expect((await b.find(session.id))?.logLevel).toBe('error');
  });

  // Attack: the store hangs over one write and takes the next. Tried again afterwards, the former would count.
  it.each([
    ['what was written behind', true],
    ['what was written at once', false],
  ])('%s and failed is not written over what came after it', async (_what, isBehind) => {
    const { clock, store, a } = await setUp();
    const session = await a.open();
    const hanging = Promise.withResolvers<void>();
    store.isAway = isBehind;
    if (!isBehind) store.onWrite = () => hanging.promise;
    const watched = a.vault.watch(session, 'file:///one', true);
    if (isBehind) {
      await settled();
      store.isAway = false;
      store.onWrite = () => hanging.promise;
      clock.advance(500);
      await settled();
    }
    const unwatched = a.vault.watch(session, 'file:///one', false);
    await settled();
    hanging.reject(new GatewayError('store.unavailable'));
    await Promise.all([watched, unwatched]);
    for (let at = 0; at < 4; at++) {
      clock.advance(500);
      await settled();
    }
    expect(await a.vault.urisOf(session)).toEqual([]);
  });

  it('an end that is noted after the vault was closed is not told for ever', async () => {
    const { clock, store, a } = await setUp();
    const session = await a.open();
    store.isAway = true;
    await a.vault.close();
    const before = clock.pending;
    await a.vault.end(session);
    expect(clock.pending).toBe(before);
  });

  it('an end is remembered until it can be told', async () => {
    const { clock, store, a, b } = await setUp();
    const { id } = await a.open();
    await b.find(id);
    store.isAway = true;
    await a.sessions.end(id, 'client');
    expect(await b.find(id)).toBeDefined();
    store.isAway = false;
    clock.advance(2_000);
    await settled();
    expect(await b.find(id)).toBeUndefined();
    expect(await a.find(id)).toBeUndefined();
  });
});

describe('a session that was ended', () => {
  // Attack: it was opened on one node, which let go of it and is about to write that down, when it is ended on another. What is written late gives the mark
  // of its end the short life of a record of which only `initialize` was heard, and then the session is young and without a record: it lives again.
  it('stays ended when the node that opened it writes late', async () => {
    const { clock, a, b, store, ring } = await setUp();
    const { id } = await a.open();
    // `a` lets go of what is idle after 5 s, and writes behind.
    for (let i = 0; i < 60; i++) {
      clock.advance(100);
      await settled();
      if (a.closes().includes('unloaded')) break;
    }
    expect(a.closes()).toEqual(['unloaded']);
    await b.find(id);
    await b.sessions.end(id, 'client');
    await settled();
    const c = await makeNode(clock, store, ring, 'c');
    for (let i = 0; i < 60; i++) {
      clock.advance(1_000);
      await settled();
      expect(await c.find(id)).toBeUndefined();
    }
  });
});

describe('what nodes say to each other', () => {
  it('is heard of nobody else', async () => {
    const { store, a, b } = await setUp();
    const { id } = await a.open();
    await b.find(id);
    // Attack: whoever can write to the store ends everybody's sessions, with plain messages or ones sealed with a key of their own.
    const forged = JSON.stringify(['node7', id, { type: 'ended' }]);
    await store.publish('sessions', Buffer.from(forged));
    const stranger = await makeNode(new ManualClock(), store, [randomBytes(32)], 'node7');
    await stranger.vault.start();
    stranger.vault.cancel(stranger.sessions.create(INIT), '1' as never);
    await settled();
    expect(b.closes()).toEqual([]);
  });

  // Attack: servers that report of their tasks at length, all at once: in one message that would be more than a store sends anybody at a time.
  it('is said in messages that a store can carry', async () => {
    const { store, a, b } = await setUp();
    const { id } = await a.open();
    await b.find(id);
    const params = JSON.stringify({ message: 'x'.repeat(60_000) });
    for (let at = 0; at < 100; at++) a.vault.pass(id, { type: 'task', taskId: 't', params, isProgress: true });
    await expect.poll(() => store.published).toBeGreaterThan(10);
    expect(store.largest).toBeLessThan(1_000_000);
  });

  // Attack: the store hangs over its messages, and its connection stays, while servers report of their tasks at length: what waits piles up in the node.
  it('is kept within bounds while the store hangs', async () => {
    const { clock, store, a, b } = await setUp();
    const [ended, streaming] = [await a.open(), await a.open()];
    await b.find(ended.id);
    const there = await b.find(streaming.id);
    if (there === undefined) throw new Error('the session is unknown');
    const heard: SessionNews[] = [];
    there.keeper = { isBusy: true, hear: (news) => heard.push(news) };
    const hanging = Promise.withResolvers<void>();
    store.hanging = hanging.promise;
    a.vault.cancel(streaming, '"first"' as RawId);
    await settled();
    const params = JSON.stringify({ message: 'x'.repeat(60_000) });
    for (let at = 0; at < 500; at++)
      a.vault.pass(streaming.id, { type: 'task', taskId: 't', params, isProgress: true });
    for (let at = 0; at < 500; at++) a.vault.cancel(streaming, String(at) as RawId);
    // Nobody waits for what finds no room.
    await a.vault.takeStream(streaming, clock.now());
    await a.sessions.end(ended.id, 'client');
    expect(b.closes()).toEqual([]);
    store.hanging = undefined;
    hanging.resolve();
    await expect
      .poll(() => {
        // What found no room is told a second later, or that there was something.
        clock.advance(1_000);
        return [b.closes(), heard.filter(({ type }) => type === 'stream').length];
      })
      .toEqual([['ended-elsewhere'], 1]);
    expect(store.publishedBytes).toBeLessThan(12 * 1_048_576);
  });

  it('names no URI in the store', async () => {
    const { clock, store, a, b } = await setUp();
    const session = await a.open();
    await a.vault.watch(session, 'file:///secret', true);
    a.vault.miss(session, { kind: 'updated', uri: 'file:///secret' });
    a.vault.miss(session, { kind: 'prompts' });
    clock.advance(1_000);
    const fields = await store.read(recordOf(session.id));
    expect([...(fields ?? [])].map(([name, value]) => name + value.toString('latin1')).join()).not.toContain('secret');
    const there = await b.find(session.id);
    if (there === undefined) throw new Error('the session is unknown');
    const inherited = await b.vault.takeStream(there, clock.now());
    expect(inherited).toEqual({
      moved: false,
      uris: ['file:///secret'],
      missed: expect.arrayContaining([{ kind: 'updated', uri: 'file:///secret' }, { kind: 'prompts' }]),
    });
    // Told once.
    expect(await a.vault.takeStream(session, clock.now())).toMatchObject({ moved: true, missed: [] });
    await a.vault.watch(session, 'file:///secret', false);
    expect(await b.vault.urisOf(there)).toEqual([]);
  });
});

function recordOf(id: string): string {
  return `{s:${id.slice(0, id.indexOf('.'))}}`;
}
