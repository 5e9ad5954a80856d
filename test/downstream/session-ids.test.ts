import { describe, expect, test } from 'vitest';
import { call, INITIALIZED, initializeMessage, openSession, post, request, send, sendRaw } from './client.ts';
import { Harness } from './harness.ts';

// eras.md §4.2, row by row.

describe('an id that is no live session of this caller', () => {
  test.each([
    ['unknown', 'nobody-ever-issued-this'],
    ['the text undefined', 'undefined'],
    ['the text null', 'null'],
    ['overlong', 'x'.repeat(1_000)],
  ])('%s: POST is 404 -32001 with the way back', async (_name, id) => {
    await using harness = await Harness.start();
    const answer = await post(harness, call('echo', {}, 'my id'), { 'mcp-session-id': id });
    expect([answer.status, answer.json['error']?.['code'], answer.json['id']]).toEqual([404, -32001, 'my id']);
    expect(String(answer.json['error']?.['message'])).toContain('Send initialize');
    expect(answer.json['error']?.['data']?.['recipe']?.['body']?.['method']).toBe('initialize');
    expect(answer.json['canonical_endpoint']).toBe(harness.url());
    expect(answer.text).not.toContain(id === 'x'.repeat(1_000) ? id : 'nobody-ever');
    expect(harness.handler.seen).toEqual([]);
  });

  test('an empty id is unknown too', async () => {
    await using harness = await Harness.start();
    const body = JSON.stringify(request('ping'));
    const answer = await sendRaw(
      harness,
      `POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: application/json\r\nMcp-Session-Id:\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 404 /);
    expect(answer).toContain('-32001');
  });

  test('longer than 2 KiB is 400', async () => {
    await using harness = await Harness.start();
    const answer = await post(harness, call('echo'), { 'mcp-session-id': 'x'.repeat(2_049) });
    expect([answer.status, answer.json['error']?.['code']]).toEqual([400, -32600]);
  });

  test('GET for its stream is 404 -32001', async () => {
    await using harness = await Harness.start();
    const answer = await send(harness, 'GET', { accept: 'text/event-stream', 'mcp-session-id': 'gone' });
    expect([answer.status, answer.json['error']?.['code']]).toEqual([404, -32001]);
  });

  test('notifications and responses are 404 too', async () => {
    await using harness = await Harness.start();
    expect((await post(harness, INITIALIZED, { 'mcp-session-id': 'gone' })).status).toBe(404);
    expect((await post(harness, { jsonrpc: '2.0', id: 1, result: {} }, { 'mcp-session-id': 'gone' })).status).toBe(404);
  });
});

test('ids live on their route alone', async () => {
  await using harness = await Harness.start({ routes: [{ path: '/mcp' }, { path: '/mcp/other' }] });
  const headers = await openSession(harness);
  expect((await post(harness, request('ping'), headers, '/mcp/other')).status).toBe(404);
});

test('every answer of a session repeats its id', async () => {
  await using harness = await Harness.start();
  const headers = await openSession(harness, '2025-03-26');
  const id = headers['mcp-session-id'];
  const messages = [
    call('echo'),
    request('ping'),
    INITIALIZED,
    call('stream'),
    [request('ping')],
    { jsonrpc: '2.0', id: 9, result: {} },
  ];
  for (const message of messages)
    expect((await post(harness, message, headers)).headers.get('mcp-session-id')).toBe(id);
});

describe('DELETE', () => {
  test('ends the session with 200 and no body, again and again', async () => {
    await using harness = await Harness.start();
    const headers = await openSession(harness);
    for (let round = 0; round < 2; round++) {
      const answer = await send(harness, 'DELETE', headers);
      expect([answer.status, answer.text]).toEqual([200, '']);
    }
    expect((await post(harness, request('ping'), headers)).status).toBe(404);
    expect(harness.sessions.size).toBe(0);
  });

  test('without an id and with a foreign one is 200 and changes nothing', async () => {
    await using harness = await Harness.start();
    const alice = await openSession(harness, '2025-11-25', { 'x-principal': 'alice' });
    expect((await send(harness, 'DELETE', {})).status).toBe(200);
    expect((await send(harness, 'DELETE', { ...alice, 'x-principal': 'mallory' })).status).toBe(200);
    expect((await post(harness, request('ping'), alice)).status).toBe(200);
  });

  test('right after initialize is fine', async () => {
    await using harness = await Harness.start();
    const opened = await post(harness, initializeMessage());
    const headers = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' };
    expect((await send(harness, 'DELETE', headers)).status).toBe(200);
    expect(harness.sessions.size).toBe(0);
  });

  test('while a call runs cancels it upstream and tells its client 404', async () => {
    await using harness = await Harness.start();
    const headers = await openSession(harness);
    const running = post(harness, call('hold'), headers);
    const held = await harness.handler.next();
    await send(harness, 'DELETE', headers);
    const answer = await running;
    expect([answer.status, answer.json['error']?.['code']]).toEqual([404, -32001]);
    expect(held.cancelled).toBe('session ended');
  });

  test('while a call streams ends the stream without an error', async () => {
    await using harness = await Harness.start();
    const headers = await openSession(harness, '2025-06-18');
    const running = post(harness, call('hold'), headers);
    (await harness.handler.next()).progress(1);
    await harness.event((event) => event.type === 'open' && event.resource === 'stream');
    await send(harness, 'DELETE', headers);
    const answer = await running;
    expect(answer.text).toContain('notifications/progress');
    expect(answer.text).not.toContain('error');
    await harness.closed('stream', 'session-ended');
  });
});

describe('the version header of a session', () => {
  test('that differs from the negotiated revision: the negotiated one is served', async () => {
    await using harness = await Harness.start();
    const headers = { ...(await openSession(harness, '2025-06-18')), 'mcp-protocol-version': '2025-03-26' };
    expect((await post(harness, call('echo'), headers)).status).toBe(200);
    expect(harness.handler.seen[0]?.client.revision).toBe('2025-06-18');
  });

  test('may be missing', async () => {
    await using harness = await Harness.start();
    const { 'mcp-session-id': id = '' } = await openSession(harness, '2025-11-25');
    expect((await post(harness, call('echo'), { 'mcp-session-id': id })).status).toBe(200);
    expect(harness.handler.seen[0]?.client.revision).toBe('2025-11-25');
  });

  test.each(['nonsense', '1999-01-01', '2024-10-07'])(
    '%s is 400 -32600 and names what is served; ping is not',
    async (version) => {
      await using harness = await Harness.start();
      const headers = { ...(await openSession(harness)), 'mcp-protocol-version': version };
      const answer = await post(harness, call('echo'), headers);
      expect([answer.status, answer.json['error']?.['code']]).toEqual([400, -32600]);
      expect(String(answer.json['error']?.['message'])).toContain('Supported versions: 2025-11-25, 2025-06-18');
      expect((await post(harness, request('ping'), headers)).status).toBe(200);
    },
  );

  test('modern, without the envelope: 400 -32602 naming the missing keys', async () => {
    await using harness = await Harness.start();
    const headers = { ...(await openSession(harness)), 'mcp-protocol-version': '2026-07-28' };
    const answer = await post(harness, call('echo'), headers);
    expect([answer.status, answer.json['error']?.['code']]).toEqual([400, -32602]);
    expect(String(answer.json['error']?.['message'])).toContain('io.modelcontextprotocol/protocolVersion');
  });
});

describe('a claim of a legacy revision in _meta', () => {
  const claim = { _meta: { 'io.modelcontextprotocol/protocolVersion': '2025-11-25' } };

  test('is ignored in a live session', async () => {
    await using harness = await Harness.start();
    const headers = await openSession(harness);
    expect((await post(harness, request('tools/list', claim), headers)).status).toBe(200);
  });

  test('is -32022 without one, listing what the envelope may name', async () => {
    await using harness = await Harness.start();
    const answer = await post(harness, request('tools/list', claim));
    expect([answer.status, answer.json['error']?.['code']]).toEqual([400, -32022]);
    expect(answer.json['error']?.['data']?.['supported']).toEqual(['2026-07-28']);
  });

  test('does not stop initialize', async () => {
    await using harness = await Harness.start();
    const message = initializeMessage() as { params: object };
    const answer = await post(harness, { ...message, params: { ...message.params, ...claim } });
    expect(answer.status).toBe(200);
  });
});
