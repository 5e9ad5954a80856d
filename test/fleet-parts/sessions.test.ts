import { describe, expect, test } from 'vitest';
import { MemoryStore } from '../../packages/breakwater/src/store/memory.ts';
import {
  call,
  INITIALIZED,
  initializeMessage,
  open,
  openSession,
  post,
  postModern,
  request,
  send,
} from '../downstream/client.ts';
import { EventReader } from '../downstream/event-reader.ts';
import type { Harness } from '../downstream/harness.ts';
import { TestFleet, type TestNode, until } from './nodes.ts';

const SSE = { accept: 'text/event-stream' };

async function three(init = {}): Promise<{ fleet: TestFleet; a: TestNode; b: TestNode; c: TestNode }> {
  const fleet = new TestFleet((clock) => new MemoryStore(clock));
  return { fleet, a: await fleet.join(init), b: await fleet.join(init), c: await fleet.join(init) };
}

async function openStream(harness: Harness, headers: Record<string, string>, lastEventId?: string) {
  const extra = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
  const response = await open(harness, 'GET', { ...SSE, ...headers, ...extra });
  expect(response.status).toBe(200);
  return new EventReader(response);
}

describe('a session of a fleet', () => {
  test('is opened on one node, served on another, and ended on a third: then it is unknown everywhere', async () => {
    const { fleet, a, b, c } = await three();
    await using _ = fleet;
    const headers = await openSession(a.harness);
    const listed = await post(b.harness, request('tools/list'), headers);
    expect([listed.status, listed.json['result']?.['method']]).toEqual([200, 'tools/list']);
    expect(b.harness.handler.seen[0]?.client.revision).toBe('2025-11-25');
    expect((await send(c.harness, 'DELETE', headers)).status).toBe(200);
    for (const { harness } of [a, b, c]) {
      const answer = await post(harness, request('tools/list'), headers);
      expect([answer.status, answer.json['error']?.['code']]).toEqual([404, -32001]);
      await until(() => harness.sessions.size === 0);
      expect([harness.ledger.counts.session, harness.ledger.orphans]).toEqual([0, 0]);
    }
  });

  test('keeps what was agreed: revision, client, log level and handshake', async () => {
    const { fleet, a, b, c } = await three({ routes: [{ handshake: 'strict' }] });
    await using _ = fleet;
    const opened = await post(a.harness, initializeMessage('2025-03-26'));
    const headers = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' };
    // Known on b before the handshake is complete.
    expect((await post(b.harness, request('tools/list'), headers)).status).toBe(400);
    expect((await post(c.harness, INITIALIZED, headers)).status).toBe(202);
    expect((await post(b.harness, request('tools/list'), headers)).status).toBe(200);
    expect((await post(c.harness, request('logging/setLevel', { level: 'warning' }), headers)).status).toBe(200);
    for (const { harness } of [a, b, c]) {
      await post(harness, call('echo'), headers);
      const exchange = harness.handler.seen.at(-1);
      expect([exchange?.logLevel, exchange?.client.revision]).toEqual(['warning', '2025-03-26']);
      expect(exchange?.client.info?.toString()).toBe('{"name":"test","version":"1"}');
    }
  });

  test('is let go of by nodes on which nothing of it is left, and lives on', async () => {
    const { fleet, a, b } = await three();
    await using _ = fleet;
    const headers = await openSession(a.harness);
    fleet.clock.advance(7_000);
    await a.harness.closed('session', 'unloaded');
    expect([a.harness.ledger.counts.session, a.harness.ledger.orphans]).toEqual([0, 0]);
    expect((await post(b.harness, call('echo'), headers)).status).toBe(200);
    const held = post(a.harness, call('hold'), headers);
    const exchange = await a.harness.handler.next();
    fleet.clock.advance(60_000);
    // A call runs in it here.
    expect(a.harness.sessions.size).toBe(1);
    exchange.finish();
    expect((await held).status).toBe(200);
  });

  test('ends after its silence, which counts on all nodes together', async () => {
    const { fleet, a, b, c } = await three({ sessions: { idleMs: 600_000, ephemeralIdleMs: 600_000 } });
    await using _ = fleet;
    const headers = await openSession(a.harness);
    const reader = await openStream(a.harness, headers);
    for (let i = 0; i < 3; i++) {
      fleet.clock.advance(400_000);
      // a heard nothing for longer than its silence and must not end it.
      expect((await post(b.harness, call('echo'), headers)).status).toBe(200);
      fleet.clock.advance(1_000);
    }
    fleet.clock.advance(700_000);
    expect((await post(c.harness, call('echo'), headers)).status).toBe(404);
    await until(() => {
      fleet.clock.advance(1_000);
      return a.harness.sessions.size === 0;
    });
    await reader.rest();
    expect(a.harness.streamEnds).toEqual(['session-ended']);
  });

  test('opens for many requests at once with one look-up', async () => {
    const { fleet, a, b } = await three();
    await using _ = fleet;
    const headers = await openSession(a.harness);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (__, id) => post(b.harness, call('echo', {}, id), headers)),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const opens = b.harness.events.filter((event) => event.type === 'open' && event.resource === 'session');
    expect(opens).toHaveLength(1);
  });

  test('is refused on another node to everybody else', async () => {
    const { fleet, a, b } = await three({ routes: [{}, { path: '/other' }] });
    await using _ = fleet;
    const headers = await openSession(a.harness, '2025-11-25', { 'x-principal': 'alice' });
    // Attack: a stolen session id used with other credentials, on a node that has never seen the session.
    expect((await post(b.harness, call('echo'), { ...headers, 'x-principal': 'mallory' })).status).toBe(404);
    // Attack: the session of one route used on another one, past that route's policy.
    expect((await post(b.harness, call('echo'), headers, '/other')).status).toBe(404);
    // Attack: the address of a 2024 stream made of a session id.
    const id = headers['mcp-session-id'] ?? '';
    expect((await post(b.harness, request('ping'), headers, `/messages/?session_id=${id}`)).status).toBe(404);
    // Attack: another spelling of the same sealed bytes, which would be another session to this node.
    for (const altered of [`${id}=`, `${id}A`, id.replace('.', '..'), id.slice(0, -1), `x${id}`]) {
      expect((await post(b.harness, call('echo'), { ...headers, 'mcp-session-id': altered })).status).toBe(404);
    }
    // Attack: mallory asks at the same moment as alice, to be handed what is being looked up for her.
    const [hers, his] = await Promise.all([
      post(b.harness, call('echo'), headers),
      post(b.harness, call('echo'), { ...headers, 'x-principal': 'mallory' }),
    ]);
    expect([hers.status, his.status]).toEqual([200, 404]);
  });

  test('does not come back to life when its id is sent again after DELETE', async () => {
    const { fleet, a, b, c } = await three();
    await using _ = fleet;
    const headers = await openSession(a.harness);
    await send(b.harness, 'DELETE', headers);
    // Attack: the sealed id is still authentic; only what the fleet remembers says that it ended. Young, old, and after its mark is gone.
    for (const ms of [0, 60_000, 3_700_000, 20_000_000]) {
      fleet.clock.advance(ms);
      expect((await post(c.harness, call('echo'), headers)).status).toBe(404);
    }
  });

  test('is not ended by a node that shuts down', async () => {
    const { fleet, a, b } = await three();
    await using _ = fleet;
    const headers = await openSession(a.harness);
    const running = post(a.harness, call('hold'), headers);
    await a.harness.handler.next();
    await a.harness.sessions.endAll('drain');
    // Not 404, with which the client would throw the session away.
    const told = await running;
    expect([told.status, told.json['error']?.['data']?.['reason']]).toEqual([200, 'fleet.node-lost']);
    expect(a.harness.ledger.counts.session).toBe(0);
    expect((await post(b.harness, call('echo'), headers)).status).toBe(200);
  });

  test('is let go of, not ended, where another one needs its place', async () => {
    const { fleet, a, b } = await three({ perPrincipal: 2 });
    await using _ = fleet;
    const sessions = [await openSession(a.harness), await openSession(a.harness), await openSession(a.harness)];
    expect(a.harness.sessions.size).toBe(2);
    for (const headers of sessions) expect((await post(b.harness, call('echo'), headers)).status).toBe(200);
    expect(b.harness.sessions.size).toBe(2);
  });
});

