import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { startRedis, until } from '../fixtures/redis.ts';
import { startTcpProxy } from '../fixtures/tcp-proxy.ts';
import { HURRIED, openClosing } from './open.ts';

const LONG_MS = 60_000;
const BOUNDS = { entries: 10_000, bytes: 10_000_000, ttlMs: LONG_MS };
const UNAVAILABLE = { code: 'store.unavailable' };

describe('a network that', () => {
  test('cuts connections costs no read and repeats no append', async () => {
    await using redis = await startRedis();
    await using proxy = await startTcpProxy(redis.port);
    await using store = await openClosing({ url: `redis://127.0.0.1:${proxy.port}` });
    await store.openLog('{e:1}', 'w', Buffer.alloc(0), LONG_MS);
    const accepted: string[] = [];
    const unsure: string[] = [];
    for (let round = 0; round < 20; round++) {
      // A connection that ends within its first second is not replaced at once; this one has to count as a good one.
      const settled = Array.from({ length: 20 }, async (_, at) => {
        const text = `${round}:${at}`;
        try {
          if (await store.append('{e:1}', 'w', Buffer.from(text), BOUNDS)) accepted.push(text);
        } catch (error) {
          expect(error).toMatchObject(UNAVAILABLE);
          unsure.push(text);
        }
      });
      // Half of them on their way, nobody knows how far.
      if (round % 2) await new Promise(setImmediate);
      proxy.cut();
      await Promise.all(settled);
    }
    await until('the store is back', () =>
      store.readLog('{e:1}').then(
        () => true,
        () => false,
      ),
    );
    const entries = (await store.readLog('{e:1}'))?.entries.map(({ data }) => data.toString()) ?? [];
    expect(new Set(entries).size).toBe(entries.length);
    const held = new Set(entries);
    expect(accepted.filter((text) => !held.has(text))).toEqual([]);
    expect(entries.filter((text) => !accepted.includes(text) && !unsure.includes(text))).toEqual([]);
    expect(unsure.length).toBeGreaterThan(0);
  });

  test('cuts a connection that was good is not noticed by who reads', async () => {
    await using redis = await startRedis();
    await using proxy = await startTcpProxy(redis.port);
    await using store = await openClosing({ url: `redis://127.0.0.1:${proxy.port}` });
    await store.write('{s:1}', { a: Buffer.from('1') }, LONG_MS);
    // Good means: it has lasted for a second.
    const since = Date.now();
    await until('it is good', () => Date.now() - since > 1_100);
    proxy.delay(50);
    const reading = Promise.all(Array.from({ length: 20 }, () => store.read('{s:1}')));
    await new Promise(setImmediate);
    proxy.cut();
    for (const fields of await reading) expect(fields?.get('a')?.toString()).toBe('1');
    expect(proxy.accepted).toBeGreaterThan(1);
  });

  // Attack on liveness: a firewall forgets the connection and drops what comes over it. Neither side ever learns that.
  test('swallows everything is given up after the deadline, and left for a new connection', async () => {
    await using redis = await startRedis();
    await using proxy = await startTcpProxy(redis.port);
    await using store = await openClosing({ url: `redis://127.0.0.1:${proxy.port}`, deadlineMs: 300 });
    await using direct = await openClosing({ url: redis.url });
    const heard: string[] = [];
    let gaps = 0;
    await store.subscribe(
      'c',
      (message) => heard.push(message.toString()),
      () => gaps++,
    );
    proxy.blackhole();
    await expect(store.read('{s:1}')).rejects.toMatchObject(UNAVAILABLE);
    await until('the store knows', () => !store.isUp);
    await direct.publish('c', Buffer.from('nobody hears this'));
    const before = proxy.accepted;
    await until('new connections are tried', () => proxy.accepted > before + 3);
    proxy.pass();
    await until('the store is back', () => store.isUp);
    await until('who listens knows of the gap', () => gaps === 1);
    await direct.publish('c', Buffer.from('again'));
    await until('it is heard', () => heard.includes('again'));
    expect(heard).toEqual(['again']);
  });

  test('is slow is used in parallel', async () => {
    await using redis = await startRedis();
    await using proxy = await startTcpProxy(redis.port);
    await using store = await openClosing({ url: `redis://127.0.0.1:${proxy.port}` });
    proxy.delay(200);
    // One after the other these would take 40 s, far beyond the deadline of each.
    const claims = await Promise.all(Array.from({ length: 100 }, (_, at) => store.claim(`{h:${at}}`, 'a', LONG_MS)));
    expect(claims.every(({ holder }) => holder === 'a')).toBe(true);
  });

  test('refuses connections has everything refused until it lets them through', async () => {
    await using redis = await startRedis();
    await using proxy = await startTcpProxy(redis.port);
    await using store = await openClosing({ url: `redis://127.0.0.1:${proxy.port}` });
    proxy.refuse();
    await until('the store knows', () => !store.isUp);
    const asked = await Promise.allSettled(Array.from({ length: 1_000 }, () => store.read('{s:1}')));
    expect(asked.every(({ status }) => status === 'rejected')).toBe(true);
    expect(proxy.accepted).toBeLessThan(100);
    proxy.allow();
    await until('the store is back', () => store.isUp);
    expect(await store.read('{s:1}')).toBeUndefined();
  });
});

// Attack: whatever listens at the configured port is no Redis; it must not be believed, nor keep the gateway from saying so.
test('what is no Redis is not taken for a store', async () => {
  const answers = [
    'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n',
    // Replies that nobody asked for, one without an end, and none at all.
    '+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n',
    '$999999999999\r\n',
    '',
  ];
  await Promise.all(
    answers.map(async (bytes) => {
      const server = createServer((socket) => {
        socket.on('error', () => undefined).on('data', () => socket.write(bytes));
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      try {
        const opening = openClosing({ url: `redis://127.0.0.1:${port}` }, HURRIED);
        await expect(opening).rejects.toMatchObject(UNAVAILABLE);
      } finally {
        server.close();
      }
    }),
  );
});
