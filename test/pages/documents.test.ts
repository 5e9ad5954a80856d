import { OAuthProtectedResourceMetadataSchema } from '@modelcontextprotocol/sdk/shared/auth.js';
import { Ajv, type ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, test } from 'vitest';
import type { DownstreamOptions } from '../../packages/breakwater/src/downstream/options.ts';
import { sendRaw } from '../downstream/client.ts';
import { Harness, type HarnessInit } from '../downstream/harness.ts';
import agentCardSchema from '../fixtures/schemas/a2a-agent-card.json' with { type: 'json' };
import serverCardSchema from '../fixtures/schemas/mcp-server-card.json' with { type: 'json' };

interface Json {
  readonly [key: string]: Json | undefined;
}

/** A member that is a list. */
function listOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? (value as Json[]) : [];
}

const RESOURCE = '/.well-known/oauth-protected-resource';
const DISCOVERY = { enabled: true, openResource: 'none', mounted: 'none', version: '1.2.3' } as const;
const PUBLIC = { publicUrl: 'https://mcp.example.com', allowedHosts: ['*'] } as const;
const OABP = {
  contact: 'mailto:ops@example.com',
  chain: 'off-chain',
  endpoints: { missions: '/missions', agents: '/agents' },
};

const JSON_PATHS = [
  '/.well-known/agent-card.json',
  '/.well-known/agent.json',
  '/agent-card.json',
  '/.well-known/agents.json',
  '/agents.json',
  '/.well-known/agent-directory.json',
  '/agent-directory.json',
  '/.well-known/mcp.json',
  '/.well-known/mcp',
  '/mcp.json',
  '/.well-known/mcp-manifest.json',
  '/mcp/.well-known/mcp',
  '/mcp/sse/.well-known/mcp',
  '/.well-known/mcp/server-card.json',
  '/.well-known/mcp/server-card',
  '/.well-known/mcp-server-card.json',
  '/.well-known/mcp/catalog.json',
  '/.well-known/ai-catalog.json',
];
const TEXT_PATHS = [
  '/llms.txt',
  '/.well-known/llms.txt',
  '/robots.txt',
  '/agents.txt',
  '/.well-known/agents.txt',
  '/sitemap.xml',
];

function start(options: Partial<DownstreamOptions> = {}, routes?: HarnessInit['routes']): Promise<Harness> {
  return Harness.start({ options, ...(routes === undefined ? {} : { routes }) });
}

async function get(harness: Harness, path: string, headers: Record<string, string> = {}): Promise<Response> {
  return await fetch(harness.url(path), { headers, redirect: 'manual' });
}

async function json(harness: Harness, path: string): Promise<Json> {
  const answer = await get(harness, path);
  expect([path, answer.status]).toEqual([path, 200]);
  return (await answer.json()) as Json;
}

function checked(validate: ValidateFunction, value: unknown): unknown {
  return validate(value) ? [] : validate.errors;
}

