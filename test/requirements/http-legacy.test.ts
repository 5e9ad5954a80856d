import { afterAll, beforeAll, describe, expect } from 'vitest';
import { createDemoFactory } from '../../packages/breakwater/src/demo/server.ts';
import { callModern, initializeParams, openSession, toolText } from './support/clients.ts';
import { type RunningGateway, startGateway } from './support/gateway.ts';
import { at } from './support/json.ts';
import { post, send, stream } from './support/wire.ts';
import { verifies } from './verifies.ts';

const SLOW = { name: 'slow', arguments: { steps: 3, delayMs: 5 }, _meta: { progressToken: 'p' } };

describe('Streamable HTTP with sessions, as clients see it', () => {
  let gateway: RunningGateway;

  beforeAll(async () => {
    gateway = await startGateway({ upstreams: { demo: { factory: createDemoFactory() } } });
  });
  afterAll(() => gateway.close());

  verifies(
    ['http.legacy.post-and-get', 'http.legacy.accepted', 'http.legacy.request-answer', 'http.legacy.get'],
    'takes POST and GET on one path',
    async () => {
      const session = await openSession(gateway.url);
      const notified = await session.notify('notifications/unheard-of');
      expect([notified.status, notified.text]).toEqual([202, '']);
      const answered = await session.request('ping');
      expect([answered.status, answered.headers['content-type']]).toEqual([200, 'application/json']);
      const streamed = await session.request('tools/call', SLOW);
      expect([streamed.status, streamed.headers['content-type']]).toEqual([200, 'text/event-stream']);
      const listening = await session.listen();
      expect([listening.status, listening.headers['content-type']]).toEqual([200, 'text/event-stream']);
      listening.close();
    },
  );

  verifies(['http.legacy.get'], 'refuses a GET that no stream belongs to with 405', async () => {
    const probe = { accept: 'text/event-stream', 'mcp-protocol-version': '2025-06-18' };
    const answer = await send('GET', gateway.url, probe);
    expect(answer.status).toBe(405);
    expect(answer.headers.allow).toContain('POST');
  });

  verifies(
    ['http.legacy.not-accepted', 'session.ended'],
    'refuses a notification or response it cannot take with an HTTP error',
    async () => {
      const headers = { 'mcp-session-id': 'nobody' };
      for (const message of [
        { jsonrpc: '2.0', method: 'notifications/initialized' },
        { jsonrpc: '2.0', id: 1, result: {} },
        { jsonrpc: '2.0', id: 1, method: 'ping' },
      ]) {
        expect((await post(gateway.url, message, headers)).status).toBe(404);
      }
      expect((await post(gateway.url, { jsonrpc: '2.0', result: {} })).status).toBe(400);
    },
  );

  verifies(['gateway.late-response-accepted'], 'takes a response to no question', async () => {
    const session = await openSession(gateway.url);
    for (const message of [
      { jsonrpc: '2.0', id: 99, result: {} },
      { jsonrpc: '2.0', id: 'x', error: { code: -1, message: 'no' } },
    ]) {
      const answer = await post(gateway.url, message, session.headers);
      expect([answer.status, answer.text]).toEqual([202, '']);
    }
  });

  verifies(
    [
      'http.legacy.stream-carries-response',
      'http.legacy.stream-ends',
      'http.legacy.related-messages',
      'http.legacy.priming',
      'http.legacy.event-ids-unique',
      'progress.increases',
      'progress.stops',
    ],
    'streams a call: priming event, progress, response, end',
    async () => {
      const session = await openSession(gateway.url);
      const ids: (string | undefined)[] = [];
      for (const id of [1, 2]) {
        const answer = await session.request('tools/call', SLOW, id);
        const events = answer.events().filter(({ comment }) => !comment);
        expect(events[0]).toMatchObject({ id: expect.any(String), data: '' });
        const messages = answer.messages();
        expect(messages.map((message) => at(message, 'params', 'progress'))).toEqual([1, 2, 3, undefined]);
        expect(messages.at(-1)).toMatchObject({ id, result: {} });
        ids.push(...events.map((event) => event.id));
      }
      const listening = await session.listen();
      ids.push((await listening.reader.nextBlock())?.id);
      listening.close();
      expect(ids).not.toContain(undefined);
      expect(new Set(ids).size).toBe(ids.length);
    },
  );

  verifies(['gateway.no-priming-before-2025-11-25'], 'sends older clients no event without data', async () => {
    for (const revision of ['2025-03-26', '2025-06-18']) {
      const session = await openSession(gateway.url, { revision });
      const events = (await session.request('tools/call', SLOW)).events();
      expect(events.filter(({ comment, data }) => !comment && (data === undefined || data === ''))).toEqual([]);
    }
  });

  verifies(
    ['http.legacy.disconnect', 'gateway.resume', 'http.legacy.event-id-names-stream', 'http.legacy.replay-own-stream'],
    'goes on with a call whose connection broke, and gives the rest to who resumes it',
    async () => {
      const session = await openSession(gateway.url);
      const call = await session.stream('tools/call', { ...SLOW, arguments: { steps: 5, delayMs: 20 } }, 'slow');
      const other = session.request('tools/call', SLOW, 'other');
      const priming = await call.reader.nextBlock();
      const first = await call.reader.next();
      call.close();
      await other;
      const resumed = await session.listen({ 'last-event-id': first?.id });
      const messages = await resumed.reader.rest();
      expect(messages.map((message) => at(message, 'params', 'progress'))).toEqual([2, 3, 4, 5, undefined]);
      expect(messages.at(-1)).toMatchObject({ id: 'slow', result: { content: [{ text: 'done: 5 steps' }] } });
      // Again and from the beginning, although it is over: nothing of the other call is in it.
      const again = await session.listen({ 'last-event-id': priming?.id });
      const whole = await again.reader.rest();
      expect(whole.map((message) => at(message, 'params', 'progress'))).toEqual([1, 2, 3, 4, 5, undefined]);
    },
  );

  verifies(
    ['http.legacy.replay-own-stream', 'security.session-bound'],
    'replays nothing to another session, and opens a fresh stream for ids it does not know',
    async () => {
      const owner = await openSession(gateway.url);
      const stranger = await openSession(gateway.url);
      const events = (await owner.request('tools/call', SLOW)).events();
      for (const id of [events[0]?.id, 'nonsense', '-1', 'a'.repeat(500)]) {
        const fresh = await stranger.listen({ 'last-event-id': id });
        expect(fresh.status).toBe(200);
        expect(await fresh.reader.nextBlock()).toMatchObject({ data: '' });
        fresh.close();
      }
    },
  );

  verifies(
    ['http.legacy.one-stream', 'http.legacy.get-no-response', 'http.legacy.get-unrelated', 'sub.legacy.list-changed'],
    'sends each message on one stream: calls on theirs, changes on the GET stream',
    async () => {
      const session = await openSession(gateway.url);
      const listening = await session.listen();
      expect(listening.status).toBe(200);
      // The feed to the server is open when a subscription was accepted.
      await session.request('resources/subscribe', { uri: 'demo://counter' });
      const call = await session.request('tools/call', SLOW);
      const grown = await session.request('tools/call', { name: 'grow', arguments: { kind: 'tool' } }, 2);
      const changed = await listening.reader.message();
      expect(changed).toMatchObject({ method: 'notifications/tools/list_changed' });
      await session.end();
      const rest = await listening.reader.rest();
      for (const message of [changed, ...rest]) {
        expect(at(message, 'id')).toBeUndefined();
        expect(at(message, 'method')).toMatch(/list_changed$/);
      }
      const onCalls = [...call.messages(), ...grown.messages()].map((message) => at(message, 'method'));
      expect(onCalls.filter((method) => String(method).endsWith('list_changed'))).toEqual([]);
    },
  );

  verifies(['gateway.newest-stream-wins'], 'gives the stream to the newest GET', async () => {
    const session = await openSession(gateway.url);
    const first = await session.listen();
    const second = await session.listen();
    expect(second.status).toBe(200);
    expect(await first.reader.rest()).toEqual([]);
    second.close();
  });

  verifies(['http.legacy.version-header-invalid'], 'refuses versions that do not exist', async () => {
    const session = await openSession(gateway.url);
    for (const version of ['1999-01-01', 'nonsense', '2025-11-25, 2025-11-25']) {
      const answer = await session.request('tools/list', {}, 7, { 'mcp-protocol-version': version });
      expect(answer.status).toBe(400);
      expect(answer.json()).toMatchObject({ id: 7, error: { code: -32600, data: { reason: 'version.header' } } });
      const listening = await session.listen({ 'mcp-protocol-version': version });
      expect(listening.status).toBe(400);
    }
  });

  verifies(['http.legacy.version-header-absent'], 'takes a stranger without a version for 2025-03-26', async () => {
    const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
    // outputSchema came with 2025-06-18, batches went with it.
    expect((await post(gateway.url, list)).text).not.toContain('outputSchema');
    expect((await post(gateway.url, [list])).messages()).toHaveLength(1);
    const later = await post(gateway.url, list, { 'mcp-protocol-version': '2025-11-25' });
    expect(later.text).toContain('outputSchema');
  });

  verifies(['gateway.both-eras', 'gateway.initialize-anew'], 'serves both eras side by side', async () => {
    const one = await openSession(gateway.url);
    const two = await openSession(gateway.url, { headers: { 'mcp-session-id': one.id } });
    const three = await openSession(gateway.url, { headers: { 'mcp-session-id': 'undefined' } });
    expect(new Set([one.id, two.id, three.id]).size).toBe(3);
    const echo = { name: 'echo', arguments: { text: 'ahoy' } };
    const [legacy, modern] = await Promise.all([
      one.request('tools/call', echo),
      callModern(gateway.url, 'tools/call', echo),
    ]);
    expect(legacy.messages().map(toolText)).toEqual(['ahoy']);
    expect(modern.messages().map(toolText)).toEqual(['ahoy']);
  });

  verifies(['gateway.initialized-optional'], 'serves who skips or repeats notifications/initialized', async () => {
    const opened = await post(gateway.url, { jsonrpc: '2.0', id: 1, method: 'initialize', params: initializeParams() });
    const headers = { 'mcp-session-id': String(opened.headers['mcp-session-id']) };
    const call = { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'echo', arguments: { text: 'x' } } };
    expect((await post(gateway.url, call, headers)).messages().map(toolText)).toEqual(['x']);
    for (let time = 0; time < 3; time += 1) {
      const initialized = { jsonrpc: '2.0', method: 'notifications/initialized' };
      expect((await post(gateway.url, initialized, headers)).status).toBe(202);
    }
    expect((await post(gateway.url, call, headers)).messages().map(toolText)).toEqual(['x']);
  });

  verifies(['http.legacy.retry-before-close'], 'asks to come back before it closes a stream for good', async () => {
    const own = await startGateway({ upstreams: { demo: { factory: createDemoFactory() } } });
    const session = await openSession(own.url);
    const listening = await stream('GET', own.url, { ...session.headers, accept: 'text/event-stream' });
    await listening.reader.nextBlock();
    await own.close();
    while (!listening.reader.over) await listening.reader.nextBlock();
    expect(listening.reader.seen.at(-1)).toMatchObject({ retry: expect.stringMatching(/^\d+$/) });
  });
});
