/** Clients that look around before they know where they are (field notes C02 to C45): one answer each has to be enough. */
import { describe, expect, test } from 'vitest';
import { call, INITIALIZED, initializeMessage, type Json, post, request, send, sendRaw } from './client.ts';
import { Harness } from './harness.ts';

/** Where published clients and catalogues were seen to look, and what is served on none of them by default. */
const PROBED_TRANSPORTS = [
  '/api/mcp',
  '/v1/mcp',
  '/v1',
  '/message',
  '/api/llm/mcp',
  '/mcp/stream',
  '/mcp/mcp',
  '/mcp/mcp/stream',
  '/mcp/sse/mcp',
  '/mcp/api/mcp',
  '/mcp/v1/mcp',
  '/v1/messages',
];
const PROBED_DOCUMENTS = [
  '/.well-known/oauth-authorization-server',
  '/.well-known/oauth-authorization-server/mcp',
  '/.well-known/openid-configuration',
  '/.well-known/openid-configuration/mcp',
  '/mcp/.well-known/oauth-authorization-server',
  '/mcp/.well-known/openid-configuration',
  '/mcp/sse/.well-known/oauth-authorization-server',
  '/.well-known/oauth-protected-resource',
  '/.well-known/jwks.json',
  '/.well-known/a2a.json',
  '/.well-known/agent',
  '/.well-known/ai-agent.json',
  '/.well-known/ai-plugin.json',
  '/.well-known/glama.json',
  '/.well-known/mcp-registry-auth',
  '/.well-known/security.txt',
  '/.well-known/x402',
  '/.well-known/x402.json',
  '/.well-known/xaa.json',
  '/.well-known/oabp.json',
  '/a2a.json',
  '/agent.json',
  '/agent',
  '/v1/agent.json',
  '/v1/agent-card.json',
  '/v2/agent-card.json',
  '/api/agent.json',
  '/api/agent-card.json',
  '/a2a/agent.json',
  '/a2a/.well-known/agent-card.json',
  '/agents/agent-card.json',
  '/agents/.well-known/agent-card.json',
  '/aigen/.well-known/agent-card.json',
  '/mcp/.well-known/agent-card.json',
  '/agent/authenticatedExtendedCard',
  '/api/a2a',
  '/a2a',
  '/authorize',
  '/consent',
  '/callback',
  '/login',
  '/register',
  '/token',
  '/missions',
  '/missions/active',
  '/missions/feed.xml',
  '/api/missions?limit=30',
  '/api/missions/open',
  '/api/v1/agents/me/balance',
  '/api/agent/balance?agent_id=me',
  '/api/submissions?agent_id=me',
  '/api/task/26',
  '/api/tasks/26',
  '/tasks/26',
  '/api/task_board',
  '/api/list_missions',
  '/api/explore',
  '/m/mis_1',
  '/specs.zip',
  '/specs/AIP-1.zip',
];

/** What lets a program go on: where, how, and a request to copy. */
async function expectLesson(harness: Harness, answer: { json: Json; headers: Headers }): Promise<void> {
  expect(answer.headers.get('content-type')).toBe('application/json');
  const { json } = answer;
  expect([json['canonical_endpoint'], json['supported_transports']]).toEqual([
    harness.url(),
    ['streamable_http', 'sse'],
  ]);
  const recipe = (json['recipe'] ?? json['error']?.['data']?.['recipe']) as unknown as Copied;
  const { method, url, headers, body } = recipe;
  expect((await fetch(url, { method, headers, body: JSON.stringify(body) })).status).toBe(200);
}

interface Copied {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: unknown;
}

