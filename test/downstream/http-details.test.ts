import { describe, expect, test } from 'vitest';
import { call, INITIALIZED, openSession, post, request, send, sendRaw } from './client.ts';
import { Harness } from './harness.ts';

// eras.md §4.3, row by row.

const PING = JSON.stringify(request('ping'));
const STREAM = JSON.stringify(call('stream'));

/** A raw POST, for headers that fetch would add or change. */
function rawPost(harness: Harness, headers: string, body: string): Promise<string> {
  const head = `POST /mcp HTTP/1.1\r\nHost: localhost\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n`;
  return sendRaw(harness, head + body, () => false);
}

describe('Accept of a POST', () => {
  test.each([
    ['both', 'application/json, text/event-stream', 'text/event-stream'],
    ['both, reversed and weighted', 'text/event-stream;q=0.9, application/json', 'text/event-stream'],
    ['JSON alone', 'application/json', 'application/json'],
    ['SSE alone', 'text/event-stream', 'text/event-stream'],
    ['a wildcard', '*/*', 'application/json'],
    ['a JSON wildcard', 'application/*', 'application/json'],
    ['SSE by name and a wildcard', 'text/event-stream, */*', 'text/event-stream'],
  ])('%s: a streaming call is answered as %s → %s', async (_name, accept, type) => {
    await using harness = await Harness.start();
    const answer = await send(harness, 'POST', { 'content-type': 'application/json', accept }, STREAM);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, type]);
    const expected = type === 'application/json' ? 0 : 2;
    expect(answer.text.split('notifications/progress').length - 1).toBe(expected);
    expect(answer.text).toContain('"result":{"content":[]}');
  });

  test('missing: JSON', async () => {
    await using harness = await Harness.start();
    const answer = await rawPost(harness, 'Content-Type: application/json\r\n', STREAM);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer.toLowerCase()).toContain('content-type: application/json');
  });

  test('JSON alone gets an exact content-length, SSE alone a stream even for a plain answer', async () => {
    await using harness = await Harness.start();
    const json = await send(harness, 'POST', { 'content-type': 'application/json', accept: 'application/json' }, PING);
    expect(json.headers.get('content-length')).toBe(String(json.text.length));
    const sse = await send(harness, 'POST', { 'content-type': 'application/json', accept: 'text/event-stream' }, PING);
    expect(sse.text).toBe('data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n');
    expect(sse.headers.get('x-accel-buffering')).toBe('no');
  });

  test('what fits neither is 406 with JSON', async () => {
    await using harness = await Harness.start();
    const answer = await send(harness, 'POST', { 'content-type': 'application/json', accept: 'text/html' }, PING);
    expect([answer.status, answer.json['error']?.['code']]).toEqual([406, -32600]);
    expect(answer.json['supported_transports']).toEqual(['streamable_http', 'sse']);
  });
});

