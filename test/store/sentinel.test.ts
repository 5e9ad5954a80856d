import { describe, expect, test } from 'vitest';
import type { Store } from '../../packages/breakwater/src/core/store.ts';
import { startSentinel, until } from '../fixtures/redis.ts';
import { HURRIED, openClosing } from './open.ts';

const LONG_MS = 60_000;

/** A touch is a write, which only a master takes. */
function untilItWrites(store: Store): Promise<void> {
  return until('the store takes writes', () =>
    store.touch('{none}', 1).then(
      () => true,
      () => false,
    ),
  );
}

describe('a master that Sentinels watch', () => {
  test('is followed when it dies and its replica takes over', async () => {
    await using setup = await startSentinel();
    await using store = await openClosing({ url: setup.url });
    const heard: string[] = [];
    let gaps = 0;
    await store.subscribe(
      'c',
      (message) => heard.push(message.toString()),
      () => gaps++,
    );
    await store.write('{s:1}', { a: Buffer.from('1') }, LONG_MS);
    const lease = await store.claim('{h:1}', 'a', LONG_MS);
    const born = await store.born();
    await until('the replica has it', async () => (await setup.replica.command('exists', 'bw:{h:1}')) === '1');

    await setup.master.kill();
    await until('the store knows', () => !store.isUp);
    await expect(store.read('{s:1}')).rejects.toMatchObject({ code: 'store.unavailable' });
    await untilItWrites(store);

    expect(await setup.masterPort()).toBe(setup.replica.port);
    expect((await store.read('{s:1}'))?.get('a')?.toString()).toBe('1');
    expect(await store.renew('{h:1}', lease, LONG_MS)).toBe(true);
    await store.yield('{h:1}', lease);
    expect((await store.claim('{h:1}', 'b', LONG_MS)).epoch).toBeGreaterThan(lease.epoch);
    expect(await store.born()).toBe(born);
    await until('who listens knows of the gap', () => gaps > 0);
    await store.publish('c', Buffer.from('x'));
    await until('it is heard', () => heard.includes('x'));

    // The old one comes back, as a replica, and nobody writes to it.
    await setup.master.start();
    await until('it follows', async () => (await setup.master.command('role')).startsWith('slave'));
    await store.write('{s:2}', { a: Buffer.from('2') }, LONG_MS);
    expect(await setup.replica.command('exists', 'bw:{s:2}')).toBe('1');
  });

  test('is followed when it is changed on purpose, without an error to anybody who may ask again', async () => {
    await using setup = await startSentinel();
    await using store = await openClosing({ url: setup.url, deadlineMs: 10_000 });
    const stop = new AbortController();
    let done = 0;
    const working = (async () => {
      for (; !stop.signal.aborted; done++) {
        await store.claim(`{h:${done}}`, 'a', LONG_MS);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    // Judged at its end; until then it is no unhandled rejection.
    working.catch(() => undefined);
    await until('it works', () => done > 20);
    expect(await setup.sentinels[0]?.command('sentinel', 'failover', 'mymaster')).toBe('OK');
    await until('the Sentinel has changed it', async () => (await setup.masterPort()) === setup.replica.port);
    await until('the old one follows', async () => (await setup.master.command('role')).startsWith('slave'));
    const before = done;
    await until('it goes on', () => done > before + 20);
    stop.abort();
    await working;
    expect((await setup.replica.command('role')).split('\n')[0]).toBe('master');
  });

  test('is found by whichever Sentinel can be asked, and not without one', async () => {
    await using setup = await startSentinel(3);
    const [first, second] = setup.sentinels;
    await first?.kill();
    second?.pause();
    await using store = await openClosing({ url: setup.url, deadlineMs: 500 });
    await store.write('{s:1}', { a: Buffer.from('1') }, LONG_MS);
    second?.resume();
    await expect(openClosing({ url: setup.url.replace('mymaster', 'other') }, HURRIED)).rejects.toMatchObject({
      code: 'store.unavailable',
      cause: { message: expect.stringContaining('knows no master other') },
    });
  });
});
