/** A reload of one node of a fleet, with a session whose stream is there. */
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { createDemoFactory } from '../../packages/breakwater/src/demo/server.ts';
import { startRedis } from '../fixtures/redis.ts';
import { openSession } from '../requirements/support/clients.ts';
import { startGateway } from '../requirements/support/gateway.ts';
import { at } from '../requirements/support/json.ts';
import { post } from '../requirements/support/wire.ts';

test('what another node subscribes to after a reload is watched by the configuration that is at work', async () => {
  await using redis = await startRedis();
  process.env['TEST_RELOAD_SECRET'] = randomBytes(48).toString('base64');
  const factory = createDemoFactory();
  const config = (disabledTools: readonly string[]) => ({
    store: redis.url,
    fleet: { secret: { env: 'TEST_RELOAD_SECRET' }, listen: { port: 0 } },
    upstreams: { demo: { factory, disabledTools: [...disabledTools] } },
  });
  await using one = await startGateway(config([]));
  await using two = await startGateway(config([]));
  const session = await openSession(one.url);
  const before = await session.listen();
  await session.request('resources/subscribe', { uri: 'demo://items/1' });
  await one.breakwater.reload(config(['echo']));
  await before.reader.rest();
  const listening = await session.listen();
  // The stream's node hears of it from the other one, for a session that is older than its configuration.
  const watched = { jsonrpc: '2.0', id: 5, method: 'resources/subscribe', params: { uri: 'demo://counter' } };
  // The server is being replaced; for a moment the other node may still have the former one.
  await expect
    .poll(async () => (await post(two.url, watched, session.headers)).text, { timeout: 15_000, interval: 200 })
    .toContain('"result":{}');
  let isTold = false;
  void (async () => {
    for (;;) {
      const message = await listening.reader.message();
      if (message === undefined) return;
      if (at(message, 'params', 'uri') === 'demo://counter') isTold = true;
    }
  })();
  await expect
    .poll(
      async () => {
        await session.request('tools/call', { name: 'bump', arguments: {} });
        return isTold;
      },
      { timeout: 15_000, interval: 200 },
    )
    .toBe(true);
  // Nothing of the former configuration came back to life.
  expect(one.breakwater.counters().open).toMatchObject({ subscription: 1 });
  listening.close();
  await session.end();
});
