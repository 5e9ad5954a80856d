import { describe, expect, test } from 'vitest';
import { call, INITIALIZED, initializeMessage, openSession, post, request } from './client.ts';
import { Harness } from './harness.ts';

// eras.md §4.1, row by row.

describe('initialize answers the asked revision or a counter-offer', () => {
  test.each([
    ['2024-11-05', '2024-11-05'],
    ['2025-03-26', '2025-03-26'],
    ['2025-06-18', '2025-06-18'],
    ['2025-11-25', '2025-11-25'],
    ['2024-10-07', '2024-11-05'],
    ['2026-07-28', '2025-11-25'],
    ['1999-01-01', '2025-11-25'],
    [undefined, '2025-11-25'],
  ])('%s gets %s', async (asked, offered) => {
    await using harness = await Harness.start();
    const answer = await post(harness, initializeMessage(asked));
    expect(answer.status).toBe(200);
    expect(answer.json['result']?.['protocolVersion']).toBe(offered);
    expect(answer.json['result']?.['serverInfo']?.['name']).toBe('scripted');
    expect(answer.json['result']?.['instructions']).toBe('Be brief.');
    expect(answer.headers.get('mcp-session-id')).toMatch(/^[!-~]+$/);
  });

  test('a wrong type is -32602', async () => {
    await using harness = await Harness.start();
    const answer = await post(harness, initializeMessage(7));
    expect([answer.status, answer.json['error']?.['code']]).toEqual([400, -32602]);
    expect(harness.sessions.size).toBe(0);
  });
});

test('initialize with a stale session id makes a new session', async () => {
  await using harness = await Harness.start();
  const answer = await post(harness, initializeMessage(), { 'mcp-session-id': 'gone' });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('mcp-session-id')).not.toBe('gone');
});

test('initialize on a live session makes another one and leaves the first alone', async () => {
  await using harness = await Harness.start();
  const first = await openSession(harness, '2025-06-18');
  const answer = await post(harness, initializeMessage('2025-03-26'), first);
  expect(answer.status).toBe(200);
  expect(answer.headers.get('mcp-session-id')).not.toBe(first['mcp-session-id']);
  expect((await post(harness, call('echo'), first)).status).toBe(200);
  expect(harness.handler.seen[0]?.client.revision).toBe('2025-06-18');
});

test.each(['2025-03-26', 'nonsense', '2026-07-28'])(
  'initialize with version header %s goes by its body',
  async (version) => {
    await using harness = await Harness.start();
    const answer = await post(harness, initializeMessage('2025-06-18'), { 'mcp-protocol-version': version });
    expect([answer.status, answer.json['result']?.['protocolVersion']]).toEqual([200, '2025-06-18']);
  },
);

test('initialize inside a batch is refused', async () => {
  await using harness = await Harness.start();
  const answer = await post(harness, [initializeMessage('2025-03-26')]);
  expect([answer.status, answer.json['error']?.['code']]).toEqual([400, -32600]);
});

test('parallel initializes are independent sessions', async () => {
  await using harness = await Harness.start();
  const answers = await Promise.all(Array.from({ length: 20 }, () => post(harness, initializeMessage())));
  expect(new Set(answers.map((answer) => answer.headers.get('mcp-session-id'))).size).toBe(20);
});

test('at the cap the longest idle session makes room, and when none is idle the answer is 429', async () => {
  await using harness = await Harness.start({ perPrincipal: 1 });
  const first = await openSession(harness);
  const second = await openSession(harness);
  expect((await post(harness, request('ping'), first)).status).toBe(404);
  const running = post(harness, call('hold'), second);
  const held = await harness.handler.next();
  const refused = await post(harness, initializeMessage());
  expect([refused.status, refused.json['error']?.['data']?.['reason']]).toEqual([429, 'session.limit']);
  expect(refused.headers.get('retry-after')).toBe('1');
  held.finish();
  await running;
});

