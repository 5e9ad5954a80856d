import { describe, expect } from 'vitest';
import { callModern, META, MODERN, openSession, streamModern, toolText } from './support/clients.ts';
import { startGateway } from './support/gateway.ts';
import { arrayAt, at } from './support/json.ts';
import { modernResult, modernScript } from './support/scripted-eras.ts';
import {
  beginStream,
  errorOf,
  resultOf,
  type SeenRequest,
  sendJson,
  startScripted,
  writeEvent,
} from './support/scripted-upstream.ts';
import { verifies } from './verifies.ts';

const DONE = modernResult({ content: [{ type: 'text', text: 'done' }] });
const isCall = ({ message }: SeenRequest): boolean => message?.['method'] === 'tools/call';
const paramHeaders = ({ headers }: SeenRequest): Record<string, unknown> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('mcp-param-')));

const ROUTED = {
  name: 'routed',
  inputSchema: {
    type: 'object',
    properties: {
      region: { type: 'string', 'x-mcp-header': 'Region' },
      shard: { type: 'integer', 'x-mcp-header': 'Shard' },
      dry: { type: 'boolean', 'x-mcp-header': 'Dry-Run' },
      nested: { type: 'object', properties: { tenant: { type: 'string', 'x-mcp-header': 'Tenant' } } },
      plain: { type: 'string' },
    },
  },
};

