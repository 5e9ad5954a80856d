import { describe, expect, test } from 'vitest';
import {
  BOTH,
  call,
  initializeMessage,
  modernHeaders,
  modernParams,
  open,
  openSession,
  post,
  postModern,
  request,
  send,
} from './client.ts';
import { EventReader } from './event-reader.ts';
import { Harness } from './harness.ts';

const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';
const VERSION = 'io.modelcontextprotocol/protocolVersion';

describe('requests', () => {
  test('are served without a session; a session id is ignored and never minted', async () => {
    await using harness = await Harness.start();
    const { 'mcp-session-id': id = '' } = await openSession(harness);
    const params = { name: 'echo', arguments: { a: 1 } };
    for (const headers of [{}, { 'mcp-session-id': id }, { 'mcp-session-id': 'gone' }]) {
      const answer = await postModern(harness, 'tools/call', params, headers);
      expect(answer.status).toBe(200);
      expect(answer.headers.has('mcp-session-id')).toBe(false);
    }
    expect(harness.handler.seen.every((exchange) => exchange.sessionId === undefined)).toBe(true);
  });

  test('carry the client of their envelope', async () => {
    await using harness = await Harness.start();
    const info = { name: 'me', version: '2' };
    const meta = {
      [CAPABILITIES]: { elicitation: {} },
      'io.modelcontextprotocol/clientInfo': info,
      'io.modelcontextprotocol/logLevel': 'info',
    };
    await post(harness, request('tools/list', modernParams({}, meta)), modernHeaders('tools/list'));
    const [exchange] = harness.handler.seen;
    expect(exchange?.client.profile.elicitForm).toBe(true);
    expect(exchange?.client.info?.toString()).toBe(JSON.stringify(info));
    expect([exchange?.logLevel, exchange?.progress]).toEqual(['info', false]);
  });

  test('accept one type or a wildcard', async () => {
    await using harness = await Harness.start();
    for (const [accept, type] of [
      ['application/json', 'application/json'],
      ['*/*', 'application/json'],
      ['text/event-stream', 'text/event-stream'],
    ] as const) {
      const answer = await postModern(harness, 'tools/call', { name: 'echo' }, { accept });
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, type]);
    }
  });

  test('stream notifications without event ids', async () => {
    await using harness = await Harness.start();
    const params = modernParams({ name: 'stream' }, { progressToken: 'mine' });
    const answer = await post(harness, request('tools/call', params), modernHeaders('tools/call', 'stream'));
    expect(answer.text).toContain('"progressToken":"mine"');
    expect(answer.text).not.toMatch(/^id:/m);
  });

  test('of a method that no revision knows go to the server: it may be an extension', async () => {
    await using harness = await Harness.start();
    const answer = await postModern(harness, 'com.example/dance');
    expect(answer.json['result']?.['method']).toBe('com.example/dance');
  });

  test('in a batch are refused', async () => {
    await using harness = await Harness.start();
    const answer = await post(harness, [request('tools/list', modernParams())], modernHeaders('tools/list'));
    expect([answer.status, answer.json['error']?.['code']]).toEqual([400, -32600]);
  });
});

