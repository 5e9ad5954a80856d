import { afterAll, beforeAll, describe, expect } from 'vitest';
import { createDemoFactory } from '../../packages/breakwater/src/demo/server.ts';
import { launchFixture } from '../fixtures/launch.ts';
import { callModern, META, MODERN, modernMessage, openSession } from './support/clients.ts';
import { type RunningGateway, startGateway } from './support/gateway.ts';
import { at, textAt } from './support/json.ts';
import { legacyScript, modernScript } from './support/scripted-eras.ts';
import { errorOf, sendJson, startScripted } from './support/scripted-upstream.ts';
import { post } from './support/wire.ts';
import { verifies } from './verifies.ts';

describe('versions of the modern era, as clients see them', () => {
  let gateway: RunningGateway;

  beforeAll(async () => {
    gateway = await startGateway({ upstreams: { demo: { factory: createDemoFactory() } } });
  });
  afterAll(() => gateway.close());

  verifies(['version.modern.unsupported'], 'names what is served to who asks for something else', async () => {
    for (const version of ['2099-01-01', '1900-01-01', 'nonsense']) {
      const headers = { 'mcp-protocol-version': version };
      const answer = await callModern(gateway.url, 'tools/list', {}, { meta: { [META.version]: version }, headers });
      expect(answer.status).toBe(400);
      expect(answer.json()).toMatchObject({
        id: 1,
        error: {
          code: -32022,
          data: { supported: expect.arrayContaining([MODERN]), requested: version },
        },
      });
    }
  });

  verifies(['version.modern.discover', 'cache.hints', 'log.capability'], 'serves server/discover', async () => {
    const answer = await callModern(gateway.url, 'server/discover');
    expect(answer.json()).toMatchObject({
      id: 1,
      result: {
        resultType: 'complete',
        supportedVersions: [MODERN],
        capabilities: { tools: {}, prompts: {}, resources: {}, logging: {} },
        instructions: expect.any(String),
        ttlMs: expect.any(Number),
        cacheScope: expect.stringMatching(/^(public|private)$/),
        _meta: { [META.serverInfo]: { name: 'breakwater-demo' } },
      },
    });
  });

  verifies(['version.modern.extension-fallback'], 'answers without extensions that only the client has', async () => {
    const capabilities = { extensions: { 'io.modelcontextprotocol/tasks': {}, 'com.example/own': {} } };
    const params = { name: 'echo', arguments: { text: 'x' }, task: { ttl: 1 } };
    const answer = await callModern(gateway.url, 'tools/call', params, { meta: { [META.capabilities]: capabilities } });
    expect(answer.json()).toMatchObject({ result: { resultType: 'complete', content: [{ text: 'x' }] } });
  });

  verifies(
    ['version.modern.stateless', 'version.modern.no-connection-needed'],
    'remembers nothing of a client from one request to the next',
    async () => {
      const elicits = { meta: { [META.capabilities]: { elicitation: { form: {} } } } };
      const asked = await callModern(gateway.url, 'tools/call', { name: 'ask' }, elicits);
      expect(asked.json()).toMatchObject({ result: { resultType: 'input_required' } });
      // Each request of these helpers is a connection of its own; the answer completes what another one began.
      const inputResponses = { answer: { action: 'accept', content: { name: 'Ann' } } };
      const done = await callModern(gateway.url, 'tools/call', { name: 'ask', inputResponses }, { ...elicits, id: 2 });
      expect(done.json()).toMatchObject({ id: 2, result: { content: [{ text: 'Hello Ann.' }] } });
      const undeclared = await callModern(gateway.url, 'tools/call', { name: 'ask' });
      expect(at(undeclared.json(), 'result', 'resultType')).not.toBe('input_required');
    },
  );

  verifies(['version.modern.envelope-required'], 'demands the envelope', async () => {
    for (const [key, value] of [
      [META.capabilities, undefined],
      [META.capabilities, 'none'],
      [META.info, 'me'],
      [META.version, 7],
    ] as const) {
      const answer = await callModern(gateway.url, 'tools/list', {}, { id: 'e', meta: { [key]: value } });
      expect(answer.status, `${key} ${value}`).toBe(400);
      expect(answer.json()).toMatchObject({ id: 'e', error: { code: -32602 } });
    }
    const { headers } = modernMessage('tools/list');
    for (const params of [undefined, {}, { _meta: {} }]) {
      const bare = await post(gateway.url, { jsonrpc: '2.0', id: 'e', method: 'tools/list', params }, headers);
      expect([bare.status, at(bare.json(), 'error', 'code')]).toEqual([400, -32602]);
      expect(textAt(bare.json(), 'error', 'message')).toContain('io.modelcontextprotocol/protocolVersion');
    }
  });
});