describe('a path loop ends with its first answer', () => {
  test.each(PROBED_TRANSPORTS)('%s', async (path) => {
    await using harness = await Harness.start();
    for (const method of ['GET', 'POST']) {
      const answer = await send(
        harness,
        method,
        { 'content-type': 'application/json' },
        method === 'GET' ? undefined : '{}',
        path,
      );
      expect([answer.status, answer.json['error']]).toEqual([404, 'not_implemented']);
      await expectLesson(harness, answer);
    }
  });

  test.each(PROBED_DOCUMENTS)('%s', async (path) => {
    await using harness = await Harness.start();
    const answer = await send(harness, 'GET', {}, undefined, path);
    expect([answer.status, answer.json['error']]).toEqual([404, 'not_implemented']);
    expect(answer.json['authentication']).toEqual({ required: false });
    await expectLesson(harness, answer);
    const head = await send(harness, 'HEAD', {}, undefined, path);
    expect([head.status, head.text]).toEqual([404, '']);
  });

  test('where a route declares AIP-1 it is told in the words of AIP-1', async () => {
    const oabp = { contact: 'mailto:a@b.example', chain: 'off-chain', endpoints: {} };
    await using harness = await Harness.start({ routes: [{ oabp, legacySse: false }] });
    const answer = await send(harness, 'GET', { accept: 'text/event-stream' }, undefined, '/sse');
    expect(answer.json).toMatchObject({
      error: 'TransportNotSupported',
      canonical_mcp_endpoint: harness.url(),
      transport: 'streamable_http',
    });
  });

  test('what nobody is known to look for is not found, as JSON', async () => {
    await using harness = await Harness.start();
    for (const path of ['/.env', '/.aws/credentials', '/wp-login.php', '/firewall']) {
      expect((await send(harness, 'GET', {}, undefined, path)).json['error']).toBe('not_found');
    }
  });
});

describe('every refusal of a request carries one that works', () => {
  const JSON_TYPE = { 'content-type': 'application/json' };
  const BOTH = { accept: 'application/json, text/event-stream' };

  test.each([
    ['400, no JSON', 400, 'POST', { ...JSON_TYPE, ...BOTH }, '{'],
    ['400, no JSON-RPC', 400, 'POST', { ...JSON_TYPE, ...BOTH }, '{}'],
    [
      '404, a session that never was',
      404,
      'POST',
      { ...JSON_TYPE, ...BOTH, 'mcp-session-id': 'never' },
      JSON.stringify(request('tools/list')),
    ],
    ['405, a verb of nobody', 405, 'PUT', { ...JSON_TYPE, ...BOTH }, '{}'],
    ['406, a foreign Accept', 406, 'POST', { ...JSON_TYPE, accept: 'image/png' }, JSON.stringify(request('ping'))],
    // What `curl -d` sends. It stays refused: a form on any web page could send the same to a gateway on its visitor's machine.
    [
      '415, a form',
      415,
      'POST',
      { ...BOTH, 'content-type': 'application/x-www-form-urlencoded' },
      JSON.stringify(request('ping')),
    ],
    ['415, plain text', 415, 'POST', { ...BOTH, 'content-type': 'text/plain' }, JSON.stringify(request('ping'))],
  ] as const)('%s', async (_, status, method, headers, body) => {
    await using harness = await Harness.start();
    const answer = await send(harness, method, headers, body);
    expect(answer.status).toBe(status);
    await expectLesson(harness, answer);
  });

  test('a form is told how curl sends JSON', async () => {
    await using harness = await Harness.start();
    const answer = await send(harness, 'POST', { 'content-type': 'application/x-www-form-urlencoded' }, '{}');
    expect(answer.json['error']?.['data']?.['hint']).toContain('curl');
  });

  test('bytes that are no request', async () => {
    await using harness = await Harness.start({ options: { publicUrl: 'https://h.example' } });
    const answer = await sendRaw(harness, '\x16\x03\x01 TLS on a plain port\r\n\r\n');
    const body = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as Json;
    expect(body['recipe']?.['url']).toBe('https://h.example/mcp');
  });
});