describe('requests before initialize, without a session', () => {
  test('are served as 2025-03-26 with no capabilities, and no id is minted', async () => {
    await using harness = await Harness.start();
    const answer = await post(harness, call('echo', { a: 1 }));
    expect([answer.status, answer.text]).toEqual([200, '{"jsonrpc":"2.0","id":1,"result":{"echo":{"a":1}}}']);
    expect(answer.headers.has('mcp-session-id')).toBe(false);
    const [exchange] = harness.handler.seen;
    expect([exchange?.client.revision, exchange?.client.capabilities, exchange?.sessionId]).toEqual([
      '2025-03-26',
      {},
      undefined,
    ]);
  });

  test('take their revision from the header', async () => {
    await using harness = await Harness.start();
    await post(harness, call('echo'), { 'mcp-protocol-version': '2025-06-18' });
    expect(harness.handler.seen[0]?.client.revision).toBe('2025-06-18');
  });

  test('are refused where the route wants sessions; ping is answered everywhere', async () => {
    await using harness = await Harness.start({ routes: [{ sessionless: false }] });
    const answer = await post(harness, call('echo'));
    expect([answer.status, answer.json['error']?.['code']]).toEqual([400, -32600]);
    expect(String(answer.json['error']?.['message'])).toMatch(/^Missing session ID/);
    expect((await post(harness, request('ping'))).json).toEqual({ jsonrpc: '2.0', id: 1, result: {} });
  });

  test('cannot subscribe: there is no session to own it', async () => {
    await using harness = await Harness.start();
    const answer = await post(harness, request('resources/subscribe', { uri: 'file:///a' }));
    expect([answer.status, answer.json['error']?.['data']?.['reason']]).toEqual([200, 'session.missing']);
  });
});

describe('notifications/initialized', () => {
  test('may come late: requests before it are served', async () => {
    await using harness = await Harness.start();
    const opened = await post(harness, initializeMessage());
    const headers = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' };
    expect((await post(harness, call('echo'), headers)).status).toBe(200);
    const late = await post(harness, INITIALIZED, headers);
    expect([late.status, late.text, late.headers.get('mcp-session-id')]).toEqual([202, '', headers['mcp-session-id']]);
    expect(harness.used('initialized-doubled')).toBe(0);
  });

  test('may come twice', async () => {
    await using harness = await Harness.start();
    const headers = await openSession(harness);
    expect((await post(harness, INITIALIZED, headers)).status).toBe(202);
  });

  test('may come without a session, and completes none', async () => {
    await using harness = await Harness.start({ routes: [{ handshake: 'strict' }] });
    const opened = await post(harness, initializeMessage());
    const headers = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' };
    expect((await post(harness, INITIALIZED)).status).toBe(202);
    expect((await post(harness, call('echo'), headers)).status).toBe(400);
  });
});

describe('a strict handshake', () => {
  test('refuses requests before initialized with a recipe, but for ping', async () => {
    await using harness = await Harness.start({ routes: [{ handshake: 'strict' }] });
    const opened = await post(harness, initializeMessage());
    const headers = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' };
    const answer = await post(harness, request('tools/list'), headers);
    expect([answer.status, answer.json['error']?.['code']]).toEqual([400, -32600]);
    expect(answer.json['error']?.['data']?.['reason']).toBe('session.handshake');
    expect(answer.headers.get('mcp-session-id')).toBe(headers['mcp-session-id']);
    expect((await post(harness, request('ping'), headers)).status).toBe(200);
    await post(harness, INITIALIZED, headers);
    expect((await post(harness, request('tools/list'), headers)).status).toBe(200);
  });

  test('discards a pending session after 30 s, and not one that completed', async () => {
    await using harness = await Harness.start({ routes: [{ handshake: 'strict' }] });
    await post(harness, initializeMessage());
    const complete = await openSession(harness);
    expect(harness.sessions.size).toBe(2);
    harness.clock.advance(30_000);
    await harness.closed('session', 'handshake');
    expect(harness.sessions.size).toBe(1);
    expect((await post(harness, request('ping'), complete)).status).toBe(200);
  });
});

test('a route that cannot be described answers in band and leaves no session', async () => {
  await using harness = await Harness.start();
  harness.edge.failure = new Error('upstream down');
  const answer = await post(harness, initializeMessage());
  expect([answer.status, answer.json['error']?.['code']]).toEqual([200, -32603]);
  expect(answer.text).not.toContain('upstream down');
  expect(harness.sessions.size).toBe(0);
});

test('a session whose client went away before its answer does not stay', async () => {
  await using harness = await Harness.start();
  const gate = Promise.withResolvers<void>();
  harness.edge.gate = gate.promise;
  const gone = new AbortController();
  const closed = new Promise((resolve) => harness.server.once('request', (_req, res) => res.once('close', resolve)));
  const answer = fetch(harness.url(), {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify(initializeMessage()),
    signal: gone.signal,
  });
  await harness.event((event) => event.type === 'open' && event.resource === 'session');
  gone.abort();
  await expect(answer).rejects.toThrow();
  await closed;
  gate.resolve();
  await harness.closed('session', 'client-gone');
});