describe('the stream of a session', () => {
  test('is on the node that opened it last, and what is subscribed to goes with it', async () => {
    const { fleet, a, b } = await three();
    await using _ = fleet;
    const headers = await openSession(a.harness);
    const first = await openStream(a.harness, headers);
    const watched = await a.harness.subscriptions.nth(0);
    await post(a.harness, request('resources/subscribe', { uri: 'file:///x' }), headers);
    const second = await openStream(b.harness, headers);
    // The old one ends.
    await first.rest();
    await a.harness.closed('stream', 'replaced');
    await until(() => watched.closed === 'moved');
    const moved = await b.harness.subscriptions.nth(0);
    expect(moved.filter.uris).toEqual(['file:///x']);
    // It came back on another node: lists may have changed meanwhile.
    const told = [await second.message(), await second.message(), await second.message()].map((event) => event?.data);
    expect(told.join()).toMatch(/tools\/list_changed.*prompts\/list_changed.*resources\/list_changed/);
    moved.report({ kind: 'updated', uri: 'file:///x' });
    expect((await second.message())?.data).toContain('resources/updated');
    await second.close();
  });

  test('tells what was missed while no node had it', async () => {
    const { fleet, a, b } = await three();
    await using _ = fleet;
    const headers = await openSession(a.harness);
    await post(a.harness, request('resources/subscribe', { uri: 'file:///secret' }), headers);
    (await a.harness.subscriptions.nth(0)).report({ kind: 'updated', uri: 'file:///secret' });
    (await a.harness.subscriptions.nth(0)).report({ kind: 'tools' });
    fleet.clock.advance(1_000);
    await until(() => fleet.clock.pending >= 0);
    const reader = await openStream(b.harness, headers);
    const told = [await reader.message(), await reader.message()].map((event) => event?.data ?? '');
    expect(told.some((data) => data.includes('file:///secret'))).toBe(true);
    expect(told.some((data) => data.includes('tools/list_changed'))).toBe(true);
    await reader.close();
  });

  test('hears of what is subscribed to on another node', async () => {
    const { fleet, a, b } = await three();
    await using _ = fleet;
    const headers = await openSession(a.harness);
    const reader = await openStream(a.harness, headers);
    const holder = await a.harness.subscriptions.nth(0);
    await post(b.harness, request('resources/subscribe', { uri: 'file:///y' }), headers);
    await until(() => holder.uris.has('file:///y'));
    // Whoever has the stream looks after it now.
    const helper = await b.harness.subscriptions.nth(0);
    await until(() => helper.closed === 'moved');
    await post(b.harness, request('resources/unsubscribe', { uri: 'file:///y' }), headers);
    await until(() => !holder.uris.has('file:///y'));
    await reader.close();
  });
});