describe('faults', () => {
  const list = modernParams();
  const table: readonly [
    name: string,
    message: object,
    headers: Record<string, string>,
    status: number,
    code: number,
  ][] = [
    [
      'envelope without capabilities',
      request('tools/list', { _meta: { [VERSION]: '2026-07-28' } }),
      modernHeaders('tools/list'),
      400,
      -32602,
    ],
    ['no claim, modern header', request('tools/list'), modernHeaders('tools/list'), 400, -32602],
    [
      'a later version',
      request('tools/list', modernParams({}, { [VERSION]: '2027-01-01' })),
      { ...modernHeaders('tools/list'), 'mcp-protocol-version': '2027-01-01' },
      400,
      -32022,
    ],
    [
      'nonsense as version, in both',
      request('tools/list', modernParams({}, { [VERSION]: 'soon' })),
      { ...modernHeaders('tools/list'), 'mcp-protocol-version': 'soon' },
      400,
      -32022,
    ],
    [
      'a later version than the header',
      request('tools/list', modernParams({}, { [VERSION]: '2027-01-01' })),
      modernHeaders('tools/list'),
      400,
      -32020,
    ],
    ['no version header', request('tools/list', list), { 'mcp-method': 'tools/list' }, 400, -32020],
    [
      'a legacy version header',
      request('tools/list', list),
      { ...modernHeaders('tools/list'), 'mcp-protocol-version': '2025-11-25' },
      400,
      -32020,
    ],
    ['no Mcp-Method', request('tools/list', list), { 'mcp-protocol-version': '2026-07-28' }, 400, -32020],
    ['another Mcp-Method', request('tools/list', list), modernHeaders('tools/call'), 400, -32020],
    ['no Mcp-Name', request('tools/call', modernParams({ name: 'echo' })), modernHeaders('tools/call'), 400, -32020],
    [
      'another Mcp-Name',
      request('tools/call', modernParams({ name: 'echo' })),
      modernHeaders('tools/call', 'other'),
      400,
      -32020,
    ],
    ['a legacy method', request('ping', list), modernHeaders('ping'), 404, -32601],
    ['initialize with the claim', request('initialize', list), modernHeaders('initialize'), 404, -32601],
    [
      'an unknown log level',
      request('tools/list', modernParams({}, { 'io.modelcontextprotocol/logLevel': 'loud' })),
      modernHeaders('tools/list'),
      400,
      -32602,
    ],
  ];

  test.each(table)('%s', async (_name, message, headers, status, code) => {
    await using harness = await Harness.start();
    const answer = await post(harness, message, headers);
    expect([answer.status, answer.json['error']?.['code'], answer.json['id']]).toEqual([status, code, 1]);
    // The SDK's client reads this body with a strict schema: nothing may stand beside the JSON-RPC members.
    expect(Object.keys(answer.json)).toEqual(['jsonrpc', 'id', 'error']);
    expect(answer.json['error']?.['data']?.['canonical_endpoint']).toBe(harness.url());
    expect(answer.json['error']?.['data']?.['recipe']?.['body']?.['method']).toBe('server/discover');
    expect(harness.handler.seen).toEqual([]);
  });

  test('an unsupported version lists what is served, in data and for people', async () => {
    await using harness = await Harness.start();
    const answer = await post(harness, request('tools/list', modernParams({}, { [VERSION]: '2027-01-01' })));
    expect(answer.json['error']?.['data']?.['supported']).toEqual(['2026-07-28']);
    expect(answer.json['error']?.['data']?.['requested']).toBe('2027-01-01');
    expect(String(answer.json['error']?.['message'])).toMatch(/supported versions?: 2026-07-28/i);
  });

  test('initialize without the claim is legacy, whatever the headers say', async () => {
    await using harness = await Harness.start();
    const answer = await post(harness, initializeMessage('2026-07-28'), modernHeaders('initialize'));
    expect([answer.status, answer.json['result']?.['protocolVersion']]).toEqual([200, '2025-11-25']);
  });

  test.each([
    ['rpc:-32601', 404, -32601],
    ['rpc:-32021', 400, -32021],
    ['rpc:-32602', 200, -32602],
    ['fail:resource.unknown', 200, -32602],
    ['fail:capability.missing', 400, -32021],
    ['fail:gateway.draining', 503, -32603],
    ['fail:upstream.lost', 200, -32603],
  ])('an outcome %s is %i %i', async (name, status, code) => {
    await using harness = await Harness.start();
    const answer = await postModern(harness, 'tools/call', { name });
    expect([answer.status, answer.json['error']?.['code']]).toEqual([status, code]);
  });
});

