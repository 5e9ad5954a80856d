import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { Store } from '../../packages/breakwater/src/core/store.ts';
import type { StoreState } from '../../packages/breakwater/src/store/redis-topology.ts';
import { startRedis, until } from '../fixtures/redis.ts';
import { DEPS, openClosing } from './open.ts';

const LONG_MS = 60_000;
const BOUNDS = { entries: 1_000, bytes: 1_000_000, ttlMs: LONG_MS };
const UNAVAILABLE = { code: 'store.unavailable' };

/** True once the store does again what it is asked. */
async function works(store: Store): Promise<boolean> {
  try {
    await store.read('any');
    return true;
  } catch {
    return false;
  }
}

describe('a Redis that restarts', () => {
  test('with its data goes on where it was', async () => {
    await using redis = await startRedis({ keepsData: true });
    const states: StoreState[] = [];
    await using store = await openClosing({ url: redis.url }, { onState: (state) => states.push(state) });
    await store.write('{s:1}', { a: Buffer.from('1') }, LONG_MS);
    await store.openLog('{e:1}', 'w', Buffer.from('n'), LONG_MS);
    const lease = await store.claim('{h:1}', 'a', LONG_MS);
    const born = await store.born();

    await redis.stop();
    await until('the store knows', () => !store.isUp);
    await expect(store.read('{s:1}')).rejects.toMatchObject(UNAVAILABLE);
    await redis.start();
    await until('the store is back', () => works(store));

    expect(store.isUp).toBe(true);
    expect((await store.read('{s:1}'))?.get('a')?.toString()).toBe('1');
    expect(await store.append('{e:1}', 'w', Buffer.from('x'), BOUNDS)).toBe(true);
    expect(await store.renew('{h:1}', lease, LONG_MS)).toBe(true);
    expect(await store.born()).toBe(born);
    expect(states.map(({ isUp }) => isUp)).toEqual([true, false, true]);
  });

  test('without its data is born again, gives no epoch twice and lets no old writer in', async () => {
    await using redis = await startRedis();
    await using store = await openClosing({ url: redis.url });
    const lease = await store.claim('{h:1}', 'a', LONG_MS);
    await store.openLog('{e:1}', 'w', Buffer.from('n'), LONG_MS);
    const born = await store.born();

    await redis.kill();
    await redis.start();
    await until('the store is back', () => works(store));

    expect(await store.born()).toBeGreaterThan(born);
    expect(await store.renew('{h:1}', lease, LONG_MS)).toBe(false);
    expect((await store.claim('{h:1}', 'b', LONG_MS)).epoch).toBeGreaterThan(lease.epoch);
    expect(await store.append('{e:1}', 'w', Buffer.from('x'), BOUNDS)).toBe(false);
  });

  test('hears those again who listen, and they learn that they may have missed something', async () => {
    await using redis = await startRedis();
    await using store = await openClosing({ url: redis.url });
    const heard: string[] = [];
    let gaps = 0;
    await store.subscribe(
      'c',
      (message) => heard.push(message.toString()),
      () => gaps++,
    );
    await store.subscribe(
      'd',
      (message) => heard.push(message.toString()),
      () => gaps++,
    );
    const leave = await store.subscribe(
      'e',
      () => heard.push('who left'),
      () => gaps++,
    );
    await leave();
    expect(gaps).toBe(0);

    await redis.stop();
    await until('the store knows', () => !store.isUp);
    await redis.start();
    await until('both know of the gap', () => gaps === 2);
    await until('the store is back', () => works(store));
    for (const channel of ['c', 'd', 'e']) await store.publish(channel, Buffer.from(channel));
    await until('both hear', () => heard.length === 2);
    expect(heard).toEqual(['c', 'd']);
  });
});

test('a Redis that is emptied is born again, also when its scripts are gone', async () => {
  await using redis = await startRedis();
  await using store = await openClosing({ url: redis.url });
  const born = await store.born();
  const { epoch } = await store.claim('{h:1}', 'a', LONG_MS);
  expect(await redis.command('flushall')).toBe('OK');
  expect(await redis.command('script', 'flush')).toBe('OK');
  const claims = await Promise.all(Array.from({ length: 20 }, (_, at) => store.claim('{h:1}', `n${at}`, LONG_MS)));
  expect(new Set(claims.map(({ holder }) => holder)).size).toBe(1);
  expect(claims[0]?.epoch).toBeGreaterThan(epoch);
  expect(await store.born()).toBeGreaterThan(born);
});

// Attack on liveness: the host stops in its tracks and keeps its connections; nothing closes, nothing answers, and requests pile up behind it.
test('a Redis that is stopped in its tracks is given up after the deadline, refused at once from then on, and used again when it goes on', async () => {
  await using redis = await startRedis();
  await using store = await openClosing({ url: redis.url, deadlineMs: 300 });
  await store.write('{s:1}', { a: Buffer.from('1') }, LONG_MS);
  redis.pause();
  const asked = await Promise.allSettled(Array.from({ length: 50 }, () => store.read('{s:1}')));
  for (const { status } of asked) expect(status).toBe('rejected');
  await until('the store knows', () => !store.isUp);
  await expect(store.claim('{h:1}', 'a', LONG_MS)).rejects.toMatchObject(UNAVAILABLE);
  redis.resume();
  await until('the store is back', () => works(store));
  expect((await store.read('{s:1}'))?.get('a')?.toString()).toBe('1');
});

