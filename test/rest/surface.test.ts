/** What stands behind each address, and what is said where something is wrong. */
import { McpServer } from '@modelcontextprotocol/server';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningGateway, startGateway } from '../requirements/support/gateway.ts';
import { arrayAt, at } from '../requirements/support/json.ts';
import { modernResult, modernScript } from '../requirements/support/scripted-eras.ts';
import { errorOf, resultOf, sendJson, startScripted } from '../requirements/support/scripted-upstream.ts';
import { ask, askRaw, get, type Json, post, startDemo } from './support.ts';

const PROBLEM = 'application/problem+json';

let gateway: RunningGateway;
let api: string;

beforeAll(async () => {
  gateway = await startDemo();
  api = `${gateway.base}/api`;
});
afterAll(() => gateway?.close());

describe('the index', () => {
  test('links to everything', async () => {
    const { json } = await get(api);
    expect(json).toMatchObject({ name: 'Breakwater demo', mcp: { url: gateway.url } });
    for (const name of ['tools', 'resources', 'resourceTemplates', 'prompts', 'openapi', 'docs']) {
      expect((await get(String(json[name]))).status, name).toBe(200);
    }
    expect((await get(`${api}/`)).json).toEqual(json);
  });

  test('is a page for a browser', async () => {
    const page = await get(api, { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' });
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.headers.get('vary')).toContain('Accept');
    expect(page.text).toContain('<h1>Breakwater demo</h1>');
  });

  test('is there for each route, and not where the route says so', async () => {
    const { createDemoFactory } = await import('../../packages/breakwater/src/demo/server.ts');
    await using doors = await startGateway({
      upstreams: { demo: { factory: createDemoFactory() } },
      routes: [{ path: '/one' }, { path: '/two/deep' }, { path: '/shut', rest: false }],
    });
    const answer = (path: string) => get(doors.base + path);
    expect((await answer('/one/api')).json['tools']).toBe(`${doors.base}/one/api/tools`);
    expect((await answer('/two/deep/api/tools/echo?text=hi')).json).toMatchObject({ content: [{ text: 'hi' }] });
    expect((await answer('/shut/api')).status).toBe(404);
    expect((await answer('/api')).status).toBe(404);
    expect(at((await answer('/openapi.json')).json, 'paths', '/one/api/tools')).toBeDefined();
    expect(at((await answer('/two/deep/openapi.json')).json, 'paths', '/two/deep/api/tools')).toBeDefined();
  });
});

describe('lists', () => {
  test('each item says where it is', async () => {
    for (const [path, member] of [
      ['tools', 'tools'],
      ['prompts', 'prompts'],
      ['resources', 'resources'],
    ] as const) {
      const items = arrayAt((await get(`${api}/${path}`)).json, member) as Json[];
      expect(items.length).toBeGreaterThan(0);
      for (const { url } of items) expect((await get(String(url))).status, String(url)).toBe(200);
    }
    const { json } = await get(`${api}/resource-templates`);
    expect(at(json, 'resourceTemplates', 0, 'uriTemplate')).toBe('demo://items/{id}');
  });

  test('a long list comes in pages that lead to one another', async () => {
    const server = (): McpServer => {
      const mcp = new McpServer({ name: 'many', version: '1' });
      for (let index = 0; index < 2_300; index++) mcp.registerTool(`t${index}`, {}, () => ({ content: [] }));
      return mcp;
    };
    await using many = await startGateway({ upstreams: { many: { factory: server } }, routes: [{ path: '/mcp' }] });
    const names: unknown[] = [];
    let next: unknown = `${many.base}/api/tools`;
    for (let page = 0; next !== undefined && page < 9; page++) {
      const { json } = await get(String(next));
      names.push(...(arrayAt(json, 'tools') as Json[]).map(({ name }) => name));
      next = json['next'];
    }
    expect(new Set(names).size).toBe(2_300);
    expect((await get(`${many.base}/api/tools/t2299`)).json).toMatchObject({ name: 't2299' });
    expect(await get(`${many.base}/api/tools?cursor=1.stale`)).toMatchObject({
      status: 400,
      json: { code: 'cursor.expired', how: 'Start the list again without a cursor.' },
    });
  });

  test('are asked for again by their tag', async () => {
    const first = await get(`${api}/tools`);
    const etag = first.headers.get('etag') ?? '';
    expect(first.headers.get('cache-control')).toBe('private, no-cache');
    const again = await get(`${api}/tools`, { 'if-none-match': `"other", W/${etag}` });
    expect([again.status, again.text]).toEqual([304, '']);
    expect((await get(`${api}/tools`, { 'if-none-match': '"other"' })).status).toBe(200);
  });

  test('HEAD is GET without the body', async () => {
    for (const path of ['', '/tools', '/tools/echo', '/docs', '/openapi.json', '/resources?uri=demo://readme&raw']) {
      const full = await get(api + path);
      const head = await ask(api + path, { method: 'HEAD' });
      expect([head.status, head.text], path).toEqual([200, '']);
      expect(head.headers.get('content-type')).toBe(full.headers.get('content-type'));
      expect(head.headers.get('content-length')).toBe(String(Buffer.byteLength(full.text)));
    }
  });
});

describe('a tool', () => {
  test('GET describes it, with a request that works', async () => {
    const { json } = await get(`${api}/tools/add`);
    expect(json).toMatchObject({ name: 'add', inputSchema: { type: 'object' }, outputSchema: { type: 'object' } });
    const call = json['call'] as { url: string; body: object };
    expect((await post(call.url, call.body)).json).toMatchObject({ structuredContent: { sum: 2 } });
  });

  test('GET with arguments calls one that only reads, and no other', async () => {
    expect((await get(`${api}/tools/add?a=1.5&b=2`)).json).toMatchObject({ structuredContent: { sum: 3.5 } });
    expect((await get(`${api}/tools/echo?text=5&api_key=x`)).json).toMatchObject({ content: [{ text: '5' }] });
    const before = (await get(`${api}/resources?uri=demo://counter&raw`)).text;
    expect((await get(`${api}/tools/bump?by=5`)).json).toMatchObject({ name: 'bump', call: { method: 'POST' } });
    expect((await get(`${api}/resources?uri=demo://counter&raw`)).text).toBe(before);
    // HEAD never calls.
    expect((await ask(`${api}/tools/slow?steps=1000`, { method: 'HEAD' })).status).toBe(200);
  });

  test('an empty body is no arguments', async () => {
    expect((await post(`${api}/tools/stats`, '')).json).toMatchObject({ isError: false });
  });

  test('a tool that failed is an answer: the call ran', async () => {
    const answer = await post(`${api}/tools/add`, { a: 'x' });
    expect(answer).toMatchObject({ status: 200, json: { isError: true } });
    expect(JSON.stringify(answer.json['content'])).toContain('Input validation error');
  });

  test('arguments and results pass byte for byte', async () => {
    await using upstream = await startScripted(
      modernScript({
        instead: (request, response) => {
          if (request.message?.['method'] !== 'tools/call') return false;
          const result =
            '{"resultType":"complete","content":[],"structuredContent":{"n":12345678901234567890,"x":1.0},"new":{"b":1,"a":2}}';
          sendJson(response, 200, resultOf(request, result));
          return true;
        },
      }),
    );
    await using plain = await startGateway({ upstreams: { it: { url: upstream.url } }, routes: [{ path: '/mcp' }] });
    const answer = await post(`${plain.base}/api/tools/act`, '{"n": 9007199254740993, "x": 1.0, "é": "\\u0041"}');
    expect(answer.text).toContain('"structuredContent":{"n":12345678901234567890,"x":1.0},"new":{"b":1,"a":2}');
    expect(upstream.calls('tools/call')[0]?.body).toContain('{"n": 9007199254740993, "x": 1.0, "é": "\\u0041"}');
  });
});

describe('a resource', () => {
  test('JSON, or its own bytes', async () => {
    const uri = encodeURIComponent('demo://flag.png');
    const described = await get(`${api}/resources/${uri}`);
    expect(described.json).toMatchObject({ contents: [{ uri: 'demo://flag.png', mimeType: 'image/png' }] });
    const blob = Buffer.from(String(at(described.json, 'contents', 0, 'blob')), 'base64');
    for (const [url, headers] of [
      [`${api}/resources/${uri}?raw`, {}],
      [`${api}/resources?uri=${uri}&raw=1`, {}],
      [`${api}/resources?uri=${uri}`, { accept: 'image/*' }],
    ] as const) {
      const raw = await fetch(url, { headers });
      expect(Buffer.from(await raw.arrayBuffer())).toEqual(blob);
      expect(raw.headers.get('content-type')).toBe('image/png');
      expect(raw.headers.get('x-content-type-options')).toBe('nosniff');
    }
    expect((await get(`${api}/resources?uri=${uri}`, { accept: 'application/json, image/*' })).json).toEqual(
      described.json,
    );
  });

  test('of a template', async () => {
    expect((await get(`${api}/resources?uri=demo://items/buoy&raw`)).text).toBe(
      'Floats, and marks where the safe water ends.',
    );
  });

  test('one that is not there is 404 and says which are', async () => {
    expect(await get(`${api}/resources?uri=demo://reedme`)).toMatchObject({
      status: 404,
      json: {
        code: 'name.unknown',
        didYouMean: expect.arrayContaining(['demo://readme']),
        templates: `${api}/resource-templates`,
      },
    });
  });
});

describe('a prompt', () => {
  test('described, rendered by query, rendered by POST', async () => {
    expect((await get(`${api}/prompts/greet`)).json).toMatchObject({ name: 'greet', call: { body: { name: 'text' } } });
    const rendered = { messages: [{ role: 'user', content: { text: expect.stringContaining('Greet 5 warmly') } }] };
    expect((await get(`${api}/prompts/greet?name=5`)).json).toMatchObject(rendered);
    expect((await post(`${api}/prompts/greet`, { name: '5' })).json).toMatchObject(rendered);
  });

  test('wrong arguments are 422 and say which there are', async () => {
    expect(await post(`${api}/prompts/greet`, {})).toMatchObject({
      status: 422,
      json: { code: 'params.invalid', arguments: [{ name: 'name', required: true }, { name: 'language' }] },
    });
  });
});

describe('what is wrong is a problem document', () => {
  test.each<[string, string, RequestInit, number, object]>([
    [
      'an unknown path',
      '/nothing',
      {},
      404,
      {
        code: 'request.path',
        error: 'not_found',
        canonical_paths: expect.arrayContaining([expect.stringMatching(/\/api\/tools$/)]),
      },
    ],
    [
      'an unknown tool',
      '/tools/ehco',
      {},
      404,
      { code: 'name.unknown', didYouMean: ['echo'], known: expect.arrayContaining(['add']) },
    ],
    [
      'an unknown tool that is called',
      '/tools/ehco',
      { method: 'POST', body: '{}' },
      404,
      { code: 'name.unknown', didYouMean: ['echo'] },
    ],
    ['an unknown prompt', '/prompts/great', {}, 404, { code: 'name.unknown', didYouMean: ['greet'] }],
    ['an unknown call', '/calls/call_x', {}, 404, { code: 'call.unknown' }],
    ['no JSON', '/tools/echo', { method: 'POST', body: '{' }, 400, { code: 'body.parse' }],
    ['no object', '/tools/echo', { method: 'POST', body: '[1]' }, 400, { code: 'body.invalid' }],
    ['another method', '/tools/echo', { method: 'PUT' }, 405, { code: 'request.method' }],
    ['another method on a list', '/tools', { method: 'POST', body: '{}' }, 405, { code: 'request.method' }],
    ['another method on a call', '/calls/call_x', { method: 'POST', body: '{}' }, 404, { code: 'call.unknown' }],
    [
      'answers to nothing',
      '/tools/ask/answers',
      { method: 'POST', body: '{}' },
      422,
      { code: 'params.invalid', how: expect.stringContaining('requestState') },
    ],
    [
      'answers that are none',
      '/tools/ask/answers',
      { method: 'POST', body: '{"inputResponses":[]}' },
      422,
      { code: 'params.invalid' },
    ],
    [
      'a tool that needs roots',
      '/tools/roots',
      { method: 'POST', body: '{}' },
      422,
      { code: 'capability.missing', server: { code: -32021 } },
    ],
  ])('%s', async (_name, path, init, status, members) => {
    const answer = await ask(api + path, { headers: { 'content-type': 'application/json' }, ...init });
    expect(answer.headers.get('content-type')).toBe(PROBLEM);
    expect(answer.status).toBe(status);
    expect(answer.json).toMatchObject({ status, title: expect.any(String), ...members });
    // The type leads to a page that explains it.
    const [page = '', anchor = ''] = String(answer.json['type']).split('#');
    expect((await get(page)).text).toContain(`id="${anchor}"`);
    if (status === 405) expect(answer.headers.get('allow')).toContain('OPTIONS');
  });

  test.each([
    [-32602, 422, 'params.invalid'],
    [-32601, 404, 'method.unknown'],
    [-32603, 502, 'upstream.error'],
    [1234, 502, 'upstream.error'],
  ])('an error %i of the server', async (code, status, word) => {
    await using upstream = await startScripted(
      modernScript({
        instead: (request, response) => {
          if (request.message?.['method'] !== 'tools/call') return false;
          sendJson(response, 200, errorOf(request, code, 'no wind', { wind: 0 }));
          return true;
        },
      }),
    );
    await using plain = await startGateway({ upstreams: { it: { url: upstream.url } }, routes: [{ path: '/mcp' }] });
    expect(await post(`${plain.base}/api/tools/act`, {})).toMatchObject({
      status,
      json: { code: word, detail: 'no wind', server: { code, data: { wind: 0 } }, exchange: expect.any(String) },
    });
  });

  test('a server that is not there is 503, and says that it may come back', async () => {
    await using plain = await startGateway({
      upstreams: { it: { url: 'http://127.0.0.1:1/mcp' } },
      routes: [{ path: '/mcp' }],
    });
    const answer = await post(`${plain.base}/api/tools/act`, {});
    expect(answer).toMatchObject({ status: 503, json: { code: 'upstream.unavailable', retryable: true } });
    expect(answer.headers.get('retry-after')).toBe('1');
    // The door itself is open.
    expect((await get(`${plain.base}/api`)).status).toBe(200);
    expect((await get(`${plain.base}/openapi.json`)).status).toBe(503);
  });

  test('a server of the old kind says "no such tool" with a result: 404 all the same', async () => {
    await using upstream = await startScripted(
      modernScript({
        instead: (request, response) => {
          if (request.message?.['method'] !== 'tools/call') return false;
          const content = [{ type: 'text', text: 'Tool acd not found' }];
          sendJson(response, 200, resultOf(request, modernResult({ content, isError: true })));
          return true;
        },
      }),
    );
    await using plain = await startGateway({ upstreams: { it: { url: upstream.url } }, routes: [{ path: '/mcp' }] });
    const unknown = {
      status: 404,
      json: { didYouMean: ['act'], result: { content: [{ text: 'Tool acd not found' }] } },
    };
    expect(await post(`${plain.base}/api/tools/acd`, {})).toMatchObject(unknown);
    expect(await post(`${plain.base}/api/tools/act`, {})).toMatchObject({ status: 200, json: { isError: true } });
  });
});

describe('pages of other origins', () => {
  test('an allowed one may ask, answer and read what it needs', async () => {
    const origin = 'http://localhost:3000';
    const asked = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type,prefer' };
    const preflight = await askRaw(`${api}/tools/echo`, { method: 'OPTIONS', headers: { origin, ...asked } });
    expect(preflight.status).toBe(204);
    expect(preflight.headers['access-control-allow-headers']).toMatch(/Content-Type.*Prefer/);
    const answer = await askRaw(`${api}/tools/echo`, {
      method: 'POST',
      headers: { origin, 'content-type': 'application/json', 'sec-fetch-site': 'cross-site' },
      body: '{"text":"hi"}',
    });
    expect(answer).toMatchObject({ status: 200, headers: { 'access-control-allow-origin': origin } });
    expect(answer.headers['access-control-expose-headers']).toMatch(/ETag, Location/);
    const described = await askRaw(`${api}/tools`, { headers: { origin } });
    expect(described.headers.vary).toBe('Origin, Accept, Authorization');
    // Attack: a shared cache that takes "unchanged" for everybody's answer, with one origin's permission in it.
    for (const path of [`${api}/tools`, new URL('/', api).href, new URL('/llms.txt', api).href]) {
      const full = await askRaw(path, { headers: { origin } });
      const known = { origin, 'if-none-match': String(full.headers.etag) };
      const unchanged = await askRaw(path, { headers: known });
      expect([path, unchanged.status, unchanged.headers.vary]).toEqual([path, 304, full.headers.vary]);
      expect(unchanged.headers.vary).toMatch(/^Origin/);
    }
  });
});