describe('every document', () => {
  test.each([...JSON_PATHS, ...TEXT_PATHS, '/mcp/server-card', '/'])('%s: GET, HEAD, ETag, 304', async (path) => {
    await using harness = await start();
    const got = await get(harness, path);
    const body = await got.text();
    expect(got.status).toBe(200);
    if (JSON_PATHS.includes(path)) expect(got.headers.get('content-type')).toBe('application/json');
    expect(got.headers.get('content-length')).toBe(String(Buffer.byteLength(body)));
    expect(got.headers.get('cache-control')).toMatch(/^(public, max-age=300|no-cache)$/);
    const etag = got.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[\w-]{22}"$/);
    const head = await fetch(harness.url(path), { method: 'HEAD' });
    const about = (answer: Response) =>
      ['etag', 'content-type', 'content-length', 'link'].map((name) => answer.headers.get(name));
    expect([head.status, ...about(head), await head.text()]).toEqual([200, ...about(got), '']);
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const again = await get(harness, path, { 'if-none-match': known });
      expect([again.status, again.headers.get('etag'), await again.text()]).toEqual([304, etag, '']);
    }
    expect((await get(harness, path, { 'if-none-match': '"other"' })).status).toBe(200);
    // C30: a scanner that comes again finds the same bytes.
    expect(await (await get(harness, path)).text()).toBe(body);
  });

  test.each(['POST', 'PUT', 'DELETE', 'PATCH'])('%s is 405 with a request to copy', async (method) => {
    await using harness = await start();
    const answer = await fetch(harness.url('/'), { method, ...(method === 'DELETE' ? {} : { body: '{}' }) });
    const body = (await answer.json()) as Json;
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS']);
    expect([body['canonical_endpoint'], body['recipe']?.['method'], body['recipe']?.['url']]).toEqual([
      harness.url(),
      'POST',
      harness.url(),
    ]);
  });

  test('is not found with a slash behind it, at once', async () => {
    await using harness = await start();
    for (const path of ['/robots.txt/', '/.well-known/mcp.json/', '//']) {
      expect([path, (await get(harness, path)).status]).toEqual([path, 404]);
    }
  });

  test.each(['/', '/mcp'])('leads to the others by Link (%s)', async (path) => {
    await using harness = await start();
    const links = (await get(harness, path)).headers.get('link') ?? '';
    const urls = [...links.matchAll(/<([^>]+)>/g)].map(([, url = '']) => url);
    expect(urls.length).toBe(4);
    for (const url of urls) expect((await fetch(url)).status).toBe(200);
  });

  test('says addresses of the public URL alone, with its prefix', async () => {
    await using harness = await start({ publicUrl: 'https://gate.example.com/tools', allowedHosts: ['*'] });
    for (const path of [...JSON_PATHS, '/llms.txt', '/agents.txt', '/']) {
      const text = await (await get(harness, path)).text();
      expect(text).toContain('https://gate.example.com/tools/mcp');
      expect(text).not.toContain('127.0.0.1');
    }
  });

  test('is generated: another route, another document', async () => {
    await using harness = await start({}, [{ path: '/a/b', legacySse: false }]);
    const text = await (await get(harness, '/.well-known/mcp.json')).text();
    expect(text).toContain('/a/b"');
    expect(text).not.toMatch(/"sse"|:\d+\/mcp"/);
  });

  test('is not there when documents are off', async () => {
    await using harness = await start({ discovery: { ...DISCOVERY, enabled: false } });
    for (const path of [...JSON_PATHS, '/']) {
      const answer = await get(harness, path);
      const body = (await answer.json()) as Json;
      expect([path, answer.status, body['canonical_endpoint']]).toEqual([path, 404, harness.url()]);
    }
    expect(JSON.stringify(await (await fetch(harness.url('/x'))).json())).not.toContain('well-known');
  });

  // Attack: a page under an attacker's name that resolves to this address reads what runs here.
  test('is refused under a foreign Host', async () => {
    await using harness = await start();
    const { request } = await import('node:http');
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const sent = request(
        { port: harness.port, host: '127.0.0.1', path: '/.well-known/mcp.json', headers: { host: 'evil.example' } },
        (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        },
      );
      sent.on('error', reject);
      sent.end();
    });
    expect(status).toBe(403);
  });

  // Attack: a Host that is allowed and no part of any URL makes the gateway fail inside.
  test.each(['localhost:999999', 'localhost:', '[::1]:65536'])('is there under the Host %s', async (host) => {
    await using harness = await start();
    for (const path of [...JSON_PATHS, ...TEXT_PATHS, '/', '/mcp/server-card']) {
      const answer = await sendRaw(harness, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
      expect([path, answer.split(' ')[1]]).toEqual([path, '200']);
    }
  });
});

