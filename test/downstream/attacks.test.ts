import { describe, expect, test } from 'vitest';
import {
  BOTH,
  call,
  dial,
  initializeMessage,
  open,
  openSession,
  post,
  readUntil,
  request,
  send,
  sendRaw,
} from './client.ts';
import { EventReader } from './event-reader.ts';
import { Harness } from './harness.ts';

const PING = JSON.stringify(request('ping'));
const JSON_HEADERS = 'Content-Type: application/json\r\nAccept: application/json\r\n';

describe('DNS rebinding', () => {
  // Attack: a page of evil.example, whose name now resolves to 127.0.0.1, talks to a gateway on this machine.
  test.each([
    'evil.example',
    'evil.example:8808',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'localhost:x',
    '[::1].evil',
  ])('Host %s is 403 and is not repeated', async (host) => {
    await using harness = await Harness.start();
    const answer = await sendRaw(
      harness,
      `POST /mcp HTTP/1.1\r\nHost: ${host}\r\n${JSON_HEADERS}Content-Length: ${PING.length}\r\n\r\n${PING}`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 403 /);
    expect(answer).toContain('"reason":"request.host"');
    expect(answer).not.toContain('evil');
  });

  test.each(['localhost', 'LOCALHOST:8808', '127.0.0.1', '[::1]:99'])('Host %s is served', async (host) => {
    await using harness = await Harness.start();
    const answer = await sendRaw(
      harness,
      `POST /mcp HTTP/1.1\r\nHost: ${host}\r\n${JSON_HEADERS}Content-Length: ${PING.length}\r\n\r\n${PING}`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  });

  // Attack: the absolute form of the request target names another host than the Host header.
  test('an absolute target with a foreign host is 403', async () => {
    await using harness = await Harness.start();
    const answer = await sendRaw(
      harness,
      `POST http://evil.example/mcp HTTP/1.1\r\nHost: localhost\r\n${JSON_HEADERS}Content-Length: ${PING.length}\r\n\r\n${PING}`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 403 /);
  });

  test('health needs no Host: load balancers probe by address', async () => {
    await using harness = await Harness.start();
    expect(await sendRaw(harness, 'GET /livez HTTP/1.1\r\nHost: 10.0.0.7\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('cross-site requests', () => {
  test.each([
    'https://evil.example',
    'null',
    'http://localhost.evil.example',
    'https://app.example.com:444',
    'http://localhost:80x',
  ])('Origin %s is 403, without CORS headers, also as a preflight', async (origin) => {
    await using harness = await Harness.start();
    const answer = await post(harness, request('ping'), { origin });
    expect([answer.status, answer.json['error']?.['data']?.['reason']]).toEqual([403, 'request.origin']);
    expect(answer.headers.has('access-control-allow-origin')).toBe(false);
    expect((await send(harness, 'OPTIONS', { origin })).status).toBe(403);
  });

  test.each(['http://localhost:5173', 'http://localhost', 'https://app.example.com'])(
    'Origin %s is served',
    async (origin) => {
      await using harness = await Harness.start();
      const answer = await post(harness, request('ping'), { origin });
      expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([200, origin]);
      expect(answer.headers.get('vary')).toBe('Origin');
    },
  );

  test('with * every origin is served', async () => {
    await using harness = await Harness.start({ options: { allowedOrigins: ['*'] } });
    const answer = await post(harness, request('ping'), { origin: 'https://anywhere.example' });
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([200, '*']);
  });

  // Attack: a form posts text/plain, or a body without a type, across sites: browsers send both without a preflight.
  test('text/plain and a missing type with an Origin are 415 even from an allowed origin', async () => {
    await using harness = await Harness.start();
    const origin = 'https://app.example.com';
    expect((await send(harness, 'POST', { origin, 'content-type': 'text/plain' }, PING)).status).toBe(415);
    const raw = `POST /mcp HTTP/1.1\r\nHost: localhost\r\nOrigin: ${origin}\r\nAccept: application/json\r\nContent-Length: ${PING.length}\r\n\r\n${PING}`;
    expect(await sendRaw(harness, raw)).toMatch(/^HTTP\/1\.1 415 /);
    expect(harness.used('content-type-missing')).toBe(0);
  });

  // Attack: two Content-Types, so that a filter reads one and we the other.
  test('two joined Content-Types are 415', async () => {
    await using harness = await Harness.start();
    expect(
      (await send(harness, 'POST', { 'content-type': 'application/json, text/plain', accept: BOTH }, PING)).status,
    ).toBe(415);
  });
});

describe('header smuggling', () => {
  // Attack: two session ids, of which a proxy checked the first.
  test('two different session ids are 400, equal ones are one', async () => {
    await using harness = await Harness.start();
    const { 'mcp-session-id': id } = await openSession(harness);
    const raw = (second: string): string =>
      `POST /mcp HTTP/1.1\r\nHost: localhost\r\n${JSON_HEADERS}Mcp-Session-Id: ${id}\r\nMCP-Session-Id: ${second}\r\nContent-Length: ${PING.length}\r\n\r\n${PING}`;
    expect(await sendRaw(harness, raw('other'))).toMatch(/^HTTP\/1\.1 400 /);
    expect(await sendRaw(harness, raw(id ?? ''))).toMatch(/^HTTP\/1\.1 200 /);
  });

  // Attack: two version headers, one legacy for the filter and one modern for us.
  test('two version headers are 400', async () => {
    await using harness = await Harness.start();
    const body = JSON.stringify(call('echo'));
    const answer = await sendRaw(
      harness,
      `POST /mcp HTTP/1.1\r\nHost: localhost\r\n${JSON_HEADERS}MCP-Protocol-Version: 2025-06-18\r\nMCP-Protocol-Version: 2026-07-28\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(harness.handler.seen).toEqual([]);
  });

  // Attack: a second request hidden behind disagreeing lengths (CL.TE).
  test('Content-Length with Transfer-Encoding is 400 JSON and the connection ends', async () => {
    await using harness = await Harness.start();
    const answer = await sendRaw(
      harness,
      `POST /mcp HTTP/1.1\r\nHost: localhost\r\n${JSON_HEADERS}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n`,
      () => false,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('"code":-32600');
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
  });

  // Attack: TLS or RDP bytes on the plain port.
  test('bytes that are no HTTP get 400 JSON', async () => {
    await using harness = await Harness.start();
    const answer = await sendRaw(harness, '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', () => false);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('"canonical_endpoint":"/mcp"');
  });

  // Attack: duplicate envelope members, which two parsers read differently.
  test('duplicate members are 400', async () => {
    await using harness = await Harness.start();
    const answer = await post(harness, '{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}');
    expect([answer.status, answer.json['error']?.['code']]).toEqual([400, -32600]);
  });
});

describe('sessions of others', () => {
  // Attack: an id stolen from a log is used under another principal; the answer must not even say that it exists.
  test('a foreign session id answers like one that never existed, for every verb', async () => {
    await using harness = await Harness.start();
    const alice = await openSession(harness, '2025-11-25', { 'x-principal': 'alice' });
    const stolen = { ...alice, 'x-principal': 'mallory' };
    const never = { ...stolen, 'mcp-session-id': 'never-existed' };
    const strip = (text: string): string => text.replaceAll(/"(id|exchange)":"[^"]*"/g, '');
    const [foreign, unknown] = [await post(harness, call('echo'), stolen), await post(harness, call('echo'), never)];
    expect([foreign.status, strip(foreign.text)]).toEqual([unknown.status, strip(unknown.text)]);
    expect((await send(harness, 'GET', { accept: 'text/event-stream', ...stolen })).status).toBe(404);
    await send(harness, 'DELETE', stolen);
    expect((await post(harness, call('echo'), alice)).status).toBe(200);
  });

  // Attack (session fixation): the attacker makes the victim's client initialize under an id the attacker knows.
  test('an id the client brings is never the id of its session', async () => {
    await using harness = await Harness.start();
    const fixed = await openSession(harness, '2025-11-25', { 'x-principal': 'mallory' });
    const victim = await openSession(harness, '2025-11-25', {
      'x-principal': 'alice',
      'mcp-session-id': fixed['mcp-session-id'] ?? '',
    });
    expect(victim['mcp-session-id']).not.toBe(fixed['mcp-session-id']);
  });

  // Attack: an event id of another session, to have that session's messages replayed.
  test('an event id of another session replays nothing', async () => {
    await using harness = await Harness.start();
    const alice = await openSession(harness);
    const mallory = await openSession(harness);
    const stream = new EventReader(await open(harness, 'GET', { accept: 'text/event-stream', ...alice }));
    const primed = await stream.next();
    (await harness.subscriptions.nth(0)).report({ kind: 'updated', uri: 'secret:///plan' });
    await stream.message();
    const response = await open(harness, 'GET', {
      accept: 'text/event-stream',
      ...mallory,
      'last-event-id': primed?.id ?? '',
    });
    const other = new EventReader(response);
    const first = await other.next();
    expect([response.status, first?.data]).toEqual([200, '']);
    (await harness.subscriptions.nth(1)).report({ kind: 'tools' });
    expect((await other.message())?.data).toContain('tools/list_changed');
    await stream.close();
    await other.close();
  });
});

describe('size and time', () => {
  // Attack: heads that fill memory.
  test('an oversized head is 431 JSON', async () => {
    await using harness = await Harness.start({ limits: { headerBytes: 4_096 } });
    const answer = await sendRaw(
      harness,
      `POST /mcp HTTP/1.1\r\nHost: localhost\r\nX-Fill: ${'x'.repeat(8_000)}\r\n\r\n`,
      () => false,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
    expect(answer).toContain('"jsonrpc":"2.0"');
  });

  // Attack: a nesting bomb for recursive parsers.
  test('deep nesting is 400', async () => {
    await using harness = await Harness.start();
    const answer = await post(harness, `${'['.repeat(200)}${']'.repeat(200)}`);
    expect([answer.status, answer.json['error']?.['code']]).toEqual([400, -32600]);
  });

  // Attack: an id of megabytes, echoed into every answer and log.
  test('an overlong id is 400 and not echoed', async () => {
    await using harness = await Harness.start();
    const answer = await post(harness, request('ping', {}, 'x'.repeat(300)));
    expect([answer.status, answer.json['id']]).toEqual([400, null]);
  });

  // Attack: one body byte now and then, to hold requests open for ever.
  test('a body that does not arrive in time is 408 and the connection ends', async () => {
    await using harness = await Harness.start();
    const socket = await dial(harness);
    const seen = new Promise((resolve) => harness.server.once('request', resolve));
    socket.write(`POST /mcp HTTP/1.1\r\nHost: localhost\r\n${JSON_HEADERS}Content-Length: 100\r\n\r\n{`);
    await seen;
    const answer = readUntil(socket, () => false);
    harness.clock.advance(30_000);
    expect(await answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(harness.refusals).toEqual(['body.timeout']);
  });

  // Attack: an upload without end after it was refused.
  test('who goes on sending a refused body is cut off', async () => {
    await using harness = await Harness.start({ limits: { bodyBytes: 1_000 } });
    const socket = await dial(harness);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    socket.on('data', () => undefined);
    socket.write(`POST /mcp HTTP/1.1\r\nHost: localhost\r\n${JSON_HEADERS}Content-Length: 100000000\r\n\r\n`);
    const more = (error?: Error | null): void => {
      // By way of the event loop: callbacks of synchronous writes alone would never let the server run.
      if (error === undefined || error === null) setImmediate(() => socket.write('x'.repeat(1_000), more));
    };
    more();
    await closed;
    expect(harness.refusals).toEqual(['body.too-large']);
  });

  // Attack: uploads that are broken off, to leave something behind.
  test('an aborted upload leaves nothing', async () => {
    await using harness = await Harness.start();
    const socket = await dial(harness);
    const gone = new Promise((resolve) => harness.server.once('request', (req) => req.once('close', resolve)));
    socket.write(`POST /mcp HTTP/1.1\r\nHost: localhost\r\n${JSON_HEADERS}Content-Length: 100\r\n\r\n{`);
    const seen = new Promise((resolve) => harness.server.once('request', resolve));
    await seen;
    socket.destroy();
    await gone;
    expect(harness.clock.pending).toBe(0);
  });
});

// Attack: whatever makes the gateway's own code fail, to learn of its inside from the answer.
test('a fault inside is 500 with an id that the log has too, and nothing else', async () => {
  await using harness = await Harness.start();
  const answer = await post(harness, call('throw'), await openSession(harness));
  expect([answer.status, answer.json['error']?.['code']]).toEqual([500, -32603]);
  expect(answer.text).not.toContain('a bug in the handler');
  const exchange = answer.json['error']?.['data']?.['exchange'];
  const notice = harness.events.find((event) => event.type === 'notice');
  expect(notice?.type === 'notice' ? notice.detail?.['exchange'] : undefined).toBe(exchange);
  expect((await post(harness, initializeMessage())).status).toBe(200);
});

// Attack: markup in a path, a header or a body that an error page would show.
test('nothing a caller sends comes back as HTML', async () => {
  await using harness = await Harness.start();
  const answers = [
    await send(harness, 'GET', {}, undefined, '/<script>alert(1)</script>'),
    await post(harness, request('<script>'), { 'mcp-session-id': '<script>' }),
    await post(harness, '<script>'),
  ];
  for (const answer of answers) {
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.text).not.toContain('<script>');
  }
});
