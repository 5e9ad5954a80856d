import { afterAll, beforeAll, describe, expect } from 'vitest';
import { createDemoFactory } from '../../packages/breakwater/src/demo/server.ts';
import { initializeParams, LATEST_LEGACY, openSession } from './support/clients.ts';
import { type RunningGateway, startGateway } from './support/gateway.ts';
import { arrayAt, at } from './support/json.ts';
import { legacyScript } from './support/scripted-eras.ts';
import { startScripted } from './support/scripted-upstream.ts';
import { post } from './support/wire.ts';
import { verifies } from './verifies.ts';

describe('the legacy lifecycle, as clients see it', () => {
  let gateway: RunningGateway;

  beforeAll(async () => {
    gateway = await startGateway({ upstreams: { demo: { factory: createDemoFactory() } } });
  });
  afterAll(() => gateway.close());

  const initialize = async (version: unknown): Promise<unknown> => {
    const params = { ...initializeParams(), protocolVersion: version };
    const answer = await post(gateway.url, { jsonrpc: '2.0', id: 1, method: 'initialize', params });
    expect(answer.status, answer.text).toBe(200);
    return answer.json();
  };

  verifies(
    ['life.legacy.initialize-answered', 'life.legacy.same-version', 'life.legacy.respects-version'],
    'answers initialize in every legacy revision',
    async () => {
      for (const revision of ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25']) {
        expect(await initialize(revision)).toMatchObject({
          result: {
            protocolVersion: revision,
            capabilities: { tools: {}, prompts: {}, resources: {} },
            serverInfo: { name: 'breakwater-demo' },
          },
        });
        const session = await openSession(gateway.url, { revision });
        const [list] = (await session.request('tools/list')).messages();
        const add = arrayAt(list, 'result', 'tools').find((tool) => at(tool, 'name') === 'add');
        // structuredContent and outputSchema came with 2025-06-18.
        expect(at(add, 'outputSchema') !== undefined).toBe(revision >= '2025-06-18');
        const [sum] = (await session.request('tools/call', { name: 'add', arguments: { a: 1, b: 2 } })).messages();
        expect(at(sum, 'result', 'structuredContent') !== undefined).toBe(revision >= '2025-06-18');
        expect(at(sum, 'result', 'content', 0, 'text')).toBe('3');
        await session.end();
      }
    },
  );

  verifies(
    ['life.legacy.counter-offer', 'life.legacy.counter-offer-latest'],
    'offers its latest legacy revision for what it does not serve that way',
    async () => {
      for (const version of ['1999-01-01', '2026-07-28', '2099-12-31', 'nonsense', '']) {
        expect(await initialize(version)).toMatchObject({ result: { protocolVersion: LATEST_LEGACY } });
      }
    },
  );

  verifies(['life.legacy.quiet-before-initialized'], 'asks nothing before notifications/initialized', async () => {
    const params = initializeParams(LATEST_LEGACY, { elicitation: {}, sampling: {}, roots: { listChanged: true } });
    const opened = await post(gateway.url, { jsonrpc: '2.0', id: 1, method: 'initialize', params });
    expect(opened.messages()).toHaveLength(1);
    const headers = { 'mcp-session-id': String(opened.headers['mcp-session-id']) };
    const ping = await post(gateway.url, { jsonrpc: '2.0', id: 2, method: 'ping' }, headers);
    expect(ping.messages()).toEqual([{ jsonrpc: '2.0', id: 2, result: {} }]);
  });
});