describe('pages of other origins', () => {
  const FOREIGN = { origin: 'https://elsewhere.example' };

  test('read the documents of a public address', async () => {
    await using harness = await start(PUBLIC);
    const got = await get(harness, '/.well-known/mcp.json', FOREIGN);
    expect([got.status, got.headers.get('access-control-allow-origin')]).toEqual([200, '*']);
    const plain = await get(harness, '/.well-known/mcp.json');
    expect(plain.headers.get('access-control-allow-origin')).toBe('*');
    const preflight = await fetch(harness.url(RESOURCE), {
      method: 'OPTIONS',
      headers: { ...FOREIGN, 'access-control-request-headers': 'mcp-protocol-version' },
    });
    expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([204, '*']);
    expect(preflight.headers.get('access-control-allow-headers')).toContain('MCP-Protocol-Version');
  });

  test('read that a document is not there', async () => {
    await using harness = await start(PUBLIC);
    for (const path of [`${RESOURCE}/mcp`, '/.well-known/oauth-authorization-server']) {
      const got = await get(harness, path, FOREIGN);
      expect([got.status, got.headers.get('access-control-allow-origin')]).toEqual([404, '*']);
    }
  });

  // Attack: a page reads through its visitor which tools a server inside the visitor's network has.
  test('do not read what shows the server itself', async () => {
    await using harness = await start({ ...PUBLIC, allowedOrigins: ['https://app.example.com'] });
    for (const path of ['/', '/llms.txt']) {
      const foreign = await get(harness, path, FOREIGN);
      expect([foreign.status, foreign.headers.get('access-control-allow-origin')]).toEqual([200, null]);
      const known = await get(harness, path, { origin: 'https://app.example.com' });
      expect(known.headers.get('access-control-allow-origin')).not.toBeNull();
    }
  });

  // Attack: any web page asks localhost which tools its visitor has.
  test('read nothing of a gateway that only this machine reaches', async () => {
    await using harness = await start();
    for (const path of ['/', '/.well-known/mcp.json', '/llms.txt']) {
      const got = await get(harness, path, FOREIGN);
      expect([got.status, got.headers.get('access-control-allow-origin')]).toEqual([403, null]);
    }
    await using local = await start({ publicUrl: 'http://localhost:1' });
    expect((await get(local, '/.well-known/mcp.json', FOREIGN)).status).toBe(403);
  });

  test('gain nothing for the endpoint itself', async () => {
    await using harness = await start(PUBLIC);
    expect((await get(harness, '/mcp', FOREIGN)).status).toBe(403);
  });
});

describe('protected-resource metadata', () => {
  const PLACES = [
    RESOURCE,
    `${RESOURCE}/mcp`,
    `${RESOURCE}/mcp/`,
    `${RESOURCE}/mcp/sse`,
    `/mcp${RESOURCE}`,
    `/mcp/sse${RESOURCE}`,
  ];
  const GUARDED = {
    kind: 'protected',
    authorizationServers: ['https://as.example.com'],
    scopes: ['mcp:read'],
  } as const;

  test.each(PLACES)('%s of an open route is a 404 that says so', async (path) => {
    await using harness = await start();
    const answer = await get(harness, path);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([404, 'application/json']);
    expect(await answer.json()).toMatchObject({
      error: 'not_implemented',
      authentication: { required: false },
      canonical_endpoint: harness.url(),
      supported_transports: ['streamable_http', 'sse'],
    });
  });

  test.each(PLACES)('%s says on wish that no token is used', async (path) => {
    await using harness = await start({ discovery: { ...DISCOVERY, openResource: 'declare' } });
    const body = await json(harness, path);
    expect(OAuthProtectedResourceMetadataSchema.safeParse(body).error).toBeUndefined();
    expect(body).toMatchObject({ resource: harness.url(resourceOf(path)), bearer_methods_supported: [] });
    // RFC 9728 §3.2: what is empty is left out.
    expect(Object.keys(body)).not.toContain('authorization_servers');
  });

  test.each(PLACES)('%s has the empty lists of AIP-1 on wish, or where its profile is declared', async (path) => {
    await using wished = await start({ discovery: { ...DISCOVERY, openResource: 'declare-empty' } });
    await using profiled = await start({}, [{ oabp: OABP }]);
    for (const harness of [wished, profiled]) {
      expect(await json(harness, path)).toMatchObject({
        resource: harness.url(resourceOf(path)),
        authorization_servers: [],
        bearer_methods_supported: [],
        scopes_supported: [],
      });
    }
  });

  test.each(PLACES)('%s of a protected route names its authorization server', async (path) => {
    await using harness = await start({ authOf: () => GUARDED });
    const body = await json(harness, path);
    expect(OAuthProtectedResourceMetadataSchema.safeParse(body).error).toBeUndefined();
    expect(body).toMatchObject({
      resource: harness.url(resourceOf(path)),
      authorization_servers: ['https://as.example.com'],
      bearer_methods_supported: ['header'],
      scopes_supported: ['mcp:read'],
    });
  });

  test('at the root there is none where two routes are protected', async () => {
    await using harness = await start({ authOf: () => GUARDED }, [{ path: '/a' }, { path: '/b' }]);
    expect((await get(harness, RESOURCE)).status).toBe(404);
    expect((await json(harness, `${RESOURCE}/b`))['resource']).toBe(harness.url('/b'));
    await using mixed = await start({ authOf: ({ path }) => (path === '/b' ? GUARDED : { kind: 'open' }) }, [
      { path: '/a' },
      { path: '/b' },
    ]);
    expect((await json(mixed, RESOURCE))['resource']).toBe(mixed.url('/b'));
  });

  test('is also found where a public prefix puts it', async () => {
    await using harness = await start({ publicUrl: 'https://h.example/x', allowedHosts: ['*'], authOf: () => GUARDED });
    expect((await json(harness, `${RESOURCE}/x/mcp`))['resource']).toBe('https://h.example/x/mcp');
  });

  // Attack: what a protected route offers is read from the page instead of with a token.
  test('the tools of a protected route are on no page', async () => {
    await using harness = await start({ authOf: () => GUARDED });
    for (const [path, accept] of [
      ['/', 'text/html'],
      ['/', '*/*'],
      ['/llms.txt', '*/*'],
    ] as const) {
      const text = await (await get(harness, path, { accept })).text();
      expect(text).not.toContain('echo');
      expect(text).not.toContain('scripted');
    }
  });

  function resourceOf(path: string): string {
    if (path === RESOURCE) return '/mcp';
    return path.replace(RESOURCE, '');
  }
});