describe('Mcp-Param headers', () => {
  const schema = Buffer.from('{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}}}');

  test.each([
    ['agree', { 'mcp-param-region': 'eu' }, 200],
    ['differ', { 'mcp-param-region': 'us' }, 400],
    ['are missing', {}, 400],
  ])('that %s', async (_name, headers, status) => {
    await using harness = await Harness.start();
    harness.edge.schemas.set('echo', schema);
    const answer = await postModern(harness, 'tools/call', { name: 'echo', arguments: { region: 'eu' } }, headers);
    expect(answer.status).toBe(status);
    if (status === 400) expect(answer.json['error']?.['code']).toBe(-32020);
  });

  // Attack: the annotation spelled with JSON escapes, so that a search for its plain name misses it.
  test('of a schema that spells the annotation with escapes', async () => {
    await using harness = await Harness.start();
    harness.edge.schemas.set('echo', Buffer.from(schema.toString().replace('x-mcp-header', '\\u0078-mcp-header')));
    const answer = await postModern(harness, 'tools/call', { name: 'echo', arguments: { region: 'eu' } });
    expect([answer.status, answer.json['error']?.['code']]).toEqual([400, -32020]);
  });
});

test('server/discover is answered at the edge', async () => {
  await using harness = await Harness.start();
  const answer = await postModern(harness, 'server/discover');
  expect(answer.json['result']).toMatchObject({
    resultType: 'complete',
    supportedVersions: ['2026-07-28'],
    instructions: 'Be brief.',
    ttlMs: 0,
    cacheScope: 'private',
  });
  expect(harness.handler.seen).toEqual([]);
  harness.edge.failure = new Error('secret host down');
  const failed = await postModern(harness, 'server/discover');
  expect([failed.status, failed.json['error']?.['code']]).toEqual([500, -32603]);
  expect(failed.text).not.toContain('secret');
});

test('notifications are 202 and ignored, with claim or header', async () => {
  await using harness = await Harness.start();
  const notification = { jsonrpc: '2.0', method: 'notifications/cancelled', params: modernParams({ requestId: 1 }) };
  expect((await post(harness, notification)).status).toBe(202);
  expect((await post(harness, { jsonrpc: '2.0', method: 'x' }, modernHeaders('x'))).status).toBe(202);
});

describe('a client that goes away', () => {
  test.each([
    ['before anything was sent', false],
    ['while the answer streams', true],
  ])('%s has cancelled', async (_name, streams) => {
    await using harness = await Harness.start();
    const gone = new AbortController();
    const headers = { 'content-type': 'application/json', accept: BOTH, ...modernHeaders('tools/call', 'hold') };
    const body = JSON.stringify(request('tools/call', modernParams({ name: 'hold' }, { progressToken: 1 })));
    const closed = new Promise((resolve) => harness.server.once('request', (_req, res) => res.once('close', resolve)));
    const response = open(harness, 'POST', headers, body, '/mcp', gone.signal);
    response.catch(() => undefined);
    const held = await harness.handler.next();
    if (streams) {
      held.progress(1);
      await response;
    }
    gone.abort();
    await closed;
    expect(held.cancelled).toBe('client disconnected');
    held.finish();
  });

  test('after its answer has cancelled nothing', async () => {
    await using harness = await Harness.start();
    const running = postModern(harness, 'tools/call', { name: 'hold' }, { connection: 'close' });
    const held = await harness.handler.next();
    held.finish();
    await running;
    expect(held.cancelled).toBeUndefined();
  });
});