describe('what only one node can go on with', () => {
  test('an answer that comes to another node than the one that asked', async () => {
    const { fleet, a, b } = await three();
    await using _ = fleet;
    const headers = await openSession(a.harness);
    const response = open(
      a.harness,
      'POST',
      { ...headers, 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      JSON.stringify(call('hold')),
    );
    const held = await a.harness.handler.next();
    let answered = '';
    held.reply.ask('roots/list', undefined, (answer) => {
      answered = 'result' in answer ? answer.result.toString() : 'error';
    });
    const reader = new EventReader(await response);
    const asked = JSON.parse((await reader.message())?.data ?? '') as { id: string };
    const answer = { jsonrpc: '2.0', id: asked.id, result: { roots: [] } };
    // Attack: the answer of another session's client, on whatever node.
    const other = await openSession(b.harness);
    expect((await post(b.harness, answer, other)).status).toBe(202);
    expect(answered).toBe('');
    expect((await post(b.harness, answer, headers)).status).toBe(202);
    expect(answered).toBe('{"roots":[]}');
    held.finish();
    await reader.rest();
  });

  test('answers in a batch wait for a node that cannot be reached for a while', async () => {
    const { fleet, a, b } = await three();
    await using _ = fleet;
    const headers = await openSession(a.harness, '2025-03-26');
    fleet.cutOff(a, true);
    const answering = post(b.harness, [{ jsonrpc: '2.0', id: `${a.name}.x`, result: {} }], headers);
    await untilReached(fleet, a, answering);
    expect((await answering).status).toBe(202);
    expect(a.passedOn).toEqual(['POST']);
  });

  test('an answer to a node that is gone is taken and dropped', async () => {
    const { fleet, a, b } = await three();
    await using _ = fleet;
    const headers = await openSession(a.harness);
    fleet.lose(a);
    const answer = { jsonrpc: '2.0', id: `${a.name}.x`, result: {} };
    expect((await post(b.harness, answer, headers)).status).toBe(202);
  });

  test('a cancellation finds its request on another node', async () => {
    const { fleet, a, b } = await three();
    await using _ = fleet;
    const headers = await openSession(a.harness);
    const calling = post(a.harness, call('hold', {}, 42), headers);
    const held = await a.harness.handler.next();
    const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 42 } };
    expect((await post(b.harness, cancelled, headers)).status).toBe(202);
    await until(() => held.cancelled !== undefined);
    expect(held.cancelled).toBe('cancelled by client');
    await calling;
  });

  test('a message for a 2024 stream of another node', async () => {
    const { fleet, a, b } = await three();
    await using _ = fleet;
    const response = await open(a.harness, 'GET', SSE, undefined, '/sse');
    const reader = new EventReader(response);
    const endpoint = (await reader.next())?.data ?? '';
    expect((await post(b.harness, initializeMessage('2024-11-05'), {}, endpoint)).status).toBe(202);
    expect((await reader.message())?.data).toContain('"protocolVersion"');
    // Attack: somebody else posts to it, by another node.
    expect((await post(b.harness, request('ping'), { 'x-principal': 'mallory' }, endpoint)).status).toBe(404);
    fleet.lose(a);
    expect((await post(b.harness, request('ping'), {}, endpoint)).status).toBe(404);
    await reader.close().catch(() => undefined);
  });

  test('a retry of a call that another node holds', async () => {
    const { fleet, a, b } = await three();
    await using _ = fleet;
    b.harness.handler.nodeOf = () => a.name;
    const answer = await postModern(b.harness, 'tools/call', {
      name: 'echo',
      arguments: { x: 1 },
      requestState: 'g1.x',
    });
    expect(answer.json['result']?.['echo']?.['x']).toBe(1);
    expect([a.harness.handler.seen.length, b.harness.handler.seen.length]).toEqual([1, 0]);
    fleet.lose(a);
    // Gone: this node says what becomes of it.
    await postModern(b.harness, 'tools/call', { name: 'echo', arguments: {}, requestState: 'g1.x' });
    expect(b.harness.handler.seen).toHaveLength(1);
  });

  test('a retry of a call whose node cannot be reached for a while', async () => {
    const { fleet, a, b } = await three();
    await using _ = fleet;
    b.harness.handler.nodeOf = () => a.name;
    fleet.cutOff(a, true);
    // Nobody else has the call; and to who has it, the same state may come twice.
    const retrying = postModern(b.harness, 'tools/call', { name: 'echo', arguments: {}, requestState: 'g1.x' });
    await untilReached(fleet, a, retrying);
    expect((await retrying).status).toBe(200);
    expect([a.harness.handler.seen.length, b.harness.handler.seen.length]).toEqual([1, 0]);
  });
});