describe('agent card', () => {
  test.each([[[{}]], [[{ legacySse: false, sessionless: false }]], [[{ path: '/a' }, { path: '/b/c' }]]])(
    'fits A2A 0.3 (%j)',
    async (routes) => {
      await using harness = await start({}, routes);
      const validate = addFormats.default(new Ajv({ strict: false })).compile(agentCardSchema);
      expect(checked(validate, await json(harness, '/.well-known/agent-card.json'))).toEqual([]);
    },
  );

  test('has a block for every transport served', async () => {
    await using harness = await start();
    const { transport } = await json(harness, '/.well-known/agent-card.json');
    expect(listOf(transport?.['protocols']).map((block) => block['id'])).toEqual([
      'mcp-streamable-http',
      'mcp-streamable-http-2026',
      'mcp-http-sse-2024',
      'rest',
    ]);
    await using bare = await start({}, [{ legacySse: false, rest: false }]);
    const card = await json(bare, '/.well-known/agent-card.json');
    expect(listOf(card['transport']?.['protocols']).map((block) => block['id'])).toEqual([
      'mcp-streamable-http',
      'mcp-streamable-http-2026',
    ]);
  });

  test('its requests work when they are copied', async () => {
    await using harness = await start({}, [{ handshake: 'strict', sessionless: false }]);
    const { transport } = await json(harness, '/.well-known/agent-card.json');
    const [legacy, modern] = listOf(transport?.['protocols']);
    const { url, handshake } = legacy as unknown as { url: string; handshake: Record<string, Copied> & Copied };
    const replay = async ({ method, headers, body }: Copied, sid?: string) =>
      await fetch(url, {
        method,
        headers: Object.fromEntries(
          Object.entries(headers).map(([name, value]) => [name, name === 'Mcp-Session-Id' ? (sid ?? '') : value]),
        ),
        body: JSON.stringify(body),
      });
    const opened = await replay(handshake);
    const sid = opened.headers.get('mcp-session-id') ?? '';
    const { postInitializeNotification, exampleNextCall } = handshake;
    if (postInitializeNotification === undefined || exampleNextCall === undefined)
      throw new Error('the card lacks a request');
    expect([
      opened.status,
      (await replay(postInitializeNotification, sid)).status,
      (await replay(exampleNextCall, sid)).status,
    ]).toEqual([200, 202, 200]);
    for (const name of ['exampleCall', 'exampleNextCall']) {
      expect((await replay(modern?.[name] as unknown as Copied)).status).toBe(200);
    }
  });

  test('says beforehand what a request without a session is answered', async () => {
    await using harness = await start({}, [{ sessionless: false }]);
    const card = await json(harness, '/.well-known/agent-card.json');
    const shape = listOf(card['transport']?.['protocols'])[0]?.['errorShape'];
    const ask = async (headers: Record<string, string>) =>
      await (
        await fetch(harness.url(), {
          method: 'POST',
          headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
          body: '{"jsonrpc":"2.0","id":null,"method":"tools/list"}'.replace('null', '7'),
        })
      ).json();
    const { id: _missing, ...missing } = (await ask({})) as Record<string, unknown>;
    const { id: _unknown, ...unknown } = (await ask({ 'mcp-session-id': 'gone' })) as Record<string, unknown>;
    expect(shape?.['missingInitialize']).toMatchObject(missing);
    expect(shape?.['unknownSession']).toMatchObject(unknown);
    // AIP-1 §7.4: the pointer leads to the handshake inside the card.
    const recipeUrl = String((missing['error'] as Json)['data']?.['recipeUrl']);
    const [document = '', pointer = ''] = recipeUrl.split('#');
    const read = (await (await fetch(document)).json()) as Json;
    const found = pointer
      .split('/')
      .slice(1)
      .reduce<Json | undefined>((at, part) => at?.[part as never], read);
    expect(found?.['body']?.['method']).toBe('initialize');
  });
});