describe('subscriptions/listen', () => {
  async function listen(harness: Harness, notifications: object, id: unknown = 'L1'): Promise<EventReader> {
    const body = JSON.stringify(request('subscriptions/listen', modernParams({ notifications }), id));
    const headers = { 'content-type': 'application/json', accept: BOTH, ...modernHeaders('subscriptions/listen') };
    return new EventReader(await open(harness, 'POST', headers, body));
  }

  test('acknowledges first, then reports with the id of the listen', async () => {
    await using harness = await Harness.start();
    const reader = await listen(harness, { toolsListChanged: true, resourceSubscriptions: ['file:///a', 'refused:b'] });
    const meta = { 'io.modelcontextprotocol/subscriptionId': 'L1' };
    expect(JSON.parse((await reader.next())?.data ?? '')).toEqual({
      jsonrpc: '2.0',
      method: 'notifications/subscriptions/acknowledged',
      params: { _meta: meta, notifications: { toolsListChanged: true, resourceSubscriptions: ['file:///a'] } },
    });
    const feed = await harness.subscriptions.nth(0);
    feed.report({ kind: 'tools' });
    expect(JSON.parse((await reader.next())?.data ?? '')).toEqual({
      jsonrpc: '2.0',
      method: 'notifications/tools/list_changed',
      params: { _meta: meta },
    });
    feed.report({ kind: 'updated', uri: 'file:///a' });
    expect(JSON.parse((await reader.next())?.data ?? '')['params']).toEqual({ uri: 'file:///a', _meta: meta });
    await reader.close();
    await harness.closed('stream', 'client-gone');
    expect(feed.closed).toBe('client-gone');
  });

  test('keeps the bytes of its id', async () => {
    await using harness = await Harness.start();
    const headers = { 'content-type': 'application/json', accept: BOTH, ...modernHeaders('subscriptions/listen') };
    const body = JSON.stringify(request('subscriptions/listen', modernParams({ notifications: {} }), 0)).replace(
      '"id":0',
      '"id":9007199254740993',
    );
    const reader = new EventReader(await open(harness, 'POST', headers, body));
    expect((await reader.next())?.data).toContain('subscriptionId":9007199254740993}');
    await reader.close();
  });

  test('with nothing honoured stays open, with keep-alives', async () => {
    await using harness = await Harness.start();
    harness.subscriptions.deaf = true;
    const reader = await listen(harness, { toolsListChanged: true });
    expect(JSON.parse((await reader.next())?.data ?? '')['params']['notifications']).toEqual({});
    harness.clock.advance(15_000);
    expect(await reader.next()).toEqual({ comment: 'keep-alive' });
    await reader.close();
  });

  test('ends with an empty result when the gateway drains', async () => {
    await using harness = await Harness.start();
    const reader = await listen(harness, {});
    await reader.next();
    await harness.downstream.close();
    const [last] = await reader.rest();
    expect(JSON.parse(last?.data ?? '')).toEqual({
      jsonrpc: '2.0',
      id: 'L1',
      result: { resultType: 'complete', _meta: { 'io.modelcontextprotocol/subscriptionId': 'L1' } },
    });
  });

  test.each([
    ['without notifications', {}],
    ['with a list as notifications', { notifications: [] }],
    ['with numbers as URIs', { notifications: { resourceSubscriptions: [1] } }],
    [
      'with too many URIs',
      { notifications: { resourceSubscriptions: Array.from({ length: 1_001 }, (_v, i) => `a:${i}`) } },
    ],
  ])('%s is 400 -32602', async (_name, params) => {
    await using harness = await Harness.start();
    const answer = await postModern(harness, 'subscriptions/listen', params);
    expect([answer.status, answer.json['error']?.['code']]).toEqual([400, -32602]);
    expect(harness.subscriptions.opened).toEqual([]);
  });

  test('of a client that takes JSON alone is 406', async () => {
    await using harness = await Harness.start();
    const answer = await postModern(
      harness,
      'subscriptions/listen',
      { notifications: {} },
      { accept: 'application/json' },
    );
    expect(answer.status).toBe(406);
  });
});

test('GET and DELETE know no modern era: a version header without a session is 405, DELETE stays 200', async () => {
  await using harness = await Harness.start();
  const headers = { 'mcp-protocol-version': '2026-07-28' };
  expect((await send(harness, 'GET', { ...headers, accept: 'text/event-stream' })).status).toBe(405);
  expect((await send(harness, 'DELETE', headers)).status).toBe(200);
  expect((await post(harness, call('echo'))).status).toBe(200);
});
