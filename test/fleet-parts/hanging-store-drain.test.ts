/** A node that leaves its fleet while the store takes everything and answers nothing. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { scratch } from '../audit/support.ts';
import { REPOSITORY } from '../e2e/support/programs.ts';
import { startRedis } from '../fixtures/redis.ts';
import { startTcpProxy } from '../fixtures/tcp-proxy.ts';
import { openSession } from '../requirements/support/clients.ts';
import { startGateway, stillOpen } from '../requirements/support/gateway.ts';
import type { WireStream } from '../requirements/support/wire.ts';

const TOOLS = join(REPOSITORY, 'test/fleet-parts/tools-server.ts');
const TEST_MS = 60_000;
/** So that what was written a moment ago is on its way when the store stops. */
const WRITES_MS = 400;

// Attack: a store behind a firewall that forgot its connections. Each step of leaving asks it for something; none of them may wait for ever.
test.each([
  ['before', 0],
  ['while', 500],
])('ends when the store stops answering %s it leaves, and holds nothing', { timeout: TEST_MS }, async (_, laterMs) => {
  process.env['TEST_HANGING_SECRET'] = randomBytes(48).toString('base64');
  await using files = await scratch();
  await using redis = await startRedis();
  await using path = await startTcpProxy(redis.port);
  await using node = await startGateway({
    store: `redis://127.0.0.1:${path.port}`,
    fleet: { secret: { env: 'TEST_HANGING_SECRET' }, listen: { host: '127.0.0.1', port: 0 } },
    upstreams: { one: { command: process.execPath, args: [TOOLS], env: { EFFECTS: join(files.folder, 'effects') } } },
    routes: [{ path: '/mcp' }],
    timeouts: { drain: '3s' },
  });
  const streams: WireStream[] = [];
  for (let at = 0; at < 20; at++) {
    const session = await openSession(node.url);
    const listed = await session.request('tools/list');
    expect(listed.status, listed.text).toBe(200);
    streams.push(await session.listen());
  }
  await sleep(WRITES_MS);
  const stopping = sleep(laterMs).then(() => path.blackhole());
  if (laterMs === 0) await stopping;
  await node.breakwater.close();
  expect(stillOpen(node)).toEqual([]);
  for (const stream of streams) stream.close();
});