describe('clients that begin elsewhere', () => {
  // C09: OAuth first, then both paths at once.
  test('OAuth first: no metadata means no sign-in, and both paths work', async () => {
    await using harness = await Harness.start();
    for (const path of ['/mcp/sse', '/mcp', '']) {
      const found = await send(harness, 'GET', {}, undefined, `/.well-known/oauth-protected-resource${path}`);
      expect([found.status, found.json['authentication']]).toEqual([404, { required: false }]);
    }
    const work = async (path: string) => {
      const opened = await post(harness, initializeMessage('2025-06-18'), {}, path);
      const headers = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' };
      await send(harness, 'GET', {}, undefined, '/.well-known/oauth-protected-resource');
      await post(harness, INITIALIZED, headers, path);
      return [headers['mcp-session-id'], (await post(harness, call('echo'), headers, path)).status] as const;
    };
    const [[one, first], [two, second]] = await Promise.all([work('/mcp'), work('/mcp/sse')]);
    expect([first, second, one !== two]).toEqual([200, 200, true]);
  });

  // C04, C07, C23: the 2024 stream first, Streamable HTTP later.
  test('SSE first: the stream names where to post, also where nobody asked for the 2024 path', async () => {
    await using harness = await Harness.start();
    for (const path of ['/mcp', '/mcp/sse', '/sse']) {
      const stream = await fetch(harness.url(path), { headers: { accept: 'text/event-stream' } });
      expect([path, stream.status, stream.headers.get('content-type')]).toEqual([path, 200, 'text/event-stream']);
      const reader = stream.body?.getReader();
      const { value } = (await reader?.read()) ?? {};
      expect(Buffer.from(value ?? []).toString()).toMatch(
        /^event: endpoint\ndata: \S*\/messages\/\?session_?[iI]d=\S+/m,
      );
      await reader?.cancel();
    }
  });

  // C10, C17, C22: one client behind several edges, in the same second.
  test('a fleet of edges gets a session each, and none is told to slow down', async () => {
    await using harness = await Harness.start();
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        post(harness, initializeMessage('2025-06-18', n), {}, n % 2 === 0 ? '/mcp' : '/mcp/sse'),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map(({ headers }) => headers.get('mcp-session-id'))).size).toBe(50);
    expect(answers.map(({ json }) => json['id'])).toEqual(Array.from({ length: 50 }, (_, n) => n));
  });

  // C14, C16, C29: a registry in between adds a key and a profile to the address.
  test('what a registry adds to the address routes nobody and is written down nowhere', async () => {
    await using harness = await Harness.start();
    const query = '/mcp?api_key=8a58cfe0-secret&profile=outlook+account';
    const opened = await post(harness, initializeMessage('2025-03-26'), { 'x-registry-probe': 'initialize' }, query);
    const headers = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' };
    expect((await post(harness, call('echo'), headers, `${query}&session_id=other`)).status).toBe(200);
    const refused = await post(harness, call('echo'), { 'mcp-session-id': 'gone' }, query);
    expect(refused.status).toBe(404);
    expect(refused.text).not.toContain('8a58cfe0');
    expect(JSON.stringify(harness.events)).not.toContain('8a58cfe0');
  });

  // C28, C29: crawlers that parse every answer as JSON.
  test.each(['/', '/mcp', '/nowhere', '/.well-known/mcp.json', '/mcp/sse'])(
    '%s is JSON for who does not ask for HTML',
    async (path) => {
      await using harness = await Harness.start();
      for (const headers of [{}, { accept: '*/*' }, { accept: 'application/json' }]) {
        if (path === '/mcp/sse' && !('accept' in headers && headers.accept === 'application/json')) continue;
        const answer = await send(harness, 'GET', headers, undefined, path);
        expect(answer.headers.get('content-type')).toBe('application/json');
        expect(typeof answer.json).toBe('object');
      }
    },
  );

  // C06: http → 301 → https turned a POST into a GET.
  test('a POST that a redirect made a GET is told so, with the request to send', async () => {
    await using harness = await Harness.start();
    const answer = await send(harness, 'GET', { 'content-type': 'application/json', accept: '*/*' });
    expect(answer.json['hint']).toContain('redirect');
    await expectLesson(harness, answer);
    expect(harness.used('downgraded-post')).toBe(1);
  });
});

// §A.4.6: there is no ban and no limit on refusals, so looking around costs a client nothing.
test('five hundred mistakes later the same client is served', async () => {
  await using harness = await Harness.start();
  for (let n = 0; n < 50; n++) {
    const mistakes = [
      send(harness, 'GET', {}, undefined, '/.env'),
      send(harness, 'GET', {}, undefined, `/api/guess/${n}`),
      post(harness, '{'),
      post(harness, {}),
      post(harness, request('tools/list'), { 'mcp-session-id': `bogus-${n}` }),
      post(harness, initializeMessage(), {}, '/v1/mcp'),
      send(harness, 'PUT', {}, '{}'),
      send(harness, 'POST', { 'content-type': 'text/plain' }, '{}'),
      send(harness, 'GET', {}, undefined, '/.well-known/jwks.json'),
      send(harness, 'DELETE', {}, undefined, '/'),
    ];
    for (const { status } of await Promise.all(mistakes)) expect([400, 404, 405, 415]).toContain(status);
  }
  expect(harness.refusals.length).toBe(500);
  expect((await post(harness, initializeMessage())).status).toBe(200);
});
