import { describe, expect, test } from 'vitest';
import { BOTH, call, initializeMessage, openSession, post, request, send } from './client.ts';
import { Harness } from './harness.ts';

describe('health', () => {
  test.each(['/health', '/healthz', '/livez'])('%s is always 200 JSON', async (path) => {
    await using harness = await Harness.start();
    harness.ready = false;
    const answer = await send(harness, 'GET', {}, undefined, path);
    expect([answer.status, answer.json]).toEqual([200, { status: 'ok' }]);
    expect((await send(harness, 'HEAD', {}, undefined, path)).status).toBe(200);
  });

  test.each(['/ready', '/readyz'])('%s says whether traffic is wanted', async (path) => {
    await using harness = await Harness.start();
    expect((await send(harness, 'GET', {}, undefined, path)).status).toBe(200);
    harness.ready = false;
    const answer = await send(harness, 'GET', {}, undefined, path);
    expect([answer.status, answer.json]).toEqual([503, { status: 'unavailable' }]);
  });
});

describe('GET on the endpoint', () => {
  test.each([undefined, '*/*', 'application/json', 'text/html,application/xhtml+xml'])(
    'with Accept %s says that it is there and how to use it',
    async (accept) => {
      await using harness = await Harness.start();
      const answer = await send(harness, 'GET', accept === undefined ? {} : { accept });
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json']);
      expect(answer.json).toMatchObject({
        ready: true,
        transport: 'streamable_http',
        canonical_endpoint: harness.url(),
        supported_transports: ['streamable_http', 'sse'],
        documentation: 'https://docs.example.com/mcp',
      });
    },
  );

  test('does so with a dead session id, and with a live one', async () => {
    await using harness = await Harness.start();
    expect((await send(harness, 'GET', { 'mcp-session-id': 'gone' })).status).toBe(200);
    expect((await send(harness, 'GET', await openSession(harness))).status).toBe(200);
  });
});

describe('unserved paths', () => {
  test.each(['/api/mcp', '/v1/mcp', '/message', '/v1/messages', '/mcp/mcp', '/mcp/stream', '/mcp/anything/else'])(
    'POST %s is 404 with everything a prober needs',
    async (path) => {
      await using harness = await Harness.start();
      const answer = await post(harness, initializeMessage(), {}, path);
      expect([answer.status, answer.headers.get('content-type')]).toEqual([404, 'application/json']);
      expect(answer.json).toMatchObject({
        error: 'not_implemented',
        canonical_mcp_endpoint: harness.url(),
        canonical_endpoint: harness.url(),
        transport: 'streamable_http',
        supported_transports: ['streamable_http', 'sse'],
        documentation: 'https://docs.example.com/mcp',
      });
      expect(answer.json['recipe']?.['url']).toBe(harness.url());
    },
  );

  test.each(['/firewall', '/.env', '/mcpx', '/favicon.ico'])('%s is a 404 JSON too', async (path) => {
    await using harness = await Harness.start();
    const answer = await send(harness, 'GET', {}, undefined, path);
    expect([answer.status, answer.json['error']]).toEqual([404, 'not_found']);
    expect(harness.refusals).toEqual(['request.path']);
  });

  test('inside somebody’s own server, what is not a route is left alone', async () => {
    await using harness = await Harness.start();
    harness.server.removeAllListeners('request');
    harness.server.on('request', (req, res) => harness.downstream.handleRequest(req, res, () => res.end('theirs')));
    for (const path of ['/', '/health', '/v1/mcp']) {
      expect((await send(harness, 'GET', {}, undefined, path)).text).toBe('theirs');
    }
    expect((await send(harness, 'GET', {})).status).toBe(200);
  });
});

test('a recipe works as it stands', async () => {
  await using harness = await Harness.start();
  const refused = await post(harness, request('tools/list'), { 'mcp-session-id': 'gone' });
  const recipe = refused.json['error']?.['data']?.['recipe'];
  const answer = await fetch(String(recipe?.['url']), {
    method: String(recipe?.['method']),
    headers: recipe?.['headers'] as unknown as Record<string, string>,
    body: JSON.stringify(recipe?.['body']),
  });
  expect(answer.status).toBe(200);
  const modern = await post(harness, request('tools/list'), { 'mcp-protocol-version': '2026-07-28' });
  const second = modern.json['error']?.['data']?.['recipe'];
  const discovered = await fetch(String(second?.['url']), {
    method: 'POST',
    headers: second?.['headers'] as unknown as Record<string, string>,
    body: JSON.stringify(second?.['body']),
  });
  expect(discovered.status).toBe(200);
});

test('unknown query parameters are ignored, and a session id in them is not one', async () => {
  await using harness = await Harness.start();
  const query = '/mcp?api_key=1234&profile=a%20b&Mcp-Session-Id=gone&session_id=gone';
  const opened = await post(harness, initializeMessage(), {}, query);
  expect(opened.status).toBe(200);
  const headers = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' };
  expect((await post(harness, call('echo'), headers, query)).status).toBe(200);
  expect(JSON.stringify(harness.events)).not.toContain('1234');
});

test('a public URL decides the canonical endpoint', async () => {
  await using harness = await Harness.start({ options: { publicUrl: 'https://gate.example.com/tools' } });
  const answer = await send(harness, 'GET', {});
  expect(answer.json['canonical_endpoint']).toBe('https://gate.example.com/tools/mcp');
});

test('Streamable HTTP works on the 2024 stream path as a whole', async () => {
  await using harness = await Harness.start();
  const opened = await post(harness, initializeMessage(), {}, '/mcp/sse');
  const headers = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' };
  expect((await post(harness, call('echo'), headers, '/mcp/sse')).status).toBe(200);
  const stream = await fetch(harness.url('/mcp/sse'), { headers: { accept: 'text/event-stream', ...headers } });
  expect([stream.status, stream.headers.get('mcp-session-id')]).toEqual([200, headers['mcp-session-id']]);
  await stream.body?.cancel();
  expect((await send(harness, 'DELETE', headers, undefined, '/mcp/sse')).status).toBe(200);
  expect((await post(harness, call('echo'), headers)).status).toBe(404);
});

test('/sse takes GET alone', async () => {
  await using harness = await Harness.start();
  const answer = await send(harness, 'POST', { 'content-type': 'application/json', accept: BOTH }, '{}', '/sse');
  expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS']);
});