describe('Content-Type of a POST', () => {
  test.each([
    ['application/json; charset=utf-8', 200],
    ['APPLICATION/JSON', 200],
    ['application/vnd.mcp+json', 200],
    ['text/plain', 415],
    ['text/plain;x=application/json', 415],
    ['multipart/form-data', 415],
    ['application/x-www-form-urlencoded', 415],
  ])('%s → %i', async (type, status) => {
    await using harness = await Harness.start();
    const answer = await send(harness, 'POST', { 'content-type': type, accept: 'application/json' }, PING);
    expect(answer.status).toBe(status);
    expect(harness.events.some((event) => event.type === 'accommodation' && event.id === 'content-type-missing')).toBe(
      false,
    );
  });

  test('missing is read as JSON', async () => {
    await using harness = await Harness.start();
    expect(await rawPost(harness, 'Accept: application/json\r\n', PING)).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('a compressed body is 415', async () => {
    await using harness = await Harness.start();
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip', accept: 'application/json' };
    expect((await send(harness, 'POST', headers, PING)).status).toBe(415);
  });
});

describe('HEAD, OPTIONS and other verbs', () => {
  test('HEAD is the head of the liveness answer; with that accommodation off it is 405', async () => {
    await using harness = await Harness.start({
      routes: [{}, { path: '/plain', accommodations: { 'liveness-probe': false } }],
    });
    const answer = await send(harness, 'HEAD', {});
    expect([answer.status, answer.text, answer.headers.get('content-type')]).toEqual([200, '', 'application/json']);
    expect((await send(harness, 'HEAD', {}, undefined, '/plain')).status).toBe(405);
  });

  test('OPTIONS lists the headers and repeats requested Mcp-Param-* names', async () => {
    await using harness = await Harness.start();
    const answer = await send(harness, 'OPTIONS', {
      origin: 'http://localhost:5173',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type, mcp-param-region, x-evil, mcp-session-id',
    });
    expect(answer.status).toBe(204);
    expect(answer.headers.get('access-control-allow-origin')).toBe('http://localhost:5173');
    expect(answer.headers.get('access-control-expose-headers')).toContain('Mcp-Session-Id');
    const allowed = answer.headers.get('access-control-allow-headers') ?? '';
    for (const name of ['MCP-Protocol-Version', 'Mcp-Method', 'Mcp-Name', 'Mcp-Session-Id', 'mcp-param-region']) {
      expect(allowed).toContain(name);
    }
    expect(allowed).not.toContain('x-evil');
  });

  test.each(['PUT', 'PATCH'])('%s is 405 with Allow and a body that says where to go', async (method) => {
    await using harness = await Harness.start();
    const answer = await send(harness, method, {}, '{}');
    expect([answer.status, answer.json['error']]).toEqual([405, 'not_implemented']);
    expect(answer.headers.get('allow')).toContain('POST');
    expect(answer.json['canonical_mcp_endpoint']).toBe(harness.url());
  });
});

describe('batches', () => {
  const batch = [request('ping', {}, 1), INITIALIZED, call('echo', { n: 2 }, 'two')];

  test('a 2025-03-26 session is served with one array', async () => {
    await using harness = await Harness.start();
    const answer = await post(harness, batch, await openSession(harness, '2025-03-26'));
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual([
      { jsonrpc: '2.0', id: 1, result: {} },
      { jsonrpc: '2.0', id: 'two', result: { echo: { n: 2 } } },
    ]);
  });

  test('an unknown version is served', async () => {
    await using harness = await Harness.start();
    expect((await post(harness, batch)).json).toHaveLength(2);
  });

  test('when something streams, the whole batch is one stream', async () => {
    await using harness = await Harness.start();
    const answer = await post(
      harness,
      [request('ping', {}, 1), call('stream', {}, 2)],
      await openSession(harness, '2025-03-26'),
    );
    expect(answer.headers.get('content-type')).toBe('text/event-stream');
    expect(answer.text.match(/"id":1,"result"/g)).toHaveLength(1);
    expect(answer.text.match(/"id":2,"result"/g)).toHaveLength(1);
  });

  test('of notifications alone is 202', async () => {
    await using harness = await Harness.start();
    const answer = await post(harness, [INITIALIZED], await openSession(harness, '2025-03-26'));
    expect([answer.status, answer.text]).toEqual([202, '']);
  });

  test('broken elements are answered one by one', async () => {
    await using harness = await Harness.start();
    const answer = await post(harness, [{ jsonrpc: '1.0', id: 5, method: 'ping' }, request('ping', {}, 6)]);
    expect(answer.json[0]?.['error']?.['code']).toBe(-32600);
    expect(answer.json[1]).toEqual({ jsonrpc: '2.0', id: 6, result: {} });
  });

  test.each(['2025-06-18', '2025-11-25'])('a session of %s is refused', async (revision) => {
    await using harness = await Harness.start();
    const answer = await post(harness, batch, await openSession(harness, revision));
    expect([answer.status, answer.json['error']?.['code']]).toEqual([400, -32600]);
    expect(String(answer.json['error']?.['message'])).toContain('removed in 2025-06-18');
  });

  test.each([
    ['empty', []],
    [
      'with a modern element',
      [request('tools/list', { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } })],
    ],
    ['longer than the limit', Array.from({ length: 101 }, (_value, id) => request('ping', {}, id))],
  ])('%s: 400', async (_name, body) => {
    await using harness = await Harness.start();
    const answer = await post(harness, body);
    expect([answer.status, answer.json['error']?.['code']]).toEqual([400, -32600]);
  });
});

describe('bodies', () => {
  test.each([
    ['id null', '{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600],
    ['no JSON', '{"jsonrpc":', -32700],
    ['empty', '', -32700],
    ['a string', '"hello"', -32600],
    ['params as an array', '{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}', -32600],
    ['no version', '{"id":1,"method":"ping"}', -32600],
  ])('%s: 400, before the session is looked at', async (_name, body, code) => {
    await using harness = await Harness.start();
    const answer = await post(harness, body, { 'mcp-session-id': 'gone' });
    expect([answer.status, answer.json['error']?.['code']]).toEqual([400, code]);
  });

  test.each(['9007199254740993', '1e400', '-0', '0.1', '"\\u0061"', '"ключ"'])(
    'the id %s comes back byte for byte',
    async (id) => {
      await using harness = await Harness.start();
      const answer = await post(harness, `{"jsonrpc":"2.0","id":${id},"method":"ping"}`);
      expect(answer.text).toBe(`{"jsonrpc":"2.0","id":${id},"result":{}}`);
    },
  );

  test('numbers above 2^53 in arguments and results are not rounded', async () => {
    await using harness = await Harness.start();
    const body =
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"n":9007199254740993}}}';
    expect((await post(harness, body)).text).toContain('{"n":9007199254740993}');
  });

  test('over the limit is 413, announced or not, and the connection stays usable', async () => {
    await using harness = await Harness.start({ limits: { bodyBytes: 1_000 } });
    const answer = await post(harness, call('echo', { text: 'x'.repeat(2_000) }));
    expect([answer.status, answer.json['error']?.['data']?.['reason']]).toEqual([413, 'body.too-large']);
    const chunk = 'x'.repeat(1_500);
    const raw = await sendRaw(
      harness,
      `POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.length.toString(16)}\r\n${chunk}\r\n0\r\n\r\n`,
    );
    expect(raw).toMatch(/^HTTP\/1\.1 413 /);
  });
});

