import { expect, test } from 'vitest';
import { systemClock } from '../../packages/breakwater/src/clock.ts';
import type { Store } from '../../packages/breakwater/src/core/store.ts';
import { openStore } from '../../packages/breakwater/src/store/open-store.ts';
import { call, initializeMessage, open, openSession, post, request, send } from '../downstream/client.ts';
import { EventReader } from '../downstream/event-reader.ts';
import { type RedisServer, startRedis } from '../fixtures/redis.ts';
import { startTcpProxy } from '../fixtures/tcp-proxy.ts';
import { RealTime, TestFleet, until } from './nodes.ts';

const SSE = { accept: 'text/event-stream' };

function connect(url: string): Promise<Store> {
  return openStore({ url, deadlineMs: 1_000 }, { clock: systemClock, jitter: Math.random });
}

async function overRedis(redis: RedisServer): Promise<TestFleet> {
  const store = await connect(redis.url);
  return new TestFleet(() => store, new RealTime());
}

test('over Redis: a session, its stream and its end on three nodes', async () => {
  await using redis = await startRedis();
  await using fleet = await overRedis(redis);
  const [a, b, c] = [await fleet.join(), await fleet.join(), await fleet.join()];
  const headers = await openSession(a.harness);
  const first = new EventReader(await open(a.harness, 'GET', { ...SSE, ...headers }));
  expect((await post(a.harness, request('resources/subscribe', { uri: 'file:///x' }), headers)).status).toBe(200);
  const second = new EventReader(await open(b.harness, 'GET', { ...SSE, ...headers }));
  await first.rest();
  expect((await second.message())?.data).toContain('list_changed');
  await until(() => b.harness.subscriptions.opened[0]?.filter.uris[0] === 'file:///x');
  expect((await post(c.harness, request('tools/list'), headers)).status).toBe(200);
  // Who can read the store finds no session id and no URI in it.
  const keys = (await redis.command('keys', '*')).split('\n').filter((key) => key.includes('{s:'));
  expect(keys).toHaveLength(1);
  const record = await redis.command('hgetall', keys[0] ?? '');
  expect(record).toContain('confirmed');
  expect(record).not.toContain('file:///x');
  expect(`${keys[0]}${record}`).not.toContain(headers['mcp-session-id']?.split('.')[1]);
  expect((await send(c.harness, 'DELETE', headers)).status).toBe(200);
  await second.rest();
  for (const { harness } of [a, b, c]) {
    expect((await post(harness, call('echo'), headers)).status).toBe(404);
    await until(() => harness.ledger.counts.session === 0);
    expect(harness.ledger.counts).toMatchObject({ stream: 0, subscription: 0 });
  }
});

test('a stream is resumed from what Redis holds when its node is gone', async () => {
  await using redis = await startRedis();
  await using fleet = await overRedis(redis);
  const [a, b] = [await fleet.join(), await fleet.join()];
  const headers = await openSession(a.harness);
  const message = JSON.stringify(call('hold', {}, 7));
  const both = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  const response = open(a.harness, 'POST', { ...headers, ...both }, message);
  const held = await a.harness.handler.next();
  held.progress(1);
  const id = (await new EventReader(await response).message())?.id ?? '';
  held.progress(2, 'secret');
  const key = `bw:{e:${id.slice(0, id.lastIndexOf('-'))}}`;
  await until(async () => (await fleet.store.readLog(key.slice(3)))?.last === 2);
  expect(await redis.command('--scan', '--pattern', '*{e:*')).toContain(key);
  fleet.lose(a);
  const events = await new EventReader(
    await open(b.harness, 'GET', { ...SSE, ...headers, 'last-event-id': id }),
  ).rest();
  const data = events.flatMap((event) => (event.data === undefined ? [] : [event.data]));
  expect(data[0]).toContain('secret');
  expect(data[1]).toContain('fleet.node-lost');
});

test('a store that was emptied ends no session, and one record that ran out ends one', async () => {
  await using redis = await startRedis();
  await using fleet = await overRedis(redis);
  const sessions = { ephemeralIdleMs: 200, routes: new Map([['/mcp', 'interactive' as const]]) };
  const [a, b, c] = [await fleet.join({ sessions }), await fleet.join({ sessions }), await fleet.join({ sessions })];
  const kept = await openSession(a.harness);
  const silent = await openSession(a.harness);
  // Past its youth and the grace of a record, in which nothing but a lost record would explain that there is none.
  await new Promise((resolve) => setTimeout(resolve, 2_400));
  await redis.command('del', `bw:{s:${silent['mcp-session-id']?.split('.')[0]}}`);
  expect((await post(b.harness, call('echo'), silent)).status).toBe(404);
  expect((await post(b.harness, call('echo'), kept)).status).toBe(200);
  await redis.command('flushall');
  expect((await post(b.harness, call('echo'), kept)).status).toBe(200);
  expect((await post(c.harness, call('echo'), kept)).status).toBe(200);
  expect((await send(a.harness, 'DELETE', kept)).status).toBe(200);
  for (const { harness } of [a, b, c]) expect((await post(harness, call('echo'), kept)).status).toBe(404);
});