interface Copied {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

test('where plain HTTP is served, every document says so, and nowhere else', async () => {
  await using harness = await start();
  await using bare = await start({}, [{ rest: false }]);
  for (const path of ['/', '/llms.txt', '/.well-known/mcp.json', '/.well-known/agent-card.json']) {
    expect(await (await get(harness, path)).text()).toContain(harness.url('/api/openapi.json'));
    expect(await (await get(bare, path)).text()).not.toContain('openapi');
  }
});

describe('mcp.json', () => {
  test('every reader finds the endpoint where it looks', async () => {
    await using harness = await start();
    const body = await json(harness, '/.well-known/mcp.json');
    const url = harness.url();
    // mcp-spider's pointers, AgentSEO's object, the guide's member.
    expect(body['server']?.['endpoints']?.['streamable-http']).toBe(url);
    expect(body['endpoints']?.['streamable-http']).toBe(url);
    expect([body['url'], body['mcp_endpoint']]).toEqual([url, url]);
    expect(body['transports']).toEqual({ streamable_http: url, sse: `${url}/sse` });
    expect(body['authentication']).toEqual({ required: false });
  });

  test('below a route it is that route’s', async () => {
    await using harness = await start({}, [{ path: '/a' }, { path: '/b' }]);
    expect((await json(harness, '/b/.well-known/mcp'))['url']).toBe(harness.url('/b'));
  });
});

describe('server cards', () => {
  const validate = addFormats.default(new Ajv2020({ strict: false })).compile(serverCardSchema);

  test('fit SEP-2127, at every place', async () => {
    await using harness = await start(
      { ...PUBLIC, discovery: { ...DISCOVERY, title: 'T'.repeat(100), description: 'D'.repeat(300) } },
      [{ path: '/a~b' }, { path: '/mcp' }],
    );
    for (const path of [
      '/.well-known/mcp/server-card.json',
      '/.well-known/mcp/server-card',
      '/a~b/server-card',
      '/mcp/server-card',
    ]) {
      expect(checked(validate, await json(harness, path))).toEqual([]);
    }
    expect((await json(harness, '/mcp/server-card'))['name']).toBe('com.example.mcp/mcp');
    expect((await get(harness, '/mcp/server-card')).headers.get('content-type')).toBe(
      'application/mcp-server-card+json',
    );
  });

  test('are all in the catalogue, under their own names', async () => {
    await using harness = await start({}, [{ path: '/a' }, { path: '/b' }]);
    const { entries, specVersion } = await json(harness, '/.well-known/mcp/catalog.json');
    expect([specVersion, listOf(entries).length]).toEqual(['draft', 2]);
    for (const entry of listOf(entries)) {
      const card = (await (await fetch(String(entry['url']))).json()) as Json;
      expect(checked(validate, card)).toEqual([]);
      expect(entry).toMatchObject({
        identifier: `urn:mcp:server:${card['name']}`,
        mediaType: 'application/mcp-server-card+json',
      });
    }
  });
});

describe('oabp.json', () => {
  test('is not there unless a route declares it', async () => {
    await using harness = await start();
    for (const path of ['/.well-known/oabp.json', '/.well-known/agent-bounty.json']) {
      expect((await get(harness, path)).status).toBe(404);
    }
  });

  test('says what AIP-1 wants', async () => {
    await using harness = await start({ handshakeMs: 30_000 }, [{ oabp: OABP }]);
    const body = await json(harness, '/.well-known/oabp.json');
    expect(body).toMatchObject({
      implementation: 'breakwater',
      aip_supported: [1],
      chain: 'off-chain',
      contact: 'mailto:ops@example.com',
      endpoints: { missions: '/missions', agents: '/agents', mcp: '/mcp' },
      mcp: {
        url: harness.url(),
        transport: 'streamable_http',
        not_implemented: ['stdio'],
        handshake_timeout_seconds: 30,
      },
    });
    expect(await (await get(harness, '/.well-known/agent-bounty.json')).text()).toBe(
      await (await get(harness, '/.well-known/oabp.json')).text(),
    );
  });

  // AIP-1 §7.1.1: what is called served is, and what is called not served answers with the body of §7.2.
  test.each([true, false])('its transport paths are true (2024 transport: %s)', async (legacySse) => {
    await using harness = await start({}, [
      { oabp: OABP, legacySse },
      { path: '/mcp/files', legacySse },
    ]);
    const { transport_paths: paths } = (await json(harness, '/.well-known/oabp.json'))['mcp'] as Json;
    const {
      served,
      compatibility_served: compatible,
      not_served: unserved,
    } = paths as unknown as Record<string, string[]>;
    const initialize = {
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } },
    };
    const ask = async (path: string) =>
      await fetch(harness.url(path), {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
        body: JSON.stringify(initialize),
      });
    expect(served).toEqual(['/mcp', '/mcp/files']);
    for (const path of served ?? []) expect((await ask(path)).status).toBe(200);
    for (const path of compatible ?? []) {
      const answer =
        path === '/sse'
          ? await fetch(harness.url(path), { headers: { accept: 'text/event-stream' } })
          : await ask(path);
      expect([path, [200, 404].includes(answer.status) && (path === '/messages/') === (answer.status === 404)]).toEqual(
        [path, true],
      );
      await answer.body?.cancel();
    }
    expect(unserved?.length).toBeGreaterThan(5);
    for (const path of unserved ?? []) {
      const answer = await ask(path);
      expect([path, answer.status, ((await answer.json()) as Json)['error']]).toEqual([
        path,
        404,
        'TransportNotSupported',
      ]);
    }
    const all = [...(served ?? []), ...(compatible ?? []), ...(unserved ?? [])];
    expect(new Set(all).size).toBe(all.length);
  });
});

