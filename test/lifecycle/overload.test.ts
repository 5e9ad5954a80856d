import { expect, test } from 'vitest';
import { createDemoFactory } from '../../packages/breakwater/src/demo/server.ts';
import { callModern, initializeParams, openSession } from '../requirements/support/clients.ts';
import { startGateway } from '../requirements/support/gateway.ts';
import { at } from '../requirements/support/json.ts';
import { post, send } from '../requirements/support/wire.ts';

test('an overloaded gateway says so early, and says that it lives', async () => {
  const upstreams = { demo: { factory: createDemoFactory() } };
  await using gateway = await startGateway({ upstreams });
  const session = await openSession(gateway.url);
  // Every process is larger than this.
  await gateway.breakwater.reload({ upstreams, limits: { rssBytes: '1MiB' } });
  const initialize = { jsonrpc: '2.0', id: 1, method: 'initialize', params: initializeParams() };
  await expect.poll(async () => (await post(gateway.url, initialize)).status, { timeout: 10_000 }).toBe(503);
  const refused = await post(gateway.url, initialize);
  expect(refused.headers).toMatchObject({
    'retry-after': '1',
    'content-type': 'application/json',
    connection: 'close',
  });
  expect(at(refused.json(), 'error', 'data', 'reason')).toBe('gateway.overloaded');
  expect(at(refused.json(), 'error', 'data', 'retryable')).toBe(true);
  expect((await callModern(gateway.url, 'tools/list')).status).toBe(503);
  for (const path of ['/livez', '/readyz', '/healthz']) {
    expect((await send('GET', `${gateway.base}${path}`, {})).status).toBe(200);
  }
  // Who ends something helps.
  expect((await session.end()).status).toBe(200);
  await gateway.breakwater.reload({ upstreams });
  await expect.poll(async () => (await post(gateway.url, initialize)).status, { timeout: 10_000 }).toBe(200);
});
