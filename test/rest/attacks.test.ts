/** What somebody may try at the plain HTTP door. */
import { randomBytes } from 'node:crypto';
import { McpServer } from '@modelcontextprotocol/server';
import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, test, vi } from 'vitest';
import { PATIENT } from '../e2e/support/programs.ts';
import { type RunningGateway, startGateway, stillOpen } from '../requirements/support/gateway.ts';
import { modernScript } from '../requirements/support/scripted-eras.ts';
import { type ScriptedUpstream, startScripted } from '../requirements/support/scripted-upstream.ts';
import { ask, askRaw, get, post, startDemo } from './support.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const SCRIPT = `"><script>alert(1)</script><img src=x onerror=alert(1)>'`;

async function counter({ base }: RunningGateway): Promise<string> {
  return (await get(`${base}/api/resources?uri=demo://counter&raw`)).text;
}

/** A gateway in front of a server of the modern era that has these tools. */
async function behind(tools: readonly object[]): Promise<{ upstream: ScriptedUpstream; gateway: RunningGateway }> {
  const upstream = await startScripted(modernScript({ tools }));
  const gateway = await startGateway({ upstreams: { it: { url: upstream.url } }, routes: [{ path: '/mcp' }] });
  return { upstream, gateway };
}

describe('a page of another site', () => {
  // Attack: cross-site request forgery: forms and scripts can send these without asking anybody.
  test.each([
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['a form with files', { 'content-type': 'multipart/form-data; boundary=x' }],
    ['plain text', { 'content-type': 'text/plain' }],
    ['text that claims two types', { 'content-type': 'text/plain, application/json' }],
    ['no type, from a page', { origin: 'http://localhost:1' }],
  ])('cannot call a tool with %s', async (_name, headers) => {
    await using gateway = await startDemo();
    const answer = await askRaw(`${gateway.base}/api/tools/bump`, { method: 'POST', headers, body: '{"by":1}' });
    expect(answer).toMatchObject({ status: 415, json: { code: 'body.media-type' } });
    expect(await counter(gateway)).toBe('0');
  });

  // Attack: a link, an image or a frame on any page: the browser sends GET from inside the network, without an Origin.
  test.each(['cross-site', 'same-site'])('cannot call a tool by a link (%s)', async (site) => {
    await using gateway = await startDemo();
    const headers = { 'sec-fetch-site': site, 'sec-fetch-mode': 'navigate' };
    for (const path of ['/tools/echo?text=hi', '/prompts/greet?name=x', '/resources?uri=demo://readme']) {
      const answer = await askRaw(`${gateway.base}/api${path}`, { headers });
      expect(answer, path).toMatchObject({ status: 403, json: { code: 'request.origin' } });
    }
    // What only describes may be linked to.
    expect((await askRaw(`${gateway.base}/api/docs`, { headers })).status).toBe(200);
    const typed = await askRaw(`${gateway.base}/api/tools/echo?text=hi`, { headers: { 'sec-fetch-site': 'none' } });
    expect(typed.status).toBe(200);
  });

  // Attack: the same in a network without https: there browsers do not say where a request comes from.
  test('cannot call a tool by an image in a network without https', async () => {
    await using gateway = await startDemo({ allowedHosts: ['gate.lan', '127.0.0.1'] });
    const lan = { host: 'gate.lan:8808' };
    for (const path of ['/tools/echo?text=hi', '/prompts/greet?name=x', '/resources?uri=demo://readme']) {
      const answer = await askRaw(`${gateway.base}/api${path}`, { headers: lan });
      expect(answer, path).toMatchObject({ status: 403, json: { code: 'request.origin' } });
      expect(answer.text).toContain('X-Requested-With');
      const asked = { ...lan, 'x-requested-with': 'curl' };
      expect((await askRaw(`${gateway.base}/api${path}`, { headers: asked })).status, path).toBe(200);
    }
    const init = { method: 'POST', headers: { ...lan, ...JSON_TYPE }, body: '{"text":"hi"}' };
    expect((await askRaw(`${gateway.base}/api/tools/echo`, init)).status).toBe(200);
    expect((await askRaw(`${gateway.base}/api/tools/echo`, { headers: lan })).status).toBe(200);
    // A page cannot send it without asking, and only pages of allowed origins are told that they may.
    const preflight = await askRaw(`${gateway.base}/api/tools/echo`, {
      method: 'OPTIONS',
      headers: { ...lan, 'access-control-request-headers': 'x-requested-with', origin: 'http://localhost:1' },
    });
    expect(preflight.headers['access-control-allow-headers'] ?? '').not.toMatch(/x-requested-with/i);
  });

  // Attack: DNS rebinding, and a page that may not speak to us.
  test('is refused by its Host and by its Origin', async () => {
    await using gateway = await startDemo();
    const url = `${gateway.base}/api/tools`;
    expect(await askRaw(url, { headers: { host: 'evil.example' } })).toMatchObject({
      status: 403,
      headers: { 'content-type': 'application/problem+json' },
      json: { code: 'request.host' },
    });
    const answer = await askRaw(url, { headers: { origin: 'https://evil.example' } });
    expect(answer).toMatchObject({ status: 403, json: { code: 'request.origin' } });
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
    // The refused name is not repeated as ours.
    expect((await askRaw(url, { headers: { host: 'evil.example' } })).text).not.toContain('evil.example');
  });
});

