import { afterAll, beforeAll, describe, expect } from 'vitest';
import { createDemoFactory } from '../../packages/breakwater/src/demo/server.ts';
import { callModern, META, MODERN, modernMessage, openSession, streamModern, toolText } from './support/clients.ts';
import { type RunningGateway, startGateway } from './support/gateway.ts';
import { at } from './support/json.ts';
import { post, send, type WireAnswer } from './support/wire.ts';
import { verifies } from './verifies.ts';

const ECHO = { name: 'echo', arguments: { text: 'ahoy' } };
const SLOW = { name: 'slow', arguments: { steps: 3, delayMs: 5 } };

describe('Streamable HTTP of 2026-07-28, as clients see it', () => {
  let gateway: RunningGateway;

  beforeAll(async () => {
    gateway = await startGateway({ upstreams: { demo: { factory: createDemoFactory() } } });
  });
  afterAll(() => gateway.close());

  /** Sends an echo with these headers changed and expects -32020. */
  const expectMismatch = async (headers: Record<string, string | string[] | undefined>): Promise<WireAnswer> => {
    const answer = await callModern(gateway.url, 'tools/call', ECHO, { id: 'h', headers });
    expect(answer.status, JSON.stringify(headers)).toBe(400);
    expect(answer.json()).toMatchObject({ jsonrpc: '2.0', id: 'h', error: { code: -32020 } });
    return answer;
  };

  verifies(['http.modern.notification-accepted', 'rpc.no-notification-response'], 'takes notifications', async () => {
    for (const headers of [{}, { 'mcp-method': 'notifications/cancelled' }]) {
      const message = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } };
      const answer = await post(gateway.url, message, { 'mcp-protocol-version': MODERN, ...headers });
      expect([answer.status, answer.text]).toEqual([202, '']);
    }
  });

  verifies(['http.modern.no-client-responses'], 'refuses responses', async () => {
    for (const message of [
      { jsonrpc: '2.0', id: 1, result: {} },
      { jsonrpc: '2.0', id: 1, error: { code: -1, message: 'no' } },
    ]) {
      const answer = await post(gateway.url, message, { 'mcp-protocol-version': MODERN });
      expect(answer.status).toBe(400);
      expect(answer.json()).toMatchObject({ error: { code: -32600 } });
    }
  });

  verifies(['http.modern.single-message'], 'refuses batches', async () => {
    const { body, headers } = modernMessage('tools/list');
    for (const [batch, extra] of [
      [`[${body}]`, headers],
      [`[${body}]`, {}],
      [`[{"jsonrpc":"2.0","id":1,"method":"ping"},${body}]`, {}],
      ['[{"jsonrpc":"2.0","id":1,"method":"ping"}]', { 'mcp-protocol-version': MODERN }],
    ] as const) {
      const answer = await post(gateway.url, batch, extra);
      expect(answer.status).toBe(400);
      expect(answer.json()).toMatchObject({ error: { code: -32600 } });
    }
  });

  verifies(
    ['http.modern.request-answer', 'http.modern.unbuffered', 'http.modern.response-ends-stream', 'result.modern.type'],
    'answers with JSON, or with a stream that the response ends',
    async () => {
      const short = await callModern(gateway.url, 'tools/call', ECHO);
      expect([short.status, short.headers['content-type']]).toEqual([200, 'application/json']);
      expect(short.messages().map(toolText)).toEqual(['ahoy']);
      const long = await callModern(gateway.url, 'tools/call', SLOW, { meta: { progressToken: 'p' } });
      expect([long.status, long.headers['content-type']]).toEqual([200, 'text/event-stream']);
      expect(long.headers['x-accel-buffering']).toBe('no');
      expect(long.messages().map((message) => at(message, 'params', 'progress'))).toEqual([1, 2, 3, undefined]);
      for (const answer of [short, long]) {
        expect(answer.messages().at(-1)).toMatchObject({ id: 1, result: { resultType: 'complete' } });
      }
    },
  );

  verifies(
    ['http.modern.related-notifications', 'http.modern.no-server-requests', 'gateway.isolation.streams'],
    'sends on a response stream what belongs to its request, and no requests',
    async () => {
      const tokens = ['a', 'b', 'c', 'd'];
      const answers = await Promise.all(
        tokens.map((token) => callModern(gateway.url, 'tools/call', SLOW, { id: 1, meta: { progressToken: token } })),
      );
      for (const [index, answer] of answers.entries()) {
        const messages = answer.messages();
        expect(messages).toHaveLength(4);
        for (const message of messages.slice(0, 3)) {
          expect(at(message, 'params', 'progressToken')).toBe(tokens[index]);
          expect(at(message, 'id')).toBeUndefined();
        }
      }
    },
  );

  verifies(
    ['http.modern.disconnect-cancels', 'http.modern.cancel-stops-work', 'gateway.owner.connection'],
    'cancels a request whose stream is closed',
    async () => {
      const stats = async (): Promise<unknown> =>
        at((await callModern(gateway.url, 'tools/call', { name: 'stats' })).json(), 'result', 'structuredContent');
      const before = Number(at(await stats(), 'cancelled'));
      const forever = { name: 'slow', arguments: { steps: 1000, delayMs: 50 } };
      const call = await streamModern(gateway.url, 'tools/call', forever, { meta: { progressToken: 1 } });
      expect(await call.reader.message()).toMatchObject({ method: 'notifications/progress' });
      call.close();
      await expect.poll(stats).toMatchObject({ running: 0, cancelled: before + 1 });
    },
  );

  verifies(
    ['http.modern.version-mismatch', 'gateway.modern-no-legacy-downgrade'],
    'demands the version header and that it is true',
    async () => {
      await expectMismatch({ 'mcp-protocol-version': undefined });
      await expectMismatch({ 'mcp-protocol-version': '2025-11-25' });
      await expectMismatch({ 'mcp-protocol-version': '2099-01-01' });
    },
  );

  verifies(['http.modern.version-unsupported-status'], 'refuses other versions with 400', async () => {
    const meta = { [META.version]: '2099-01-01' };
    const answer = await callModern(
      gateway.url,
      'tools/list',
      {},
      { meta, headers: { 'mcp-protocol-version': '2099-01-01' } },
    );
    expect(answer.status).toBe(400);
    expect(answer.json()).toMatchObject({ id: 1, error: { code: -32022 } });
  });

  verifies(['http.modern.method-unknown', 'error.legacy.method-unknown'], 'knows no other methods', async () => {
    for (const method of ['nothing/here', 'ping', 'initialize', 'logging/setLevel', 'resources/subscribe']) {
      const answer = await callModern(gateway.url, method, {}, { id: method });
      expect([method, answer.status]).toEqual([method, 404]);
      expect(answer.json()).toMatchObject({ id: method, error: { code: -32601 } });
    }
    const session = await openSession(gateway.url);
    const legacy = await session.request('nothing/here');
    expect(legacy.status).toBe(200);
    expect(legacy.messages()).toMatchObject([{ id: 1, error: { code: -32601 } }]);
  });

  verifies(['http.modern.method-header', 'http.modern.header-mismatch'], 'demands a true Mcp-Method', async () => {
    await expectMismatch({ 'mcp-method': undefined });
    await expectMismatch({ 'mcp-method': 'tools/list' });
    await expectMismatch({ 'mcp-method': '' });
    const answer = await callModern(gateway.url, 'tools/list', {}, { headers: { 'mcp-method': undefined } });
    expect(answer.status).toBe(400);
  });

  verifies(['http.modern.name-header', 'http.modern.header-mismatch'], 'demands a true Mcp-Name', async () => {
    await expectMismatch({ 'mcp-name': undefined });
    await expectMismatch({ 'mcp-name': 'add' });
    await expectMismatch({ 'mcp-name': '' });
    for (const [method, params] of [
      ['resources/read', { uri: 'demo://readme' }],
      ['prompts/get', { name: 'greet', arguments: { name: 'x' } }],
    ] as const) {
      expect((await callModern(gateway.url, method, params)).status).toBe(200);
      const without = await callModern(gateway.url, method, params, { headers: { 'mcp-name': undefined } });
      expect([without.status, at(without.json(), 'error', 'code')]).toEqual([400, -32020]);
      const wrong = await callModern(gateway.url, method, params, { headers: { 'mcp-name': 'other' } });
      expect([wrong.status, at(wrong.json(), 'error', 'code')]).toEqual([400, -32020]);
    }
  });

  verifies(['http.modern.header-decoded'], 'decodes Mcp-Name before it compares', async () => {
    const encoded = (text: string): string => `=?base64?${Buffer.from(text).toString('base64')}?=`;
    const good = await callModern(gateway.url, 'tools/call', ECHO, { headers: { 'mcp-name': encoded('echo') } });
    expect(good.status).toBe(200);
    await expectMismatch({ 'mcp-name': encoded('add') });
    await expectMismatch({ 'mcp-name': '=?base64?***?=' });
    await expectMismatch({ 'mcp-name': '=?BASE64?ZWNobw==?=' });
  });

  verifies(['http.modern.header-name-case'], 'reads header names in any case, and values as they are', async () => {
    const { body } = modernMessage('tools/call', ECHO);
    const shouted = { 'MCP-PROTOCOL-VERSION': MODERN, 'MCP-METHOD': 'tools/call', 'mCP-nAME': 'echo' };
    expect((await post(gateway.url, body, shouted)).status).toBe(200);
    await expectMismatch({ 'mcp-method': 'Tools/Call' });
    await expectMismatch({ 'mcp-name': 'Echo' });
  });

  verifies(['gateway.repeated-header'], 'refuses routing headers that occur twice', async () => {
    // Attack: the proxy in front allows by the first Mcp-Name, the gateway serves by the last.
    await expectMismatch({ 'mcp-name': ['add', 'echo'] });
    await expectMismatch({ 'mcp-name': ['echo', 'echo'] });
    await expectMismatch({ 'mcp-method': ['tools/list', 'tools/call'] });
    await expectMismatch({ 'mcp-protocol-version': ['2025-11-25', MODERN] });
  });

  verifies(['gateway.repeated-member'], 'refuses bodies whose deciding members occur twice', async () => {
    // Attack: {"name":"echo","name":"bump"}: the header agrees with one parser's reading, the server acts on the other.
    const { headers } = modernMessage('tools/call', ECHO);
    const meta = `"_meta":{"${META.version}":"${MODERN}","${META.capabilities}":{}}`;
    const bodies = [
      `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"bump","name":"echo","arguments":{"text":"x"},${meta}}}`,
      `{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call","params":{"name":"echo",${meta}}}`,
      `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","_meta":{},${meta}}}`,
      `{"jsonrpc":"2.0","id":1,"id":2,"method":"tools/call","params":{"name":"echo",${meta}}}`,
      `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"x"},"arguments":{"text":"y"},${meta}}}`,
      `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"n\\u0061me":"bump","name":"echo","arguments":{"text":"x"},${meta}}}`,
    ];
    for (const body of bodies) {
      const answer = await post(gateway.url, body, headers);
      expect(answer.status, body).toBe(400);
      expect(at(answer.json(), 'error', 'code'), body).toBeTypeOf('number');
    }
  });

  verifies(['http.modern.get-refused'], 'has no GET stream', async () => {
    const answer = await send('GET', gateway.url, { accept: 'text/event-stream', 'mcp-protocol-version': MODERN });
    expect(answer.status).toBe(405);
  });

  verifies(['http.modern.session-ignored'], 'ignores session ids', async () => {
    for (const id of ['nobody', (await openSession(gateway.url)).id]) {
      const answer = await callModern(gateway.url, 'tools/call', ECHO, { headers: { 'mcp-session-id': id } });
      expect(answer.status).toBe(200);
      expect(answer.headers['mcp-session-id']).toBeUndefined();
      const discovered = await callModern(gateway.url, 'server/discover', {}, { headers: { 'mcp-session-id': id } });
      expect(discovered.headers['mcp-session-id']).toBeUndefined();
    }
  });

  verifies(['http.modern.last-event-id-ignored'], 'gives no event ids and takes none', async () => {
    const headers = { 'last-event-id': 'abc-1' };
    const answer = await callModern(gateway.url, 'tools/call', SLOW, { meta: { progressToken: 1 }, headers });
    expect(answer.status).toBe(200);
    expect(answer.events().filter(({ id }) => id !== undefined)).toEqual([]);
  });
});