describe('Streamable HTTP of 2026-07-28, as servers see it', () => {
  verifies(
    ['http.upstream.modern-headers', 'http.upstream.modern-accept', 'gateway.legs.headers'],
    'sends the headers that belong to the body, for clients of either era',
    async () => {
      await using upstream = await startScripted(modernScript());
      await using gateway = await startGateway({ upstreams: { one: { url: upstream.url, prefix: 'pre' } } });
      const session = await openSession(gateway.url);
      // What a legacy client sends under these names is its own affair.
      const own = { 'mcp-method': 'evil', 'mcp-name': 'evil', 'mcp-param-x': 'evil', 'last-event-id': 'evil' };
      await session.request('tools/list');
      await session.request('tools/call', { name: 'pre__act' }, 1, own);
      await callModern(gateway.url, 'tools/call', { name: 'pre__act' });
      await callModern(gateway.url, 'resources/read', { uri: 'x://y' });
      await callModern(gateway.url, 'prompts/get', { name: 'pre__p' });
      expect(upstream.calls('tools/call')).toHaveLength(2);
      for (const { message, headers, verb } of upstream.seen) {
        expect(verb).toBe('POST');
        const method = String(message?.['method']);
        expect(headers['mcp-protocol-version']).toBe(MODERN);
        expect(headers['mcp-protocol-version']).toBe(at(message, 'params', '_meta', META.version));
        expect(headers['mcp-method']).toBe(method);
        const source = method === 'resources/read' ? 'uri' : 'name';
        const isNamed = ['tools/call', 'prompts/get', 'resources/read'].includes(method);
        expect(headers['mcp-name']).toBe(isNamed ? at(message, 'params', source) : undefined);
        expect(headers.accept).toContain('application/json');
        expect(headers.accept).toContain('text/event-stream');
        expect(headers['mcp-session-id']).toBeUndefined();
        expect(headers['last-event-id']).toBeUndefined();
        expect(headers['mcp-param-x']).toBeUndefined();
      }
      expect(upstream.calls('tools/call').map(({ headers }) => headers['mcp-name'])).toEqual(['act', 'act']);
    },
  );

  verifies(['http.upstream.modern-both-answers'], 'understands JSON and event streams', async () => {
    let streams = false;
    await using upstream = await startScripted(
      modernScript({
        instead: (request, response) => {
          if (!isCall(request) || !streams) return false;
          beginStream(response);
          response.write(': warming up\n\n');
          writeEvent(response, resultOf(request, DONE));
          response.end();
          return true;
        },
      }),
    );
    await using gateway = await startGateway({ upstreams: { one: { url: upstream.url } } });
    for (streams of [false, true]) {
      expect((await callModern(gateway.url, 'tools/call', { name: 'act' })).messages().map(toolText)).toEqual(['done']);
    }
  });

  verifies(['http.upstream.name-encoded'], 'encodes names that no header can carry', async () => {
    const names = ['grüße', '世界', ' padded ', 'two\nlines', '=?base64?literal?=', 'plain-name'];
    await using upstream = await startScripted(
      modernScript({ tools: names.map((name) => ({ name, inputSchema: { type: 'object' } })) }),
    );
    await using gateway = await startGateway({ upstreams: { one: { url: upstream.url } } });
    const session = await openSession(gateway.url);
    for (const name of names) await session.request('tools/call', { name });
    const sent = upstream.calls('tools/call').map(({ headers }) => String(headers['mcp-name']));
    expect(sent).toHaveLength(names.length);
    const decoded = sent.map((value) => {
      const [, base64] = /^=\?base64\?(.*)\?=$/.exec(value) ?? [];
      return base64 === undefined ? value : Buffer.from(base64, 'base64').toString();
    });
    expect(decoded).toEqual(names);
    expect(sent.at(-1)).toBe('plain-name');
    expect(sent.slice(0, -1).every((value) => value.startsWith('=?base64?'))).toBe(true);
  });

  verifies(
    ['http.upstream.params-mirrored', 'http.upstream.params-omitted', 'http.upstream.params-encoded'],
    'mirrors marked arguments',
    async () => {
      await using upstream = await startScripted(modernScript({ tools: [ROUTED] }));
      await using gateway = await startGateway({ upstreams: { one: { url: upstream.url } } });
      const session = await openSession(gateway.url);
      const cases: [object, object][] = [
        [
          { region: 'us-west1', shard: -7, dry: false, nested: { tenant: 'acme' }, plain: 'secret' },
          {
            'mcp-param-region': 'us-west1',
            'mcp-param-shard': '-7',
            'mcp-param-dry-run': 'false',
            'mcp-param-tenant': 'acme',
          },
        ],
        [{ region: null, plain: 'x' }, {}],
        [{}, {}],
        [{ region: 'Grüße\n' }, { 'mcp-param-region': `=?base64?${Buffer.from('Grüße\n').toString('base64')}?=` }],
        [
          { region: '=?base64?x?=' },
          { 'mcp-param-region': `=?base64?${Buffer.from('=?base64?x?=').toString('base64')}?=` },
        ],
      ];
      for (const [args, expected] of cases) {
        const answer = await session.request('tools/call', { name: 'routed', arguments: args });
        expect(answer.messages().map(toolText)).toEqual(['done']);
        const last = upstream.calls('tools/call').at(-1);
        expect(last === undefined ? undefined : paramHeaders(last)).toEqual(expected);
      }
    },
  );

  verifies(
    [
      'http.modern.param-mismatch',
      'http.modern.param-absent',
      'http.modern.param-characters',
      'http.modern.param-numeric',
      'http.modern.header-decoded',
    ],
    'checks the parameter headers of its own clients',
    async () => {
      await using upstream = await startScripted(modernScript({ tools: [ROUTED] }));
      await using gateway = await startGateway({ upstreams: { one: { url: upstream.url } } });
      const call = async (args: object, headers: Record<string, string | undefined>): Promise<unknown> => {
        const answer = await callModern(gateway.url, 'tools/call', { name: 'routed', arguments: args }, { headers });
        return answer.status === 200 ? 'served' : [answer.status, at(answer.json(), 'error', 'code')];
      };
      const refused = [400, -32020];
      expect(await call({ region: 'eu' }, { 'mcp-param-region': 'eu' })).toBe('served');
      expect(await call({ region: 'eu' }, { 'mcp-param-region': '=?base64?ZXU=?=' })).toBe('served');
      expect(await call({ region: 'eu' }, { 'mcp-param-region': 'us' })).toEqual(refused);
      expect(await call({ region: 'eu' }, {})).toEqual(refused);
      expect(await call({ region: 'eu' }, { 'mcp-param-region': '=?base64?***?=' })).toEqual(refused);
      expect(await call({ region: null }, {})).toBe('served');
      expect(await call({}, {})).toBe('served');
      expect(await call({ shard: 42 }, { 'mcp-param-shard': '42.0' })).toBe('served');
      expect(await call({ shard: 42 }, { 'mcp-param-shard': '43' })).toEqual(refused);
      expect(await call({ dry: true }, { 'mcp-param-dry-run': 'true' })).toBe('served');
      expect(await call({ dry: true }, { 'mcp-param-dry-run': 'TRUE' })).toEqual(refused);
      expect(await call({ nested: { tenant: 'a' } }, { 'mcp-param-tenant': 'b' })).toEqual(refused);
    },
  );

  verifies(['http.upstream.invalid-tool-excluded'], 'leaves tools out whose annotations break the rules', async () => {
    const bad = [
      { type: 'string', 'x-mcp-header': '' },
      { type: 'string', 'x-mcp-header': 'two words' },
      { type: 'string', 'x-mcp-header': 'a\r\nb' },
      { type: 'number', 'x-mcp-header': 'N' },
      { type: 'array', items: { type: 'string', 'x-mcp-header': 'Item' } },
      { anyOf: [{ type: 'string', 'x-mcp-header': 'Any' }] },
    ].map((property, n) => ({ name: `bad-${n}`, inputSchema: { type: 'object', properties: { property } } }));
    const twice = {
      name: 'bad-twice',
      inputSchema: {
        type: 'object',
        properties: { a: { type: 'string', 'x-mcp-header': 'Same' }, b: { type: 'string', 'x-mcp-header': 'sAME' } },
      },
    };
    await using upstream = await startScripted(modernScript({ tools: [ROUTED, ...bad, twice] }));
    await using gateway = await startGateway({ upstreams: { one: { url: upstream.url } } });
    const session = await openSession(gateway.url);
    const legacy = (await session.request('tools/list')).messages()[0];
    const modern = (await callModern(gateway.url, 'tools/list')).json();
    for (const list of [legacy, modern]) {
      expect(arrayAt(list, 'result', 'tools').map((tool) => at(tool, 'name'))).toEqual(['routed']);
    }
  });

  verifies(
    ['http.upstream.mismatch-refreshes'],
    'lists the tools again after -32020 and repeats the call',
    async () => {
      let demands = false;
      let marked: object = { name: 'act', inputSchema: { type: 'object', properties: { region: { type: 'string' } } } };
      await using upstream = await startScripted(
        modernScript({
          instead: (request, response) => {
            const method = request.message?.['method'];
            if (method === 'tools/list') {
              sendJson(
                response,
                200,
                resultOf(request, modernResult({ tools: [marked], ttlMs: 0, cacheScope: 'private' })),
              );
              return true;
            }
            if (!isCall(request) || !demands || request.headers['mcp-param-region'] === 'eu') return false;
            sendJson(response, 400, errorOf(request, -32020, 'Header mismatch: Mcp-Param-Region is missing'));
            return true;
          },
        }),
      );
      await using gateway = await startGateway({ upstreams: { one: { url: upstream.url } } });
      const session = await openSession(gateway.url);
      await session.request('tools/call', { name: 'act', arguments: { region: 'eu' } });
      demands = true;
      marked = {
        name: 'act',
        inputSchema: { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'Region' } } },
      };
      const answer = await session.request('tools/call', { name: 'act', arguments: { region: 'eu' } });
      expect(answer.messages().map(toolText)).toEqual(['done']);
      expect(upstream.calls('tools/call')).toHaveLength(3);
    },
  );

  verifies(['http.upstream.modern-cancel'], 'cancels by closing the response', async () => {
    const closed = Promise.withResolvers<void>();
    await using upstream = await startScripted(
      modernScript({
        instead: (request, response) => {
          if (!isCall(request)) return false;
          beginStream(response);
          const progressToken = at(request.message, 'params', '_meta', 'progressToken');
          writeEvent(response, {
            jsonrpc: '2.0',
            method: 'notifications/progress',
            params: { progressToken, progress: 1 },
          });
          response.once('close', () => closed.resolve());
          return true;
        },
      }),
    );
    await using gateway = await startGateway({ upstreams: { one: { url: upstream.url } } });
    const call = await streamModern(gateway.url, 'tools/call', { name: 'act' }, { meta: { progressToken: 1 } });
    await call.reader.message();
    call.close();
    await closed.promise;
    expect(upstream.calls('notifications/cancelled')).toEqual([]);
  });

  verifies(
    ['result.upstream.absent-type', 'result.upstream.unknown-type', 'result.modern.type'],
    'judges resultType',
    async () => {
      const results: Record<string, object> = {
        absent: { content: [{ type: 'text', text: 'fine' }] },
        unknown: { resultType: 'surprise', content: [{ type: 'text', text: 'never seen' }] },
        wrong: { resultType: 7, content: [{ type: 'text', text: 'never seen' }] },
      };
      await using upstream = await startScripted(
        modernScript({
          instead: (request, response) => {
            const result = isCall(request) ? results[String(at(request.message, 'params', 'name'))] : undefined;
            if (result !== undefined) sendJson(response, 200, resultOf(request, result));
            return result !== undefined;
          },
        }),
      );
      await using gateway = await startGateway({ upstreams: { one: { url: upstream.url } } });
      const session = await openSession(gateway.url);
      expect((await session.request('tools/call', { name: 'absent' })).messages().map(toolText)).toEqual(['fine']);
      const complete = await callModern(gateway.url, 'tools/call', { name: 'absent' });
      expect(complete.messages().map(toolText)).toEqual(['fine']);
      for (const name of ['unknown', 'wrong']) {
        const legacy = await session.request('tools/call', { name });
        expect(legacy.messages()).toMatchObject([{ error: { code: -32603 } }]);
        // A modern client judges for itself what it can use: its own extensions are no business of the gateway.
        const modern = await callModern(gateway.url, 'tools/call', { name });
        expect(at(modern.json(), 'result', 'resultType')).not.toBe('complete');
      }
    },
  );
});
