/** Sessions live longer than configurations: fifty reloads leave nothing of the former ones behind. */
import { queryObjects } from 'node:v8';
import { expect, test } from 'vitest';
import { Gateway } from '../../packages/breakwater/src/core/gateway.ts';
import { ServerViews } from '../../packages/breakwater/src/core/server-view.ts';
import { createDemoFactory } from '../../packages/breakwater/src/demo/server.ts';
import { HandlePool } from '../../packages/breakwater/src/upstream/pool.ts';
import { openSession } from '../requirements/support/clients.ts';
import { type RunningGateway, startGateway } from '../requirements/support/gateway.ts';
import { PATIENT } from './support/ask.ts';

const RELOADS = 50;
/** The one at work, the one before it, whose last work may not be done, and what a request in between may hold. */
const FEW = 3;

const factory = createDemoFactory();
const config = (turn: number) => ({
  upstreams: { demo: { factory, disabledTools: turn % 2 === 0 ? [] : ['echo'] } },
});

function start(): Promise<RunningGateway> {
  // Kept events would keep what they name.
  return startGateway(config(0), { onEvent: () => undefined });
}

/** How many configurations are in memory. What is counted is collected first. */
function alive(): number {
  return Math.max(...[Gateway, ServerViews, HandlePool].map((kind) => Number(queryObjects(kind))));
}

test('with one session that listens, watches and calls through all of them', { timeout: 120_000 }, async () => {
  await using gateway = await start();
  const session = await openSession(gateway.url);
  const resources = process.getActiveResourcesInfo().length;
  for (let turn = 1; turn <= RELOADS; turn++) {
    const listening = await session.listen();
    await session.request('resources/subscribe', { uri: `demo://items/${turn % 3}` });
    expect((await session.request('tools/call', { name: 'add', arguments: { a: 1, b: 2 } })).status).toBe(200);
    await gateway.breakwater.reload(config(turn));
    await listening.reader.rest();
  }
  expect((await session.request('tools/list')).status).toBe(200);
  await expect.poll(alive, PATIENT).toBeLessThanOrEqual(FEW);
  expect(gateway.breakwater.counters().open).toMatchObject({ session: 1, stream: 0, subscription: 1 });
  await expect.poll(() => process.getActiveResourcesInfo().length, PATIENT).toBeLessThanOrEqual(resources + 5);
  await session.end();
});

test('with a session of each of them, once each has asked for something since', { timeout: 120_000 }, async () => {
  await using gateway = await start();
  const sessions: Awaited<ReturnType<typeof openSession>>[] = [];
  for (let turn = 1; turn <= RELOADS; turn++) {
    const session = await openSession(gateway.url);
    sessions.push(session);
    const listening = await session.listen();
    await session.request('tools/call', { name: 'add', arguments: { a: 1, b: 2 } });
    await gateway.breakwater.reload(config(turn));
    await listening.reader.rest();
  }
  for (const session of sessions) {
    const listening = await session.listen();
    listening.close();
  }
  await expect.poll(alive, PATIENT).toBeLessThanOrEqual(FEW);
  for (const session of sessions) await session.end();
});