describe('versions of the modern era, as servers see them', () => {
  verifies(
    ['version.upstream.meta', 'version.upstream.client-info', 'version.upstream.cached-verdict'],
    'sends the envelope on every request, and finds the era out once',
    async () => {
      await using upstream = await startScripted(modernScript());
      await using gateway = await startGateway({ upstreams: { one: { url: upstream.url } } });
      const session = await openSession(gateway.url);
      await session.request('tools/list');
      for (let n = 0; n < 3; n += 1) {
        await callModern(gateway.url, 'tools/call', { name: 'act' });
        await session.request('tools/call', { name: 'act' });
      }
      const requests = upstream.seen.filter(({ message }) => message?.['id'] !== undefined);
      expect(requests.length).toBeGreaterThan(6);
      for (const { message } of requests) {
        expect(message).toMatchObject({
          params: {
            _meta: {
              [META.version]: MODERN,
              [META.capabilities]: expect.any(Object),
              [META.info]: { name: expect.any(String), version: expect.any(String) },
            },
          },
        });
      }
      expect(upstream.calls('initialize')).toEqual([]);
    },
  );

  verifies(['version.upstream.http-fallback'], 'falls back to initialize where the answer is not modern', async () => {
    const refusals: [number, string][] = [
      [400, 'Bad Request'],
      [400, ''],
      [404, '<html>'],
      [405, ''],
      [400, '{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Bad Request: Server not initialized"}}'],
      [200, '{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"Method not found"}}'],
    ];
    for (const [status, body] of refusals) {
      await using upstream = await startScripted(
        legacyScript({
          instead: ({ message }, response) => {
            if (message?.['method'] !== 'server/discover') return false;
            response
              .writeHead(status, { 'content-type': body.startsWith('{') ? 'application/json' : 'text/html' })
              .end(body);
            return true;
          },
        }),
      );
      await using gateway = await startGateway({ upstreams: { one: { url: upstream.url } } });
      const answer = await callModern(gateway.url, 'tools/call', { name: 'act' });
      expect(answer.json(), `${status} ${body}`).toMatchObject({ result: { resultType: 'complete' } });
      expect(upstream.calls('initialize').length).toBeGreaterThan(0);
    }
  });

  verifies(['version.upstream.http-stays-modern'], 'takes a modern error for a modern server', async () => {
    await using upstream = await startScripted((request, response) =>
      sendJson(
        response,
        400,
        errorOf(request, -32022, 'Unsupported', { supported: ['2027-01-01'], requested: MODERN }),
      ),
    );
    await using gateway = await startGateway({ upstreams: { one: { url: upstream.url } } });
    const answer = await callModern(gateway.url, 'tools/call', { name: 'act' });
    expect(answer.json()).toMatchObject({ error: { code: -32603, data: { reason: 'upstream.version' } } });
    expect(upstream.calls('initialize')).toEqual([]);
  });

  verifies(['version.upstream.mutual-version'], 'takes a legacy version out of what the server supports', async () => {
    await using upstream = await startScripted(
      legacyScript({
        instead: (request, response) => {
          if (request.message?.['method'] !== 'server/discover') return false;
          sendJson(
            response,
            400,
            errorOf(request, -32022, 'Unsupported', { supported: ['2025-11-25'], requested: MODERN }),
          );
          return true;
        },
      }),
    );
    await using gateway = await startGateway({ upstreams: { one: { url: upstream.url } } });
    const answer = await callModern(gateway.url, 'tools/call', { name: 'act' });
    expect(answer.json()).toMatchObject({ result: { resultType: 'complete' } });
    expect(at(upstream.calls('initialize')[0]?.message, 'params', 'protocolVersion')).toBe('2025-11-25');
  });

  verifies(['version.modern.capability-missing'], 'passes on which capability a request lacks', async () => {
    await using upstream = await startScripted(
      modernScript({
        instead: (request, response) => {
          if (request.message?.['method'] !== 'tools/call') return false;
          const data = { requiredCapabilities: { sampling: {} } };
          sendJson(response, 400, errorOf(request, -32021, 'Sampling is needed', data));
          return true;
        },
      }),
    );
    await using gateway = await startGateway({ upstreams: { one: { url: upstream.url } } });
    const answer = await callModern(gateway.url, 'tools/call', { name: 'act' });
    expect(answer.status).toBe(400);
    expect(answer.json()).toMatchObject({ error: { code: -32021, data: { requiredCapabilities: { sampling: {} } } } });
  });

  verifies(['version.modern.capability-missing'], 'and so does a real server’s', async () => {
    await using asker = await launchFixture('test/fixtures/modern-asker.ts');
    await using gateway = await startGateway({ upstreams: { asker: { url: asker.url } } });
    const direct = await callModern(asker.url, 'tools/call', { name: 'ask' });
    const through = await callModern(gateway.url, 'tools/call', { name: 'ask' });
    expect(through.json()).toEqual(direct.json());
    expect(through.status).toBe(direct.status);
  });
});