describe('in-flight ids', () => {
  test('may repeat; each POST gets its own answer', async () => {
    await using harness = await Harness.start();
    const headers = await openSession(harness);
    const first = post(harness, call('hold', {}, 1), headers);
    const heldFirst = await harness.handler.next();
    const second = post(harness, call('hold', {}, 1), headers);
    const heldSecond = await harness.handler.next();
    heldSecond.finish('{"n":2}');
    expect((await second).json['result']).toEqual({ n: 2 });
    heldFirst.finish('{"n":1}');
    expect((await first).json['result']).toEqual({ n: 1 });
  });

  test('cancelled with an ambiguous id cancels nothing', async () => {
    await using harness = await Harness.start();
    const headers = await openSession(harness);
    const answers = [post(harness, call('hold', {}, 1), headers), post(harness, call('hold', {}, 1), headers)];
    const held = [await harness.handler.next(), await harness.handler.next()];
    await post(harness, { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } }, headers);
    expect(held.map((one) => one.cancelled)).toEqual([undefined, undefined]);
    for (const one of held) one.finish();
    await Promise.all(answers);
  });

  test('cancelled with a plain id cancels upstream and ends the wait', async () => {
    await using harness = await Harness.start();
    const headers = await openSession(harness);
    const answer = post(harness, call('hold', {}, 'abc'), headers);
    const held = await harness.handler.next();
    await post(harness, { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'abc' } }, headers);
    expect((await answer).json['error']?.['data']?.['reason']).toBe('exchange.cancelled');
    expect(held.cancelled).toBe('cancelled by client');
  });

  test('beyond the limit are 429', async () => {
    await using harness = await Harness.start({ limits: { inFlightPerSession: 1 } });
    const headers = await openSession(harness);
    const first = post(harness, call('hold', {}, 1), headers);
    const held = await harness.handler.next();
    const refused = await post(harness, call('echo', {}, 2), headers);
    expect([refused.status, refused.json['error']?.['data']?.['reason']]).toEqual([429, 'request.rate']);
    held.finish();
    await first;
  });
});

describe('responses and notifications', () => {
  test('a response nobody waits for is 202, with a modern header 400', async () => {
    await using harness = await Harness.start();
    const response = { jsonrpc: '2.0', id: 77, result: {} };
    expect((await post(harness, response)).status).toBe(202);
    expect((await post(harness, response, await openSession(harness))).status).toBe(202);
    const refused = await post(harness, response, { 'mcp-protocol-version': '2026-07-28' });
    expect([refused.status, refused.json['error']?.['code']]).toEqual([400, -32600]);
  });

  test('an unknown notification is 202 and reaches no server', async () => {
    await using harness = await Harness.start();
    const headers = await openSession(harness);
    expect((await post(harness, { jsonrpc: '2.0', method: 'notifications/custom' }, headers)).status).toBe(202);
    expect(harness.handler.seen).toEqual([]);
  });

  test('unknown methods are -32601 in band once the handler says so; modern-only ones at once', async () => {
    await using harness = await Harness.start();
    const headers = await openSession(harness);
    const answer = await post(harness, request('server/discover'), headers);
    expect([answer.status, answer.json['error']?.['code']]).toEqual([200, -32601]);
  });

  test.each([
    ['method.unknown', 200, -32601],
    ['params.invalid', 200, -32602],
    ['resource.unknown', 200, -32002],
    ['upstream.timeout', 200, -32603],
    ['gateway.internal', 200, -32603],
    ['gateway.draining', 503, -32603],
  ])('a failed exchange %s is %i %i for a legacy client', async (code, status, rpc) => {
    await using harness = await Harness.start();
    const answer = await post(harness, call(`fail:${code}`), await openSession(harness));
    expect([answer.status, answer.json['error']?.['code']]).toEqual([status, rpc]);
    expect(answer.json['error']?.['data']?.['reason']).toBe(code);
    expect(answer.json['error']?.['data']?.['exchange']).toBe(harness.handler.seen[0]?.id);
  });

  test('logging/setLevel is kept for the session', async () => {
    await using harness = await Harness.start();
    const headers = await openSession(harness);
    expect((await post(harness, request('logging/setLevel', { level: 'warning' }), headers)).json['result']).toEqual(
      {},
    );
    await post(harness, call('echo'), headers);
    expect(harness.handler.seen[0]?.logLevel).toBe('warning');
    const wrong = await post(harness, request('logging/setLevel', { level: 'loud' }), headers);
    expect([wrong.status, wrong.json['error']?.['code']]).toEqual([200, -32602]);
  });
});