/** Lets a node be out of reach for seconds, then reached again, and a request find it. */
async function untilReached(fleet: TestFleet, node: TestNode, request: Promise<unknown>): Promise<void> {
  let isOver = false;
  const over = request.finally(() => {
    isOver = true;
  });
  const step = async (): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    fleet.clock.advance(500);
  };
  for (let steps = 0; steps < 12; steps++) await step();
  fleet.reach(node);
  while (!isOver) await step();
  await over;
}

describe('a stream that is resumed', () => {
  async function begin(a: TestNode) {
    const headers = await openSession(a.harness);
    const response = open(
      a.harness,
      'POST',
      { ...headers, 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      JSON.stringify(call('hold', {}, 'q')),
    );
    const held = await a.harness.handler.next();
    held.progress(1);
    const reader = new EventReader(await response);
    const first = await reader.message();
    return { headers, held, reader, id: first?.id ?? '' };
  }

  test('goes on by way of another node while its own lives', async () => {
    const { fleet, a, b } = await three();
    await using _ = fleet;
    const { headers, held, reader, id } = await begin(a);
    await reader.close();
    held.progress(2);
    const resumed = await openStream(b.harness, headers, id);
    expect((await resumed.message())?.data).toContain('"progress":2');
    held.finish();
    expect((await resumed.message())?.data).toContain('"id":"q","result"');
    await resumed.rest();
    expect(a.passedOn).not.toEqual([]);
  });

  test('is replayed from what was written down when its node is gone, and ends with an error for what is not known', async () => {
    const { fleet, a, b, c } = await three();
    await using _ = fleet;
    const { headers, held, id } = await begin(a);
    held.progress(2);
    await until(async () => (await fleet.store.readLog(`{e:${id.slice(0, id.lastIndexOf('-'))}}`))?.last === 2);
    fleet.lose(a);
    const resumed = await (await openStream(b.harness, headers, id)).rest();
    const data = resumed.flatMap((event) => (event.data === undefined ? [] : [JSON.parse(event.data)]));
    expect(data[0]).toMatchObject({ params: { progress: 2 } });
    expect(data[1]).toMatchObject({ id: 'q', error: { code: -32603, data: { reason: 'fleet.node-lost' } } });
    // The node only slept: nothing of it gets past the one that took over.
    held.finish();
    const again = await (await openStream(c.harness, headers, id)).rest();
    expect(again.filter((event) => event.data !== undefined).map((event) => event.data)).toEqual(
      resumed.filter((event) => event.data !== undefined).map((event) => event.data),
    );
  });

  // Attack: one client fills the store with answers that it has long read, or that go on when their session has ended.
  test('leaves nothing in the store once it was read to its end, nor once its session has ended', async () => {
    const { fleet, a, b } = await three();
    await using _ = fleet;
    const keyOf = (id: string): string => `{e:${id.slice(0, id.lastIndexOf('-'))}}`;
    const read = await begin(a);
    await until(async () => (await fleet.store.readLog(keyOf(read.id))) !== undefined);
    read.held.finish();
    await read.reader.rest();
    await until(async () => {
      fleet.clock.advance(1_000);
      return (await fleet.store.readLog(keyOf(read.id))) === undefined;
    });
    expect(fleet.clock.now()).toBeLessThan(1_700_000_060_000);
    const unread = await begin(a);
    await until(async () => (await fleet.store.readLog(keyOf(unread.id))) !== undefined);
    expect((await send(b.harness, 'DELETE', unread.headers)).status).toBe(200);
    await until(async () => (await fleet.store.readLog(keyOf(unread.id))) === undefined);
    await unread.reader.close().catch(() => undefined);
  });

  // Attack on a client: a server says more than is kept; without a word of it the client would wait for ever on the node that took over.
  test('of which too much was sent to be kept ends with an error on the node that takes over', async () => {
    const { fleet, a, b } = await three();
    await using _ = fleet;
    const { headers, held, reader, id } = await begin(a);
    held.progress(2, 'x'.repeat(1_100_000));
    const last = (await reader.message())?.id ?? '';
    await until(async () => (await fleet.store.readLog(`{e:${id.slice(0, id.lastIndexOf('-'))}}`))?.last === 2);
    fleet.lose(a);
    const events = await (await openStream(b.harness, headers, last)).rest();
    const data = events.flatMap((event) => (event.data === undefined ? [] : [event.data]));
    expect(data).toHaveLength(1);
    expect(JSON.parse(data[0] ?? '{}')).toMatchObject({ id: 'q', error: { data: { reason: 'fleet.node-lost' } } });
  });

  test('that was answered before its node went is replayed whole', async () => {
    const { fleet, a, b } = await three();
    await using _ = fleet;
    const { headers, held, reader, id } = await begin(a);
    held.finish();
    await reader.rest();
    await until(async () => (await fleet.store.readLog(`{e:${id.slice(0, id.lastIndexOf('-'))}}`))?.ended === true);
    fleet.lose(a);
    const events = await (await openStream(b.harness, headers, id)).rest();
    const data = events.flatMap((event) => (event.data === undefined ? [] : [event.data]));
    expect(data).toHaveLength(1);
    expect(data[0]).toContain('"id":"q","result"');
  });

  test('of another session is neither shown nor taken', async () => {
    const { fleet, a, b } = await three();
    await using _ = fleet;
    const { held, reader, id } = await begin(a);
    const mallory = await openSession(b.harness, '2025-11-25', { 'x-principal': 'mallory' });
    const key = `{e:${id.slice(0, id.lastIndexOf('-'))}}`;
    await until(async () => (await fleet.store.readLog(key))?.last === 1);
    // Attack: the event id of somebody else's stream, to read it or to cut its node off from what it writes down. First passed on, then by its copy.
    const passed = await openStream(b.harness, mallory, id);
    expect((await passed.next())?.data ?? '').toBe('');
    await passed.close();
    fleet.lose(a);
    const fresh = await openStream(b.harness, mallory, id);
    expect((await fresh.next())?.data ?? '').toBe('');
    await fresh.close();
    expect((await fleet.store.readLog(key))?.writer).toBe(a.name);
    held.finish();
    await reader.close().catch(() => undefined);
  });
});
