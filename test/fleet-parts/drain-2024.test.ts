/** The 2024 transport in a fleet: its stream has one node, and messages come to any. */
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { createDemoFactory } from '../../packages/breakwater/src/demo/server.ts';
import { startRedis } from '../fixtures/redis.ts';
import { initializeParams } from '../requirements/support/clients.ts';
import { type RunningGateway, startGateway } from '../requirements/support/gateway.ts';
import { at } from '../requirements/support/json.ts';
import { post, stream } from '../requirements/support/wire.ts';

const TEST_MS = 60_000;

test('while the node of a stream drains, a message by another node is answered on the stream, or refused with the way back', {
  timeout: TEST_MS,
}, async () => {
  await using redis = await startRedis();
  process.env['TEST_2024_SECRET'] = randomBytes(48).toString('base64');
  const start = (): Promise<RunningGateway> =>
    startGateway({
      store: redis.url,
      fleet: { secret: { env: 'TEST_2024_SECRET' }, listen: { port: 0 } },
      upstreams: { demo: { factory: createDemoFactory() } },
    });
  await using owner = await start();
  await using other = await start();
  const events = await stream('GET', `${owner.base}/sse`, { accept: 'text/event-stream' });
  const path = String((await events.reader.nextBlock())?.data);
  const url = new URL(path, other.base).href;
  const say = (id: number, method: string, params: object) => post(url, { jsonrpc: '2.0', id, method, params });
  expect((await say(0, 'initialize', initializeParams('2024-11-05'))).status).toBe(202);
  expect(await events.reader.message()).toMatchObject({ id: 0, result: { protocolVersion: '2024-11-05' } });
  await post(url, { jsonrpc: '2.0', method: 'notifications/initialized' });

  // Keeps the stream, and the node, for a while.
  expect((await say(1, 'tools/call', { name: 'slow', arguments: { steps: 5, delayMs: 300 } })).status).toBe(202);
  const taken: unknown[] = [1];
  const heard = events.reader.rest();
  const draining = owner.close();
  let refusal: Awaited<ReturnType<typeof say>> | undefined;
  for (let id = 2; refusal === undefined; id++) {
    const answer = await say(id, 'tools/call', { name: 'echo', arguments: { text: `${id}` } });
    if (answer.status === 202) taken.push(id);
    else refusal = answer;
  }
  await draining;
  expect(refusal.status, refusal.text).toBe(404);
  expect(at(refusal.json(), 'error', 'data', 'reason')).toBe('session.unknown');
  expect(refusal.text).toContain('Open it again with GET.');
  const answered = (await heard).map((message) => at(message, 'id')).filter((id) => id !== undefined);
  expect(taken.length).toBeGreaterThan(1);
  expect(answered.toSorted()).toEqual(taken.toSorted());
});