describe('a server that is no friend', () => {
  // Attack: stored cross-site scripting through names, descriptions and schemas on the pages made of them.
  test('puts no markup into a page', async () => {
    const name = `t${SCRIPT}`;
    const tool = {
      name,
      title: SCRIPT,
      description: SCRIPT,
      inputSchema: { type: 'object', title: SCRIPT, properties: { [SCRIPT]: { default: SCRIPT } } },
    };
    const { upstream, gateway } = await behind([tool]);
    const page = await get(`${gateway.base}/api/docs`);
    expect(page.text).toContain('&lt;script&gt;');
    expect(page.text).not.toMatch(/<script|<img/i);
    expect(page.headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; style-src 'sha256-[^']+'; img-src data:; base-uri 'none'/,
    );
    expect(page.headers.get('content-security-policy')).not.toContain('unsafe');
    expect((await get(`${gateway.base}/api`, { accept: 'text/html' })).text).not.toMatch(/<script|<img/i);
    // Nor into an address it is found at.
    const { json } = await get(`${gateway.base}/api/tools/${encodeURIComponent(name)}`);
    expect(String(json['url'])).not.toMatch(/[<>"]/);
    await gateway.close();
    await upstream.close();
  });

  // Attack: stored cross-site scripting through a resource, opened in a browser under the gateway's own origin.
  test.each([
    ['text/html', 'attachment', 'text/html; charset=utf-8'],
    ['image/svg+xml', 'attachment', 'image/svg+xml'],
    ['text/html\r\nset-cookie: a=b', 'inline', 'text/plain; charset=utf-8'],
  ])('runs nothing from a resource of type %j', async (mimeType, disposition, type) => {
    const server = (): McpServer => {
      const mcp = new McpServer({ name: 'evil', version: '1' });
      mcp.registerResource('page', 'evil://page.html', {}, (uri) => ({
        contents: [{ uri: uri.href, mimeType, text: SCRIPT }],
      }));
      return mcp;
    };
    await using gateway = await startGateway({ upstreams: { evil: { factory: server } }, routes: [{ path: '/mcp' }] });
    for (const headers of [{}, { accept: 'text/html,image/avif,image/*,*/*;q=0.8' }]) {
      const answer = await askRaw(`${gateway.base}/api/resources?uri=evil://page.html&raw`, { headers });
      expect(answer.status).toBe(200);
      expect(answer.headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'content-type': type,
        'content-disposition': `${disposition}; filename="page.html"`,
        'content-security-policy': expect.stringMatching(/^sandbox; default-src 'none'/),
        'cross-origin-resource-policy': 'same-origin',
      });
      expect(answer.headers['set-cookie']).toBeUndefined();
    }
  });

  // Attack: schemas that hang, crash or misdirect whoever reads the document, for all servers of the route at once.
  test('spoils the OpenAPI document for nobody', async () => {
    let deep: object = {};
    for (let level = 0; level < 90; level++) deep = { allOf: [deep] };
    const schemas: unknown[] = [
      { $ref: 'http://127.0.0.1:1/x' },
      { $ref: '#' },
      { $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } }, $ref: '#/$defs/a' },
      { type: 5, properties: 'x', required: [1], enum: {}, allOf: [] },
      deep,
      JSON.parse('{"properties":{"__proto__":{"type":"string"}},"__proto__":{"x":1}}'),
      {
        properties: Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`p${index}`, { type: 'string' }])),
      },
    ];
    const names = [
      'echo',
      'echo_input',
      'Problem',
      'a/b',
      '../..',
      '{id}',
      '__proto__',
      'ü',
      'a b',
      'a_b',
      'A?b#c',
      ' ',
    ];
    const tools = names.map((name, index) => ({
      name,
      inputSchema: schemas[index % schemas.length],
      outputSchema: schemas[(index + 1) % schemas.length],
    }));
    const { upstream, gateway } = await behind([
      ...tools,
      { name: 'good', inputSchema: { type: 'object', properties: { a: { type: 'string' } } } },
    ]);
    const { status, json, text } = await get(`${gateway.base}/openapi.json`);
    expect(status).toBe(200);
    expect(await new Validator().validate(JSON.parse(text) as Record<string, unknown>)).toMatchObject({ valid: true });
    const operations = Object.values(json['paths'] as Record<string, Record<string, { operationId?: string }>>).flatMap(
      (path) => Object.values(path).flatMap(({ operationId }) => (operationId === undefined ? [] : [operationId])),
    );
    expect(new Set(operations).size).toBe(operations.length);
    expect(operations.every((id) => /^[A-Za-z0-9_]+$/.test(id))).toBe(true);
    expect(text).not.toContain('127.0.0.1:1/x');
    expect(json).toMatchObject({ components: { schemas: { good_input: { properties: { a: { type: 'string' } } } } } });
    // Every path of the document is one that is served.
    for (const path of Object.keys(json['paths'] as object).filter((one) => /\/tools\/[^/]+$/.test(one))) {
      const answer = await askRaw(gateway.base + path, {});
      expect([200, 404], path).toContain(answer.status);
    }
    await gateway.close();
    await upstream.close();
  });
});