describe('the legacy lifecycle, as servers see it', () => {
  verifies(
    [
      'life.upstream.initialize-first',
      'life.upstream.latest-version',
      'life.upstream.initialized-sent',
      'life.upstream.waits-for-answer',
      'life.upstream.declared-capabilities',
      'life.legacy.negotiated-capabilities',
    ],
    'opens a server in order, and uses what it declared',
    async () => {
      let isOpen = false;
      const early: string[] = [];
      const script = legacyScript({ capabilities: { tools: {} } });
      await using upstream = await startScripted((request, response) => {
        const method = String(request.message?.['method'] ?? request.verb);
        if (!isOpen && !['initialize', 'server/discover'].includes(method)) early.push(method);
        if (method === 'initialize') isOpen = true;
        script(request, response);
      });
      await using gateway = await startGateway({ upstreams: { one: { url: upstream.url, era: 'legacy' } } });
      const session = await openSession(gateway.url);
      // This client never said notifications/initialized of its own accord to the server: the gateway does.
      expect((await session.request('tools/call', { name: 'act' })).status).toBe(200);
      for (const list of ['prompts/list', 'resources/list', 'resources/templates/list']) await session.request(list);

      const [first, second] = upstream.seen;
      expect(first?.message).toMatchObject({
        jsonrpc: '2.0',
        method: 'initialize',
        params: { protocolVersion: LATEST_LEGACY, capabilities: {}, clientInfo: { name: expect.any(String) } },
      });
      expect(second?.message).toMatchObject({ method: 'notifications/initialized' });
      expect(early).toEqual([]);
      expect(upstream.calls('prompts/list')).toEqual([]);
      expect(upstream.calls('resources/list')).toEqual([]);
      const [answer] = session.opened.messages();
      expect(Object.keys(at(answer, 'result', 'capabilities') as object)).toEqual(['tools']);
    },
  );

  verifies(
    ['life.upstream.counter-offer-accepted', 'http.upstream.version-header'],
    'speaks the older version a server offers',
    async () => {
      await using upstream = await startScripted(
        legacyScript({
          instead: (request, response) => {
            if (request.message?.['method'] !== 'initialize') return false;
            const result = {
              protocolVersion: '2025-06-18',
              capabilities: { tools: {} },
              serverInfo: { name: 'old', version: '1' },
            };
            const body = JSON.stringify({ jsonrpc: '2.0', id: request.message['id'], result });
            response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 'fixed' }).end(body);
            return true;
          },
        }),
      );
      await using gateway = await startGateway({ upstreams: { one: { url: upstream.url, era: 'legacy' } } });
      const session = await openSession(gateway.url);
      await session.request('tools/list');
      await gateway.close();
      const later = upstream.seen.filter(({ message }) => message?.['method'] !== 'initialize');
      expect(later.length).toBeGreaterThan(0);
      for (const { headers } of later) expect(headers['mcp-protocol-version']).toBe('2025-06-18');
    },
  );

  verifies(['life.upstream.unknown-version'], 'leaves a server alone that offers an unknown version', async () => {
    await using upstream = await startScripted(
      legacyScript({
        instead: (request, response) => {
          if (request.message?.['method'] !== 'initialize') return false;
          const result = {
            protocolVersion: '1999-01-01',
            capabilities: { tools: {} },
            serverInfo: { name: 'x', version: '1' },
          };
          response.writeHead(200, { 'content-type': 'application/json' });
          response.end(JSON.stringify({ jsonrpc: '2.0', id: request.message['id'], result }));
          return true;
        },
      }),
    );
    await using gateway = await startGateway({ upstreams: { one: { url: upstream.url, era: 'legacy' } } });
    const params = initializeParams();
    const answer = await post(gateway.url, { jsonrpc: '2.0', id: 1, method: 'initialize', params });
    expect(answer.json()).toMatchObject({ id: 1, error: { code: -32603, data: { reason: 'upstream.version' } } });
    expect(upstream.calls('notifications/initialized')).toEqual([]);
    expect(upstream.calls('tools/list')).toEqual([]);
  });

  verifies(
    ['life.upstream.timeout', 'cancel.upstream.own-ids'],
    'gives up on a server that does not answer, and says so',
    async () => {
      await using upstream = await startScripted(
        legacyScript({ instead: ({ message }) => message?.['method'] === 'tools/call' }),
      );
      await using gateway = await startGateway({
        upstreams: { one: { url: upstream.url, era: 'legacy', limits: { requestTimeout: '200ms' } } },
      });
      const session = await openSession(gateway.url);
      const answer = await session.request('tools/call', { name: 'act' });
      expect(answer.messages()).toMatchObject([
        { id: 1, error: { code: -32603, data: { reason: 'upstream.timeout' } } },
      ]);
      const cancelled = await upstream.until(({ message }) => message?.['method'] === 'notifications/cancelled');
      const [call] = upstream.calls('tools/call');
      expect(at(cancelled.message, 'params', 'requestId')).toEqual(call?.message?.['id']);
    },
  );
});