describe('text files', () => {
  test('robots.txt lets crawlers in on a public address alone', async () => {
    await using open = await start(PUBLIC);
    expect(await (await get(open, '/robots.txt')).text()).toBe(
      'User-agent: *\nAllow: /\nSitemap: https://mcp.example.com/sitemap.xml\n',
    );
    await using local = await start();
    expect(await (await get(local, '/robots.txt')).text()).toBe('User-agent: *\nDisallow: /\n');
  });

  test('llms.txt is a heading, a quotation, sections of links, and the tools', async () => {
    await using harness = await start({
      discovery: { ...DISCOVERY, title: 'Harbour', description: 'Files of the port.' },
    });
    const text = await (await get(harness, '/llms.txt')).text();
    expect(text.startsWith('# Harbour\n\n> Files of the port.\n')).toBe(true);
    expect(text).toContain(`- [${harness.url()}](${harness.url()}): streamable_http, 2026-07-28`);
    expect(text).toContain('- `echo`: Says it again.');
    harness.edge.failure = new Error('down');
    await using down = await start();
    down.edge.failure = new Error('down');
    expect(await (await get(down, '/llms.txt')).text()).not.toContain('## Tools');
  });
});

describe('the root', () => {
  const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';

  test.each([
    [BROWSER, 'text/html; charset=utf-8'],
    ['text/html', 'text/html; charset=utf-8'],
    ['text/html, application/json;q=0.9', 'text/html; charset=utf-8'],
    ['application/json', 'application/json'],
    ['application/json, text/html;q=0.5', 'application/json'],
    ['text/html;q=0', 'application/json'],
    ['*/*', 'application/json'],
    ['', 'application/json'],
    ['text/htmlx', 'application/json'],
  ])('to Accept %j is %s', async (accept, type) => {
    await using harness = await start();
    const answer = await get(harness, '/', { accept });
    expect([answer.headers.get('content-type'), answer.headers.get('vary')]).toEqual([type, 'Accept']);
  });

  test('a cache is told of both headers it depends on', async () => {
    await using harness = await start();
    const answer = await get(harness, '/', { origin: 'https://app.example.com' });
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://app.example.com');
    expect(answer.headers.get('vary')).toBe('Origin, Accept');
  });

  test('as JSON has everything a crawler needs', async () => {
    await using harness = await start();
    const body = await json(harness, '/');
    expect(body).toMatchObject({
      name: 'scripted',
      canonical_endpoint: harness.url(),
      endpoints: [{ url: harness.url(), authentication: { required: false } }],
      tools: [{ name: 'echo', description: 'Says it again.' }],
    });
    for (const url of Object.values(body['documents'] ?? {})) expect((await fetch(String(url))).status).toBe(200);
    const { method, url, headers, body: first } = body['recipe'] as unknown as Copied & { url: string };
    expect((await fetch(url, { method, headers, body: JSON.stringify(first) })).status).toBe(200);
  });
});