describe('a caller that is no friend', () => {
  // Attack: a body too large, too deep, or read differently by two readers.
  test.each([
    ['too large', `{"text":"${'x'.repeat(70_000)}"}`, 413, 'body.too-large'],
    ['too deep', `{"text":${'['.repeat(500)}${']'.repeat(500)}}`, 400, 'body.invalid'],
    ['two members of one name', '{"text":"a","text":"b"}', 400, 'body.invalid'],
    ['the same name in disguise', '{"text":"a","te\\u0078t":"b"}', 400, 'body.invalid'],
    ['something behind the object', '{"text":"a"} {"text":"b"}', 400, 'body.parse'],
    ['a way out of the arguments', '{"text":"a"}},"name":"bump","arguments":{"by":1', 400, 'body.parse'],
  ])('%s', async (_name, body, status, code) => {
    await using gateway = await startDemo({ limits: { bodyBytes: '64KiB' } });
    const answer = await post(`${gateway.base}/api/tools/echo`, body);
    expect(answer).toMatchObject({ status, json: { code } });
    expect(await counter(gateway)).toBe('0');
  });

  test('text that is no UTF-8', async () => {
    await using gateway = await startDemo();
    const body = Buffer.concat([Buffer.from('{"text":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]);
    const answer = await ask(`${gateway.base}/api/tools/echo`, { method: 'POST', headers: JSON_TYPE, body });
    expect(answer).toMatchObject({ status: 400, json: { code: 'body.parse' } });
  });

  // Attack: a compressed body that unpacks to gigabytes.
  test('a compressed body is refused unread', async () => {
    await using gateway = await startDemo();
    const answer = await post(`${gateway.base}/api/tools/echo`, '{}', { 'content-encoding': 'gzip' });
    expect(answer).toMatchObject({ status: 415, json: { code: 'body.media-type' } });
  });

  // Attack: members of MCP's own in the arguments, to speak to the server past the gateway.
  test('arguments stay arguments', async () => {
    const { upstream, gateway } = await behind([{ name: 'act', inputSchema: { type: 'object' } }]);
    const smuggled = {
      _meta: { 'io.modelcontextprotocol/protocolVersion': '1999-01-01' },
      name: 'other',
      requestState: 'x',
      task: {},
    };
    await post(`${gateway.base}/api/tools/act`, smuggled);
    const { message } = await upstream.until((request) => request.message?.['method'] === 'tools/call');
    const params = message?.['params'] as Record<string, unknown>;
    expect(params).toMatchObject({ name: 'act', arguments: smuggled });
    expect(Object.keys(params).sort()).toEqual(['_meta', 'arguments', 'name']);
    expect(params['_meta']).toMatchObject({ 'io.modelcontextprotocol/protocolVersion': '2026-07-28' });
    await gateway.close();
    await upstream.close();
  });

  // Attack: the state of one call is sent with another one's arguments, by another caller, or made up.
  test('a question is answered by who was asked, for what it was asked about', async () => {
    const script = new URL('../fixtures/legacy-asker.ts', import.meta.url).pathname;
    await using gateway = await startGateway({
      upstreams: { old: { command: process.execPath, args: [script] } },
      routes: [{ path: '/mcp' }],
    });
    const ada = { 'x-test-principal': 'ada' };
    const { json } = await post(`${gateway.base}/api/tools/ask`, {}, ada);
    const { url, body } = json['how'] as { url: string; body: Record<string, unknown> };
    const [key = ''] = Object.keys(json['inputRequired'] as object);
    const answers = { ...body, inputResponses: { [key]: { action: 'accept', content: { name: 'Ada' } } } };
    const foreign = { status: 422, json: { code: 'params.invalid' } };
    expect(await post(url, answers, { 'x-test-principal': 'eve' })).toMatchObject(foreign);
    expect(await post(url, { ...answers, arguments: { other: 1 } }, ada)).toMatchObject(foreign);
    expect(await post(url.replace('/ask/', '/sample/'), answers, ada)).toMatchObject(foreign);
    const madeUp = await post(url, { ...answers, requestState: `g1.${randomBytes(64).toString('base64url')}` }, ada);
    expect(JSON.stringify(madeUp.json)).not.toContain('"Ada"');
    expect(await post(url, answers, ada)).toMatchObject({ status: 200, json: { content: [{ text: 'Ada' }] } });
  });

  // Attack: text of the caller's comes back as somebody else's headers or markup.
  test('nothing of a request becomes a header or a page of the answer', async () => {
    await using gateway = await startDemo();
    for (const path of [
      `/tools/${encodeURIComponent(SCRIPT)}`,
      `/resources?uri=${encodeURIComponent(`x\r\nset-cookie: a=b${SCRIPT}`)}`,
      `/${encodeURIComponent(SCRIPT)}`,
    ]) {
      const answer = await askRaw(`${gateway.base}/api${path}`, { headers: { accept: 'text/html' } });
      expect(answer.status, path).toBe(404);
      expect(answer.headers['content-type']).toBe('application/problem+json');
      expect(answer.headers['x-content-type-options']).toBe('nosniff');
      expect(answer.headers['set-cookie']).toBeUndefined();
    }
  });

  // Attack: names of every object's own members, where a table is looked up by a caller's text.
  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('%s is a name like any other', async (name) => {
    await using gateway = await startDemo();
    expect((await get(`${gateway.base}/api/tools/${name}`)).status).toBe(404);
    expect((await get(`${gateway.base}/api/${name}`)).status).toBe(404);
    expect((await get(`${gateway.base}/api/tools/echo?${name}=x`)).json).toMatchObject({ name: 'echo' });
  });

  // Attack: the document of a large catalogue is asked for again and again, by anybody; each time it is made anew nobody else is served.
  test('has a document made once, until the server has other tools', async () => {
    await using gateway = await startDemo();
    const listed = (): number =>
      gateway.events.filter((event) => event.type === 'exchange' && event.record.method === 'tools/list').length;
    for (const path of ['/openapi.json', '/openapi.yaml', '/api/docs']) {
      const first = await get(`${gateway.base}${path}`);
      const etag = first.headers.get('etag') ?? '';
      const before = listed();
      for (let at = 0; at < 5; at++) expect((await get(`${gateway.base}${path}`)).text).toBe(first.text);
      expect((await get(`${gateway.base}${path}`, { 'if-none-match': etag })).status).toBe(304);
      expect([path, listed()]).toEqual([path, before]);
      // Somebody else's is another one.
      await get(`${gateway.base}${path}`, { 'x-test-principal': `somebody else at ${path}` });
      expect([path, listed()]).toEqual([path, before + 1]);
    }
  });

  // Attack: the same by many callers at once, while the document is not there yet.
  test('has a document made once for all who ask at the same time', async () => {
    await using gateway = await startDemo();
    const listed = (): number =>
      gateway.events.filter((event) => event.type === 'exchange' && event.record.method === 'tools/list').length;
    // The lists themselves are read with the first one.
    await get(`${gateway.base}/api/tools`);
    const before = listed();
    const answers = await Promise.all(Array.from({ length: 20 }, () => get(`${gateway.base}/openapi.json`)));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(listed()).toBe(before + 1);
  });

  // Attack: callers that come and go leave streams, calls and handles behind.
  test('leaves nothing behind', async () => {
    const gateway = await startDemo();
    await Promise.all(
      Array.from({ length: 30 }, async (_, index) => {
        const leave = new AbortController();
        const accept = index % 2 === 0 ? 'text/event-stream' : 'application/json';
        const prefer = index % 3 === 0 ? { prefer: 'respond-async, wait=30' } : {};
        const call = fetch(`${gateway.base}/api/tools/slow`, {
          method: 'POST',
          headers: { ...JSON_TYPE, accept, ...prefer },
          body: '{"steps":1000,"delayMs":20}',
          signal: leave.signal,
        }).then((answer) => answer.text());
        // Some before they are served, some while they are.
        if (index % 5 !== 0) {
          await vi.waitFor(async () => {
            const { json } = await post(`${gateway.base}/api/tools/stats`, {});
            expect((json['structuredContent'] as { running: number }).running).toBeGreaterThan(0);
          }, PATIENT);
        }
        leave.abort();
        await expect(call).rejects.toThrow();
      }),
    );
    await vi.waitFor(() => {
      expect(stillOpen(gateway).filter(([kind]) => kind !== 'handle')).toEqual([]);
    }, PATIENT);
    await vi.waitFor(async () => {
      const { json } = await post(`${gateway.base}/api/tools/stats`, {});
      expect(json['structuredContent']).toMatchObject({ running: 0 });
    }, PATIENT);
    await gateway.close();
    expect(stillOpen(gateway)).toEqual([]);
  });
});