test('a Redis that nobody asks anything is noticed all the same when it stops', async () => {
  await using redis = await startRedis();
  await using store = await openClosing({ url: redis.url, deadlineMs: 300 });
  redis.pause();
  await until('the store knows', () => !store.isUp);
  redis.resume();
  await until('the store is back', () => store.isUp);
});

test('a Redis that has become a replica takes nothing, and is used again when it is none', async () => {
  await using redis = await startRedis();
  await using other = await startRedis();
  await using store = await openClosing({ url: redis.url, deadlineMs: 300 });
  await redis.command('replicaof', '127.0.0.1', String(other.port));
  await expect(store.write('{s:1}', { a: Buffer.from('1') }, LONG_MS)).rejects.toMatchObject(UNAVAILABLE);
  await redis.command('replicaof', 'no', 'one');
  await until('it takes writes', () =>
    store.create(`{s:${Date.now()}}`, { a: Buffer.from('1') }, LONG_MS).catch(() => false),
  );
});

// Attack: whoever can make sessions fills the store. It must refuse, not forget others' sessions.
test('a Redis that is full refuses writes, says so, and goes on reading', async () => {
  await using redis = await startRedis({ args: ['--maxmemory', '4mb', '--maxmemory-policy', 'noeviction'] });
  await using store = await openClosing({ url: redis.url });
  await store.write('{s:1}', { a: Buffer.from('1') }, LONG_MS);
  const filling = Array.from({ length: 8 }, (_, at) => store.write(`{f:${at}}`, { a: Buffer.alloc(1 << 20) }, LONG_MS));
  const full = (await Promise.allSettled(filling)).filter(({ status }) => status === 'rejected');
  expect(full.length).toBeGreaterThan(0);
  expect(full[0]).toMatchObject({ reason: { ...UNAVAILABLE, cause: { reply: 'OOM' } } });
  expect((await store.read('{s:1}'))?.get('a')?.toString()).toBe('1');
  expect(store.isUp).toBe(true);
});

describe('credentials', () => {
  test('let a user in who may do nothing but what a store does, in a database of its own', async () => {
    await using redis = await startRedis();
    const may =
      '+hello +ping +select +hgetall +hmget +hset +hdel +del +exists +pexpire +evalsha +eval +time +get +set +rpush +lpop +lrange +hincrby +publish +subscribe +unsubscribe';
    await redis.command('acl', 'setuser', 'gate', 'on', '>p@ss:w/ord', '~bw:*', '&bw:*', ...may.split(' '));
    const url = `redis://gate:p%40ss%3Aw%2Ford@127.0.0.1:${redis.port}/3`;
    await using store = await openClosing({ url });
    await store.write('{s:1}', { a: Buffer.from('1'), b: null }, LONG_MS);
    await store.create('{s:2}', { a: Buffer.from('1') }, LONG_MS);
    await store.touch('{s:1}', LONG_MS);
    await store.remove('{s:2}');
    const lease = await store.claim('{h:1}', 'a', LONG_MS);
    await store.renew('{h:1}', lease, LONG_MS);
    await store.holder('{h:1}');
    await store.yield('{h:1}', lease);
    await store.openLog('{e:1}', 'w', Buffer.from('n'), LONG_MS);
    expect(await store.append('{e:1}', 'w', Buffer.from('x'), { ...BOUNDS, entries: 0 })).toBe(true);
    await store.endLog('{e:1}', 'w', LONG_MS);
    await store.takeLog('{e:1}', 'v', LONG_MS);
    await store.readLog('{e:1}');
    await store.born();
    await store.time();
    const leave = await store.subscribe('c', () => undefined);
    await store.publish('c', Buffer.from('x'));
    await leave();
    expect(await redis.command('-n', '3', 'exists', 'bw:{s:1}')).toBe('1');
    expect(await redis.command('-n', '0', 'dbsize')).toBe('0');
  });

  // Attack: the password of the store ends in a log with the error that says it is wrong.
  test('that are wrong are refused at once, by an error that does not repeat them', async () => {
    await using redis = await startRedis({ args: ['--requirepass', 'right'], password: 'right' });
    const error: unknown = await openClosing({ url: `redis://user:hunter2@127.0.0.1:${redis.port}` }).catch((e) => e);
    expect(error).toMatchObject(UNAVAILABLE);
    const text = inspect(error, { depth: 20 });
    expect(text).toMatch(/WRONGPASS/);
    expect(text).not.toMatch(/hunter2/);
    await using store = await openClosing({ url: `redis://:right@127.0.0.1:${redis.port}` });
    expect(store.isUp).toBe(true);
  });
});

test('a URL that is wrong is misuse, and nothing is opened', async () => {
  await expect(openClosing({ url: 'redis//h' })).rejects.toThrow(TypeError);
  await expect(openClosing({ url: 'redis://h', prefix: '{a}' })).rejects.toThrow(TypeError);
});

test('a store that is not there in the beginning is waited for', async () => {
  await using redis = await startRedis();
  await redis.stop();
  const opening = openClosing({ url: redis.url }, DEPS);
  // Rejected while we still start it would be an unhandled rejection.
  opening.catch(() => undefined);
  await redis.start();
  await using store = await opening;
  expect(store.isUp).toBe(true);
});