describe('inside somebody’s own server', () => {
  async function mount(options: Partial<DownstreamOptions>): Promise<Harness> {
    const harness = await start(options);
    harness.server.removeAllListeners('request');
    harness.server.on('request', (req, res) => harness.downstream.handleRequest(req, res, () => res.end('theirs')));
    return harness;
  }
  const SITE = [
    '/',
    '/robots.txt',
    '/llms.txt',
    '/sitemap.xml',
    '/.well-known/agent-card.json',
    '/.well-known/mcp.json',
    RESOURCE,
    '/mcp&quot',
  ];
  const OWN = ['/mcp/server-card', '/mcp/.well-known/mcp'];

  test('nothing is answered that was not asked for', async () => {
    await using harness = await mount({});
    for (const path of [...SITE, ...OWN, `${RESOURCE}/mcp`])
      expect([path, await (await get(harness, path)).text()]).toEqual([path, 'theirs']);
  });

  test('no answer leads to documents that are not ours to serve', async () => {
    await using harness = await mount({ discovery: { ...DISCOVERY, mounted: 'routes' } });
    const refused = await fetch(harness.url(), { method: 'PUT', body: '{}' });
    const unknown = await fetch(harness.url(), {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: '*/*', 'mcp-session-id': 'gone' },
      body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
    });
    const alive = await get(harness, '/mcp');
    for (const answer of [refused, unknown, alive]) {
      expect(answer.headers.get('link')).toBeNull();
      expect(await answer.text()).not.toContain('well-known');
    }
  });

  test('on wish the routes’ own documents are answered, and no others', async () => {
    await using harness = await mount({ discovery: { ...DISCOVERY, mounted: 'routes' } });
    for (const path of SITE) expect([path, await (await get(harness, path)).text()]).toEqual([path, 'theirs']);
    for (const path of OWN) expect((await json(harness, path))['version']).toBe('1.2.3');
  });

  test('the metadata of a protected route is always answered', async () => {
    const auth = { kind: 'protected', authorizationServers: ['https://as.example.com'], scopes: [] } as const;
    await using harness = await mount({ authOf: () => auth });
    const body = await json(harness, `${RESOURCE}/mcp`);
    expect([body['resource'], Object.keys(body).includes('scopes_supported')]).toEqual([harness.url(), false]);
    expect(await (await get(harness, '/mcp/server-card')).text()).toBe('theirs');
  });
});