test('without the store, sessions that a node has go on; everything that needs it is 503 with Retry-After', async () => {
  await using redis = await startRedis();
  await using fleet = await overRedis(redis);
  const [a, b] = [await fleet.join(), await fleet.join()];
  const headers = await openSession(a.harness);
  const ended = await openSession(a.harness);
  expect((await post(b.harness, call('echo'), ended)).status).toBe(200);
  await redis.stop();
  await until(() => !fleet.store.isUp);
  expect((await post(a.harness, call('echo'), headers)).status).toBe(200);
  expect((await post(a.harness, request('logging/setLevel', { level: 'error' }), headers)).status).toBe(200);
  const elsewhere = await post(b.harness, call('echo'), headers);
  expect([elsewhere.status, elsewhere.headers.get('retry-after')]).toEqual([503, '1']);
  expect(elsewhere.json['error']?.['data']?.['reason']).toBe('store.unavailable');
  const fresh = await post(a.harness, initializeMessage());
  expect([fresh.status, fresh.headers.get('retry-after'), fresh.headers.get('mcp-session-id')]).toEqual([
    503,
    '1',
    null,
  ]);
  // Its end is told as soon as there is somebody to tell it.
  expect((await send(a.harness, 'DELETE', ended)).status).toBe(200);
  expect((await post(a.harness, call('echo'), ended)).status).toBe(404);
  await redis.start();
  await until(() => fleet.store.isUp);
  expect((await post(b.harness, call('echo'), headers)).status).toBe(200);
  await until(async () => (await post(b.harness, call('echo'), ended)).status === 404);
  await until(async () => {
    await post(b.harness, call('echo'), headers);
    return b.harness.handler.seen.at(-1)?.logLevel === 'error';
  });
});

test('a node that was cut off hears what it missed: a session that ended does not live on there', async () => {
  await using redis = await startRedis();
  await using proxy = await startTcpProxy(redis.port);
  await using fleet = await overRedis(redis);
  const a = await fleet.join();
  const cut = await connect(`redis://127.0.0.1:${proxy.port}`);
  const b = await fleet.join({}, cut);
  const ended = await openSession(a.harness);
  const moved = await openSession(a.harness);
  expect((await post(b.harness, call('echo'), ended)).status).toBe(200);
  const stream = new EventReader(await open(b.harness, 'GET', { ...SSE, ...moved }));
  const watching = await b.harness.subscriptions.nth(0);
  proxy.refuse();
  await until(() => !cut.isUp);
  expect((await send(a.harness, 'DELETE', ended)).status).toBe(200);
  const newer = new EventReader(await open(a.harness, 'GET', { ...SSE, ...moved }));
  await a.harness.subscriptions.nth(0);
  // Cut off it goes on with what it has.
  expect((await post(b.harness, call('echo'), ended)).status).toBe(200);
  proxy.allow();
  await b.harness.closed('session', 'ended-elsewhere');
  expect((await post(b.harness, call('echo'), ended)).status).toBe(404);
  await b.harness.closed('stream', 'replaced');
  await until(() => watching.closed === 'moved');
  await stream.rest();
  await newer.close();
  await cut.close();
});

