import { describe, expect, test } from 'vitest';
import type { Store } from '../../packages/breakwater/src/core/store.ts';
import { slotOf } from '../../packages/breakwater/src/store/redis-slot.ts';
import { startCluster, until } from '../fixtures/redis.ts';
import { HURRIED, openClosing } from './open.ts';

const LONG_MS = 60_000;
const UNAVAILABLE = { code: 'store.unavailable' };

/** Keys of which each master has some; the slots are shared evenly, in order. */
const KEYS = Array.from({ length: 60 }, (_, at) => `{s:${at}}`);

function masterOf(key: string): number {
  return Math.floor((slotOf(`bw:${key}`) * 3) / 16_384);
}

async function writeAll(store: Store, value: string): Promise<void> {
  await Promise.all(KEYS.map((key) => store.write(key, { a: Buffer.from(value) }, LONG_MS)));
}

async function readAll(store: Store): Promise<(string | undefined)[]> {
  return Promise.all(KEYS.map(async (key) => (await store.read(key))?.get('a')?.toString()));
}

describe('a cluster', () => {
  test('puts keys into the slots that its servers say', async () => {
    await using cluster = await startCluster();
    for (const key of ['bw:{s:1}', 'bw:{h:x}#epoch', 'plain', 'a{}b', 'ü{ü}', '{', 'a}{b}', '{{x}}']) {
      expect(await cluster.nodes[0]?.command('cluster', 'keyslot', key), key).toBe(String(slotOf(key)));
    }
  });

  test('that loses a master refuses what was there, at once, and does the rest', async () => {
    await using cluster = await startCluster();
    await using store = await openClosing({ url: cluster.url });
    const heard: string[] = [];
    await store.subscribe('c', (message) => heard.push(message.toString()));
    await writeAll(store, '1');
    const born = await store.born();
    expect(new Set(KEYS.map(masterOf)).size).toBe(3);

    await cluster.nodes[1]?.kill();
    await until('its slots are refused', async () => {
      const asked = await Promise.allSettled(KEYS.map((key) => store.read(key)));
      return asked.every(({ status }, at) => status === (masterOf(KEYS[at] ?? '') === 1 ? 'rejected' : 'fulfilled'));
    });
    expect(store.isUp).toBe(true);
    const lost = KEYS.find((key) => masterOf(key) === 1) ?? '';
    await expect(store.write(lost, { a: Buffer.from('2') }, LONG_MS)).rejects.toMatchObject(UNAVAILABLE);
    expect(await store.born()).toBe(born);
    await until('messages arrive', async () => {
      await store.publish('c', Buffer.from('x')).catch(() => undefined);
      return heard.length > 0;
    });

    // It comes back without its data, and that must show: what is missing there proves nothing.
    await cluster.nodes[1]?.start();
    await until('its slots are served', () =>
      store.read(lost).then(
        () => true,
        () => false,
      ),
    );
    expect(await store.read(lost)).toBeUndefined();
    expect(await store.born()).toBeGreaterThan(born);
  });

  test('that moves slots is followed, also in the middle of it', async () => {
    await using cluster = await startCluster();
    await using store = await openClosing({ url: cluster.url, deadlineMs: 10_000 });
    await writeAll(store, '1');
    const key = KEYS.find((candidate) => masterOf(candidate) === 0) ?? '';
    const slot = String(slotOf(`bw:${key}`));
    const [from, to] = [cluster.nodes[0], cluster.nodes[2]];
    const [fromId = '', toId = ''] = await Promise.all([from, to].map((node) => node?.command('cluster', 'myid')));
    await to?.command('cluster', 'setslot', slot, 'importing', fromId);
    await from?.command('cluster', 'setslot', slot, 'migrating', toId);

    // What is not there any more is at the new place: ASK.
    await from?.command('migrate', '127.0.0.1', String(to?.port), `bw:${key}`, '0', '2000');
    expect((await store.read(key))?.get('a')?.toString()).toBe('1');
    await store.write(key, { a: Buffer.from('2') }, LONG_MS);
    expect(await to?.command('cluster', 'countkeysinslot', slot)).toBe('1');

    // What takes two keys waits for the end of the move: TRYAGAIN. Then everything is at the new place: MOVED.
    const lease = `${key}:lease`;
    const claiming = store.claim(lease, 'a', LONG_MS);
    for (const node of [to, from, cluster.nodes[1]]) await node?.command('cluster', 'setslot', slot, 'node', toId);
    expect((await claiming).holder).toBe('a');
    expect((await store.holder(lease))?.holder).toBe('a');
    expect(await to?.command('exists', `bw:${lease}`)).toBe('1');
    await store.write(key, { a: Buffer.from('3') }, LONG_MS);
    expect((await store.read(key))?.get('a')?.toString()).toBe('3');
  });

  test('is found by any of its nodes, and by none of a wrong address', async () => {
    await using cluster = await startCluster();
    const last = `127.0.0.1:${cluster.nodes[2]?.port}`;
    await using store = await openClosing({ url: `redis+cluster://127.0.0.1:1,${last}` });
    await writeAll(store, '1');
    expect(await readAll(store)).toEqual(KEYS.map(() => '1'));
    await expect(openClosing({ url: 'redis+cluster://127.0.0.1:1' }, HURRIED)).rejects.toMatchObject(UNAVAILABLE);
  });
});
