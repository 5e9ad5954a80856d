import { beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../packages/breakwater/src/clock.ts';
import { questionOf, streamOfQuestion, type WaitingCall } from '../../packages/breakwater/src/core/call-records.ts';
import { GatewayError } from '../../packages/breakwater/src/core/errors.ts';
import { freshKeyRing } from '../../packages/breakwater/src/core/seal.ts';
import type { Store } from '../../packages/breakwater/src/core/store.ts';
import { StoreCallRecords } from '../../packages/breakwater/src/fleet/call-records.ts';
import { makeId } from '../../packages/breakwater/src/jsonrpc/id.ts';
import { writeForward } from '../../packages/breakwater/src/protocol/bridge/questions/forward-record.ts';
import { startForward } from '../../packages/breakwater/src/protocol/bridge/questions/forward-state.ts';
import { profileOf } from '../../packages/breakwater/src/protocol/capabilities.ts';
import { MemoryStore } from '../../packages/breakwater/src/store/memory.ts';

const SESSION = 'uid1.sealed';
const STREAM = 'aaaaaaaaaa.stream';
const KEY = `{f:${STREAM}}`;
const client = { revision: '2025-11-25', profile: profileOf({}) } as const;
const ring = freshKeyRing();

function callOf(changes: Partial<WaitingCall> = {}): WaitingCall {
  const state = startForward({ method: 'tools/call', client, limits: { rounds: 20 }, idPrefix: 'e' });
  return {
    streamId: STREAM,
    requestId: makeId('é'),
    progressToken: '"t"',
    method: 'tools/call',
    name: 'act',
    logLevel: undefined,
    upstream: 'it',
    params: Buffer.from('{"name":"act","arguments":{"n":9007199254740993,"é":"\\u00e9"}}'),
    state: writeForward(state),
    questions: [['1.1', 'aaaaaaaaaa.q']],
    deadline: systemClock.now() + 60_000,
    ...changes,
  };
}

describe('the records of calls that wait for their client', () => {
  let store: MemoryStore;
  const on = (node: string, at: Store = store) => new StoreCallRecords({ store: at, ring, node, clock: systemClock });
  beforeEach(() => {
    store = new MemoryStore(systemClock);
  });

  it('give another node the very call, byte for byte', async () => {
    const call = callOf();
    await on('a').open(SESSION, STREAM).note(call);
    const found = await on('b').find(SESSION, STREAM);
    expect([found?.node, found?.isTaken]).toEqual(['a', false]);
    const adopted = await found?.take();
    expect(adopted?.call).toEqual(call);
    expect(adopted?.call.params?.equals(call.params ?? Buffer.alloc(0))).toBe(true);
  });

  it('give it to exactly one of all that want it, and then not back', async () => {
    const former = on('a').open(SESSION, STREAM);
    await former.note(callOf());
    const found = await Promise.all(['b', 'c', 'd'].map((node) => on(node).find(SESSION, STREAM)));
    const taken = await Promise.all(found.map((each) => each?.take()));
    expect(taken.filter((each) => each !== undefined)).toHaveLength(1);
    // Attack on the fence: the former node only slept, and now has the answer, too.
    expect(await former.claim()).toBe(false);
    expect((await on('e').find(SESSION, STREAM))?.isTaken).toBe(true);
  });

  it('give it to nobody once its own node went on', async () => {
    const record = on('a').open(SESSION, STREAM);
    await record.note(callOf());
    const found = await on('b').find(SESSION, STREAM);
    expect(await record.claim()).toBe(true);
    expect(await found?.take()).toBeUndefined();
    expect(await on('b').find(SESSION, STREAM)).toMatchObject({ node: 'a', isTaken: true });
  });

  it('go on from turn to turn, and from node to node', async () => {
    const record = on('a').open(SESSION, STREAM);
    for (let round = 0; round < 3; round++) {
      await record.note(callOf());
      await record.note(callOf({ name: `round ${round}` }));
      expect(await record.claim()).toBe(true);
    }
    await record.note(callOf({ name: 'last' }));
    const first = await (await on('b').find(SESSION, STREAM))?.take();
    expect(first?.call.name).toBe('last');
    await first?.record.note(callOf({ name: 'on b' }));
    // What the former node still writes is an earlier turn.
    await record.note(callOf({ name: 'late' }));
    record.forget();
    const found = await on('c').find(SESSION, STREAM);
    expect([found?.node, found?.isTaken]).toEqual(['b', false]);
    expect((await found?.take())?.call.name).toBe('on b');
    expect(await first?.record.claim()).toBe(false);
  });

  it('are gone with the call, and with the time of its client', async () => {
    const record = on('a').open(SESSION, STREAM);
    await record.note(callOf());
    expect(await record.claim()).toBe(true);
    record.forget();
    await record.claim();
    expect(await store.read(KEY)).toBeUndefined();
    await on('a')
      .open(SESSION, STREAM)
      .note(callOf({ deadline: systemClock.now() }));
    expect(await on('b').find(SESSION, STREAM)).toBeUndefined();
  });

  it('open for their own session, stream and turn alone', async () => {
    await on('a').open(SESSION, STREAM).note(callOf());
    const sealed = (await store.read(KEY))?.get('s1') ?? Buffer.alloc(0);
    // Attack: another session's client answers.
    expect(await on('b').find('uid2.sealed', STREAM)).toBeUndefined();
    // Attack: who can write to the store puts the record of one call in the place of another, or an old turn in that of a new one.
    await store.write('{f:aaaaaaaaaa.other}', { s1: sealed }, 60_000);
    expect(await on('b').find(SESSION, 'aaaaaaaaaa.other')).toBeUndefined();
    await store.write(KEY, { s2: sealed }, 60_000);
    expect(await on('b').find(SESSION, STREAM)).toBeUndefined();
    // Attack: a record that was altered.
    const altered = Buffer.from(sealed);
    altered.writeUInt8(altered.readUInt8(altered.length - 1) ^ 1, altered.length - 1);
    await store.write(KEY, { s1: altered, s2: null }, 60_000);
    expect(await on('b').find(SESSION, STREAM)).toBeUndefined();
    expect(sealed.includes('act')).toBe(false);
  });

  it('are not kept of a call that is too large, nor is what stood there before', async () => {
    const record = on('a').open(SESSION, STREAM);
    await record.note(callOf());
    // Attack: a client fills the store with calls that wait for it.
    await record.note(callOf({ params: Buffer.alloc(70_000, 'x') }));
    expect(await store.read(KEY)).toBeUndefined();
    expect(await record.claim()).toBe(true);
  });

  it('do not stop a call whose store is away', async () => {
    const away = new Proxy(store, {
      get: (target, name) => {
        if (name === 'isUp') return false;
        return name === 'constructor'
          ? target.constructor
          : () => Promise.reject(new GatewayError('store.unavailable'));
      },
    });
    const record = on('a', away).open(SESSION, STREAM);
    await record.note(callOf());
    expect(await record.claim()).toBe(true);
    record.forget();
    await expect(on('b', away).find(SESSION, STREAM)).rejects.toMatchObject({ code: 'store.unavailable' });
  });
});

describe('the id of a question', () => {
  it('says which call it belongs to, whoever asked', () => {
    const id = new StoreCallRecords({
      store: new MemoryStore(systemClock),
      ring,
      node: 'bbbbbbbbbb',
      clock: systemClock,
    })
      .open(SESSION, STREAM)
      .questionId('12.3');
    expect(id).toBe(`bbbbbbbbbb.${questionOf(STREAM, '12.3')}`);
    expect(streamOfQuestion(id)).toBe(STREAM);
  });

  it('says nothing where it was made up', () => {
    // Attack: ids that would be odd keys, or very long ones.
    const odd = [
      'x',
      'aaaaaaaaaa.x',
      'aaaaaaaaaa.~1.1',
      'aaaaaaaaaa.a b~1.1',
      'aaaaaaaaaa.a~1.1}',
      `aaaaaaaaaa.${'a'.repeat(200)}~1`,
    ];
    for (const id of odd) expect(streamOfQuestion(id)).toBeUndefined();
  });
});