test('what only one node can go on with is brought there by the real peers', async () => {
  await using redis = await startRedis();
  await using fleet = await overRedis(redis);
  const [a, b] = [await fleet.join(), await fleet.join()];
  const headers = await openSession(a.harness);
  const both = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  const response = open(a.harness, 'POST', { ...headers, ...both }, JSON.stringify(call('hold', {}, 7)));
  const held = await a.harness.handler.next();
  let answered = '';
  held.reply.ask('roots/list', undefined, (answer) => {
    answered = 'result' in answer ? answer.result.toString() : 'error';
  });
  const reader = new EventReader(await response);
  const asked = await reader.message();
  const { id } = JSON.parse(asked?.data ?? '') as { id: string };
  expect((await post(b.harness, { jsonrpc: '2.0', id, result: { roots: [] } }, headers)).status).toBe(202);
  expect(answered).toBe('{"roots":[]}');
  await reader.close();
  const lastEventId = asked?.id ?? '';
  const resumed = new EventReader(await open(b.harness, 'GET', { ...SSE, ...headers, 'last-event-id': lastEventId }));
  held.finish();
  expect((await resumed.message())?.data).toContain('"id":7,"result"');
  await resumed.rest();
  const channel = new EventReader(await open(a.harness, 'GET', SSE, undefined, '/sse'));
  const endpoint = (await channel.next())?.data ?? '';
  expect((await post(b.harness, initializeMessage('2024-11-05'), {}, endpoint)).status).toBe(202);
  expect((await channel.message())?.data).toContain('"protocolVersion"');
  await channel.close();
  expect(a.passedOn).toEqual(['POST', 'GET', 'POST']);
  // Attack: an id that names no node there is, to make this one look for it.
  const invented = { jsonrpc: '2.0', id: 'aaaaaaaaaa.x', result: {} };
  expect((await post(b.harness, invented, headers)).status).toBe(202);
});

test('a node that shuts down ends the streams that it only passes on', async () => {
  await using redis = await startRedis();
  await using fleet = await overRedis(redis);
  const [a, b] = [await fleet.join(), await fleet.join()];
  const headers = await openSession(a.harness);
  const both = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  const response = open(a.harness, 'POST', { ...headers, ...both }, JSON.stringify(call('hold', {}, 7)));
  const held = await a.harness.handler.next();
  held.progress(1);
  const reader = new EventReader(await response);
  const id = (await reader.message())?.id ?? '';
  await reader.close();
  const passed = await open(b.harness, 'GET', { ...SSE, ...headers, 'last-event-id': id });
  await b.harness.downstream.close();
  await expect(new EventReader(passed).rest()).rejects.toThrow();
  held.finish();
});

test('an answer finds the node that asked although the store was emptied, and although it is away', async () => {
  await using redis = await startRedis();
  await using proxy = await startTcpProxy(redis.port);
  await using fleet = await overRedis(redis);
  const a = await fleet.join();
  const cut = await connect(`redis://127.0.0.1:${proxy.port}`);
  const b = await fleet.join({}, cut);
  const headers = await openSession(a.harness);
  const both = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  const response = open(a.harness, 'POST', { ...headers, ...both }, JSON.stringify(call('hold', {}, 7)));
  const held = await a.harness.handler.next();
  const answers: string[] = [];
  const ask = () =>
    held.reply.ask('roots/list', undefined, (answer) => {
      answers.push('result' in answer ? answer.result.toString() : 'error');
    });
  ask();
  ask();
  const reader = new EventReader(await response);
  const ids = [await reader.message(), await reader.message()].map(
    (event) => JSON.parse(event?.data ?? '').id as string,
  );
  await redis.command('flushall');
  expect((await post(b.harness, { jsonrpc: '2.0', id: ids[0], result: { n: 1 } }, headers)).status).toBe(202);
  expect(answers).toEqual(['{"n":1}']);
  proxy.refuse();
  await until(() => !cut.isUp);
  expect((await post(b.harness, { jsonrpc: '2.0', id: ids[1], result: { n: 2 } }, headers)).status).toBe(202);
  expect(answers).toEqual(['{"n":1}', '{"n":2}']);
  held.finish();
  await reader.rest();
  await cut.close();
});

// Attack: whoever has stolen a session id waits for the moment in which its owner ends the session and the store takes no writes: the end would be
// written down only later, and until then every node would find the session alive.
test('a session that ends while the store takes no writes does not come back on the node that ended it', async () => {
  await using redis = await startRedis();
  await using fleet = await overRedis(redis);
  const a = await fleet.join();
  const headers = await openSession(a.harness);
  expect((await post(a.harness, call('echo'), headers)).status).toBe(200);
  const key = `bw:{s:${headers['mcp-session-id']?.split('.')[0]}}`;
  await until(async () => (await redis.command('exists', key)) === '1');
  await redis.command('config', 'set', 'maxmemory', '1');
  expect((await send(a.harness, 'DELETE', headers)).status).toBe(200);
  // The record says still that it lives.
  expect(await redis.command('hget', key, 'ended')).toBe('');
  for (let at = 0; at < 3; at++) expect((await post(a.harness, call('echo'), headers)).status).toBe(404);
  expect(a.harness.sessions.size).toBe(0);
  // Once the store takes it, all others know it too.
  await redis.command('config', 'set', 'maxmemory', '0');
  await until(async () => (await redis.command('hget', key, 'ended')) !== '');
  const b = await fleet.join();
  expect((await post(b.harness, call('echo'), headers)).status).toBe(404);
});
