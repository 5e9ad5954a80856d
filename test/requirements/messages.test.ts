import { afterAll, beforeAll, describe, expect } from 'vitest';
import { createDemoFactory } from '../../packages/breakwater/src/demo/server.ts';
import { callModern, META, modernMessage, openSession, toolText } from './support/clients.ts';
import { type RunningGateway, startGateway } from './support/gateway.ts';
import { at, textAt } from './support/json.ts';
import { legacyScript, modernResult, modernScript } from './support/scripted-eras.ts';
import { errorOf, resultOf, type Script, sendJson, startScripted } from './support/scripted-upstream.ts';
import { post, send, type WireAnswer } from './support/wire.ts';
import { verifies } from './verifies.ts';

type Override = NonNullable<NonNullable<Parameters<typeof legacyScript>[0]>['instead']>;

/** Answers one method in its own way. */
function on(method: string, script: Script): Override {
  return (request, response) => {
    if (request.message?.['method'] !== method) return false;
    script(request, response);
    return true;
  };
}

describe('messages', () => {
  let gateway: RunningGateway;

  beforeAll(async () => {
    gateway = await startGateway({ upstreams: { demo: { factory: createDemoFactory() } } });
  });
  afterAll(() => gateway.close());

  verifies(
    ['rpc.same-id', 'gateway.bytes.ids', 'rpc.result-or-error'],
    'are answered under their own id, byte for byte',
    async () => {
      const session = await openSession(gateway.url);
      const ids = [
        '1',
        '"1"',
        '"a b\\u00e9/\\/"',
        '9007199254740993',
        '-0',
        '1.50',
        '1e2',
        `"${'x'.repeat(200)}"`,
        '""',
        '"__proto__"',
      ];
      for (const id of ids) {
        const { headers, body } = modernMessage('tools/list');
        const requests: [string, object][] = [
          [`{"jsonrpc":"2.0","id":${id},"method":"ping"}`, session.headers],
          [`{"jsonrpc":"2.0","id":${id},"method":"tools/list"}`, session.headers],
          [`{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"none"}}`, session.headers],
          [`{"jsonrpc":"2.0","id":${id},"method":"ping"}`, { 'mcp-session-id': 'gone' }],
          [body.replace('"id":1', `"id":${id}`), headers],
          [body.replace('"id":1', `"id":${id}`), {}],
        ];
        for (const [message, own] of requests) {
          const answer = await post(gateway.url, message, own as Record<string, string>);
          expect(answer.text).toContain(`"id":${id},`);
          const [response] = answer.messages();
          expect(
            [at(response, 'result') === undefined, at(response, 'error') === undefined].filter(Boolean),
          ).toHaveLength(1);
        }
      }
    },
  );

  verifies(['rpc.null-id'], 'may not have the id null', async () => {
    for (const id of ['null', 'true', '[]', '{}']) {
      const answer = await post(gateway.url, `{"jsonrpc":"2.0","id":${id},"method":"tools/list"}`);
      expect(answer.status).toBe(400);
      expect(answer.json()).toMatchObject({ id: null, error: { code: -32600 } });
    }
  });

  verifies(
    ['rpc.parse-error', 'rpc.integer-code', 'gateway.answers-teach'],
    'that are none are refused with JSON that says what to send',
    async () => {
      const json = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
      const refused: [WireAnswer, number, number][] = [
        [await post(gateway.url, '{"jsonrpc":'), 400, -32700],
        [await post(gateway.url, ''), 400, -32700],
        [await post(gateway.url, 'hello'), 400, -32700],
        [await post(gateway.url, '{"a":1}'), 400, -32600],
        [await post(gateway.url, '7'), 400, -32600],
        [await post(gateway.url, '[]'), 400, -32600],
        [await post(gateway.url, '{"jsonrpc":"1.0","id":1,"method":"ping"}'), 400, -32600],
        [await post(gateway.url, '{"jsonrpc":"2.0","id":1,"method":7}'), 400, -32600],
        [await post(gateway.url, '{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}'), 400, -32600],
        [await post(gateway.url, `{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`), 400, -32600],
        [await send('POST', gateway.url, { ...json, 'content-type': 'text/plain' }, '{}'), 415, -32600],
        [await send('POST', gateway.url, { ...json, accept: 'text/html' }, '{}'), 406, -32600],
        [
          await send(
            'POST',
            gateway.url,
            { ...json, 'mcp-session-id': 'x' },
            '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
          ),
          404,
          -32001,
        ],
      ];
      for (const [answer, status, code] of refused) {
        expect([answer.status, answer.headers['content-type']]).toEqual([status, 'application/json']);
        expect(answer.json()).toMatchObject({
          jsonrpc: '2.0',
          error: { code, message: expect.any(String), data: { reason: expect.any(String), hint: expect.any(String) } },
          canonical_endpoint: gateway.url,
        });
      }
      for (const [method, path] of [
        ['PUT', '/mcp'],
        ['PATCH', '/mcp'],
        ['GET', '/nothing'],
        ['POST', '/nothing'],
        ['GET', '/messages/'],
      ] as const) {
        const answer = await send(method, `${gateway.base}${path}`, {});
        expect([method, path, answer.headers['content-type']]).toEqual([method, path, 'application/json']);
        expect(answer.status).toBeGreaterThanOrEqual(400);
        expect(answer.json()).toMatchObject({ canonical_endpoint: gateway.url, recipe: { method: 'POST' } });
      }
    },
  );

  verifies(['rpc.no-notification-response'], 'without an id get no response', async () => {
    const session = await openSession(gateway.url);
    for (const method of [
      'notifications/initialized',
      'notifications/progress',
      'tools/list',
      'nothing',
      'initialize',
    ]) {
      const answer = await session.notify(method, {});
      expect([method, answer.status, answer.text]).toEqual([method, 202, '']);
    }
  });

  verifies(['rpc.utf8'], 'are UTF-8', async () => {
    const broken = Buffer.concat([
      Buffer.from('{"jsonrpc":"2.0","id":1,"method":"a'),
      Buffer.from([0xff, 0xc0]),
      Buffer.from('"}'),
    ]);
    const refused = await post(gateway.url, broken);
    expect([refused.status, at(refused.json(), 'error', 'code')]).toEqual([400, -32700]);
    const text = 'Grüße, 世界 \u{1f30a} \u0000 \u2028 \ud83d\ude00';
    const session = await openSession(gateway.url);
    const call = { name: 'echo', arguments: { text } };
    expect((await session.request('tools/call', call)).messages().map(toolText)).toEqual([text]);
    expect((await callModern(gateway.url, 'tools/call', call)).messages().map(toolText)).toEqual([text]);
  });

  verifies(
    ['error.legacy.resource-not-found', 'error.legacy.unknown-tool', 'error.modern.no-32002'],
    'about what does not exist are answered in the words of each era',
    async () => {
      const session = await openSession(gateway.url);
      const uri = 'demo://items/kraken';
      const legacy = (await session.request('resources/read', { uri })).messages()[0];
      expect(legacy).toMatchObject({ error: { code: -32002 } });
      const modern = await callModern(gateway.url, 'resources/read', { uri });
      expect(modern.json()).toMatchObject({ error: { code: -32602 } });
      const tool = (await session.request('tools/call', { name: 'none' })).messages()[0];
      expect(tool).toMatchObject({ error: { code: -32602 } });
      const args = (await session.request('tools/call', { name: 'add', arguments: { a: 'x' } })).messages()[0];
      expect(at(args, 'result', 'isError') === true || at(args, 'error', 'code') === -32602).toBe(true);
    },
  );

  verifies(
    ['result.modern.type', 'result.modern.server-info'],
    'carry the modern envelope, whatever the server',
    async () => {
      await using legacy = await startScripted(legacyScript());
      await using modern = await startScripted(modernScript());
      await using both = await startGateway({
        upstreams: { legacy: { url: legacy.url }, modern: { url: modern.url } },
      });
      for (const name of ['legacy', 'modern']) {
        for (const [method, params] of [
          ['tools/call', { name: 'act' }],
          ['tools/list', {}],
          ['server/discover', {}],
        ] as const) {
          const answer = await callModern(`${both.url}/${name}`, method, params);
          expect(answer.json(), `${name} ${method}`).toMatchObject({
            result: { resultType: 'complete', _meta: { [META.serverInfo]: { name: 'scripted' } } },
          });
        }
      }
    },
  );

  verifies(
    ['error.modern.reserved-codes', 'error.modern.no-32002', 'error.modern.no-32042'],
    'of 2025 servers with codes of their own are told to modern clients in codes they know',
    async () => {
      const codes = [-32042, -32050, -32099, -32021];
      await using upstream = await startScripted(
        legacyScript({
          instead: on('tools/call', (request, response) => {
            const code = Number(at(request.message, 'params', 'arguments', 'code'));
            const elicitations = [{ mode: 'url', elicitationId: 'e', url: 'https://example.com/', message: 'Visit' }];
            sendJson(response, 200, errorOf(request, code, 'as asked', { elicitations }));
          }),
        }),
      );
      await using own = await startGateway({ upstreams: { one: { url: upstream.url, era: 'legacy' } } });
      const session = await openSession(own.url, { capabilities: { elicitation: { url: {} } } });
      for (const code of codes) {
        const call = { name: 'act', arguments: { code } };
        const answer = await callModern(own.url, 'tools/call', call);
        const told = at(answer.json(), 'error', 'code');
        if (told !== undefined) expect([-32603, -32602]).toContain(told);
        const legacy = (await session.request('tools/call', call)).messages()[0];
        expect(at(legacy, 'error', 'code')).toBe(code);
      }
    },
  );

  verifies(['error.modern.no-32002'], 'with -32002 never reach a modern client, whatever was asked', async () => {
    await using upstream = await startScripted(
      legacyScript({
        instead: on('tools/call', (request, response) => sendJson(response, 200, errorOf(request, -32002, 'mine'))),
      }),
    );
    await using own = await startGateway({ upstreams: { one: { url: upstream.url, era: 'legacy' } } });
    const answer = await callModern(own.url, 'tools/call', { name: 'act' });
    expect(at(answer.json(), 'error', 'code')).not.toBe(-32002);
  });

  verifies(
    ['mrtr.supported-requests', 'mrtr.declared-only', 'mrtr.one-of', 'ask.legacy.declared-only'],
    'ask what may be asked only',
    async () => {
      const elicits = { meta: { [META.capabilities]: { elicitation: { form: {} } } } };
      const asked = (await callModern(gateway.url, 'tools/call', { name: 'ask' }, elicits)).json();
      expect(asked).toMatchObject({ result: { resultType: 'input_required' } });
      expect(at(asked, 'result', 'inputRequests') ?? at(asked, 'result', 'requestState')).toBeDefined();
      for (const name of ['ask', 'ask-url', 'sample', 'roots']) {
        const answer = (await callModern(gateway.url, 'tools/call', { name })).json();
        expect(at(answer, 'result', 'resultType')).not.toBe('input_required');
        const session = await openSession(gateway.url);
        const messages = (await session.request('tools/call', { name })).messages();
        expect(messages).toHaveLength(1);
        expect(at(messages[0], 'result', 'isError')).toBe(true);
      }
      // A server that asks where it must not: its list is no list, and nobody is asked.
      await using upstream = await startScripted(
        modernScript({
          instead: on('tools/list', (request, response) =>
            sendJson(
              response,
              200,
              resultOf(request, { resultType: 'input_required', inputRequests: { a: { method: 'roots/list' } } }),
            ),
          ),
        }),
      );
      await using own = await startGateway({ upstreams: { one: { url: upstream.url } } });
      const list = (await callModern(own.url, 'tools/list', {}, elicits)).json();
      expect(at(list, 'result', 'resultType')).not.toBe('input_required');
      expect(at(list, 'error', 'code')).toBe(-32603);
    },
  );

  verifies(
    ['mrtr.upstream.state-echoed', 'gateway.bytes.same-era'],
    'that continue one reach the server as they came',
    async () => {
      const state = 'opaque \\u0041\\/ = %7B';
      await using upstream = await startScripted(
        modernScript({
          instead: on('tools/call', (request, response) => {
            const retried = at(request.message, 'params', 'requestState') !== undefined;
            const asking = `{"resultType":"input_required","inputRequests":{"k":{"method":"roots/list"}},"requestState":"${state}"}`;
            const done = modernResult({ content: [{ type: 'text', text: 'done' }] });
            sendJson(response, 200, resultOf(request, retried ? done : asking));
          }),
        }),
      );
      await using own = await startGateway({ upstreams: { one: { url: upstream.url } } });
      const meta = { meta: { [META.capabilities]: { roots: {} } } };
      const asked = await callModern(own.url, 'tools/call', { name: 'act' }, meta);
      expect(asked.text).toContain(`"requestState":"${state}"`);
      const { body, headers } = modernMessage(
        'tools/call',
        { name: 'act', inputResponses: { k: { roots: [] } } },
        { ...meta, id: 2 },
      );
      const retry = await post(
        own.url,
        body.replace('"inputResponses"', `"requestState":"${state}","inputResponses"`),
        headers,
      );
      expect(retry.messages().map(toolText)).toEqual(['done']);
      const [first, second] = upstream.calls('tools/call');
      expect(second?.body).toContain(`"requestState":"${state}"`);
      expect(second?.body).toContain('"inputResponses":{"k":{"roots":[]}}');
      expect(second?.message?.['id']).not.toEqual(first?.message?.['id']);
      expect(textAt(second?.message, 'params', 'requestState')).toBe('opaque A/ = %7B');
    },
  );
});
