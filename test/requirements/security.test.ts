import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { parseLibraryConfig } from '../../packages/breakwater/src/config/library.ts';
import { createDemoFactory } from '../../packages/breakwater/src/demo/server.ts';
import { callModern, modernMessage, openSession } from './support/clients.ts';
import { type RunningGateway, startGateway } from './support/gateway.ts';
import { arrayAt, at } from './support/json.ts';
import { legacyScript, modernResult, modernScript } from './support/scripted-eras.ts';
import { beginStream, resultOf, sendJson, startScripted, writeEvent } from './support/scripted-upstream.ts';
import { post, send } from './support/wire.ts';
import { verifies } from './verifies.ts';

const PING = { jsonrpc: '2.0', id: 1, method: 'ping' };

describe('security', () => {
  let gateway: RunningGateway;

  beforeAll(async () => {
    gateway = await startGateway({ upstreams: { demo: { factory: createDemoFactory() } } });
  });
  afterAll(() => gateway.close());

  verifies(['security.origin', 'gateway.answers-teach'], 'refuses foreign origins on every path and verb', async () => {
    // Attack: a page somewhere in the web posts to the gateway on the visitor's own machine.
    const { headers, body } = modernMessage('tools/list');
    for (const origin of [
      'https://evil.example',
      'http://localhost.evil.example',
      'null',
      'http://127.0.0.1.evil.example:8808',
    ]) {
      const session = await openSession(gateway.url);
      const answers = [
        await post(gateway.url, PING, { origin }),
        await post(gateway.url, body, { ...headers, origin }),
        await send('GET', gateway.url, { ...session.headers, accept: 'text/event-stream', origin }),
        await send('DELETE', gateway.url, { ...session.headers, origin }),
        await send('OPTIONS', gateway.url, { origin, 'access-control-request-method': 'POST' }),
        await send('GET', `${gateway.base}/sse`, { accept: 'text/event-stream', origin }),
        await send('POST', `${gateway.base}/messages/?session_id=x`, { origin }, '{}'),
        await send('GET', `${gateway.base}/nothing`, { origin }),
      ];
      for (const answer of answers) {
        expect(answer.status, origin).toBe(403);
        expect(answer.headers['access-control-allow-origin']).toBeUndefined();
        expect(answer.json()).toMatchObject({ error: { data: { reason: 'request.origin' } } });
      }
      expect((await session.request('ping')).status).toBe(200);
    }
    for (const origin of ['http://localhost:3000', 'http://127.0.0.1']) {
      const answer = await post(gateway.url, PING, { origin });
      expect([answer.status, answer.headers['access-control-allow-origin']]).toEqual([200, origin]);
    }
  });

  verifies(['security.rebinding'], 'refuses hosts that are not its own', async () => {
    // Attack: evil.example resolves to 127.0.0.1, so the page has the gateway's address as its own origin.
    for (const host of ['evil.example', 'evil.example:80', 'localhost.evil.example', '127.0.0.1.nip.io']) {
      for (const answer of [
        await post(gateway.url, PING, { host }),
        await send('GET', gateway.url, { host, accept: 'text/event-stream' }),
        await send('DELETE', gateway.url, { host }),
      ]) {
        expect(answer.status, host).toBe(403);
        expect(answer.text).not.toContain('evil');
      }
    }
    expect((await post(gateway.url, PING, { host: 'localhost:1234' })).status).toBe(200);
  });

  verifies(['security.localhost'], 'listens on loopback unless told otherwise', () => {
    const config = parseLibraryConfig({ upstreams: { demo: { factory: createDemoFactory() } } });
    expect(config.listen.host).toBe('127.0.0.1');
    expect(config.admin).toBeUndefined();
  });

  verifies(
    ['security.no-token-passthrough', 'gateway.legs.headers'],
    'keeps the client’s credentials from servers',
    async () => {
      for (const script of [legacyScript(), modernScript()]) {
        await using upstream = await startScripted(script);
        await using own = await startGateway({
          upstreams: { one: { url: upstream.url, headers: { 'x-team': 'harbour' } } },
        });
        const secrets = {
          authorization: 'Bearer client-secret',
          cookie: 'session=client-secret',
          'x-api-key': 'client-secret',
          'proxy-authorization': 'Basic client-secret',
          forwarded: 'for=client-secret',
        };
        const session = await openSession(own.url, { headers: secrets });
        await session.request('tools/call', { name: 'act' });
        await callModern(own.url, 'tools/call', { name: 'act' }, { headers: secrets });
        await session.end();
        await own.close();
        expect(upstream.calls('tools/call')).toHaveLength(2);
        for (const { rawHeaders, headers } of upstream.seen) {
          expect(rawHeaders.join('\n')).not.toContain('client-secret');
          expect(rawHeaders.join('\n')).not.toContain(session.id);
          expect(headers['x-team']).toBe('harbour');
        }
      }
    },
  );
});

describe('isolation', () => {
  const as = (principal: string): { headers: Record<string, string> } => ({
    headers: { 'x-test-principal': principal },
  });

  verifies(
    ['gateway.isolation.sessions', 'gateway.isolation.lists', 'cache.private'],
    'keeps principals apart on a legacy server',
    async () => {
      let sessions = 0;
      const owners = new Map<string, number>();
      const tell = new Map<string, () => void>();
      await using upstream = await startScripted(
        legacyScript({
          instead: (request, response) => {
            const id = String(request.headers['mcp-session-id']);
            if (request.verb === 'GET') {
              beginStream(response);
              response.write(': open\n\n');
              tell.set(id, () => writeEvent(response, { jsonrpc: '2.0', method: 'notifications/tools/list_changed' }));
              return true;
            }
            if (request.message?.['method'] !== 'tools/list') return false;
            if (!owners.has(id)) {
              sessions += 1;
              owners.set(id, sessions);
            }
            const tools = [{ name: `secret-of-${owners.get(id)}`, inputSchema: { type: 'object' } }];
            sendJson(response, 200, resultOf(request, { tools }));
            return true;
          },
        }),
      );
      await using gateway = await startGateway({ upstreams: { one: { url: upstream.url, era: 'legacy' } } });
      const names = async (principal: string): Promise<string> => {
        const session = await openSession(gateway.url, as(principal));
        const legacy = (await session.request('tools/list')).messages()[0];
        const modern = (await callModern(gateway.url, 'tools/list', {}, as(principal))).json();
        const both = [legacy, modern].map((list) =>
          arrayAt(list, 'result', 'tools')
            .map((tool) => at(tool, 'name'))
            .join(),
        );
        expect(new Set(both).size).toBe(1);
        await session.request('tools/call', { name: 'act' });
        return String(both[0]);
      };
      const seen = await Promise.all(['ann', 'bob', 'cy'].map(names));
      expect(new Set(seen).size).toBe(3);
      expect(await names('ann')).toBe(seen[0]);
      expect(await names('bob')).toBe(seen[1]);
      // No upstream session carried two principals: each has its own list, call and stream.
      const used = new Map<string, Set<string>>();
      for (const { headers, message } of upstream.seen) {
        if (message?.['method'] !== 'tools/list') continue;
        const key = String(headers['mcp-session-id']);
        used.set(key, (used.get(key) ?? new Set()).add(String(owners.get(key))));
      }
      for (const [, owner] of used) expect(owner.size).toBe(1);
    },
  );

  verifies(
    ['gateway.isolation.lists', 'cache.private'],
    'keeps a private list of a modern server from others',
    async () => {
      let reads = 0;
      await using upstream = await startScripted(
        modernScript({
          instead: (request, response) => {
            if (request.message?.['method'] !== 'tools/list') return false;
            reads += 1;
            const tools = [{ name: `reading-${reads}`, inputSchema: { type: 'object' } }];
            sendJson(response, 200, resultOf(request, modernResult({ tools, ttlMs: 600_000, cacheScope: 'private' })));
            return true;
          },
        }),
      );
      await using gateway = await startGateway({ upstreams: { one: { url: upstream.url } } });
      const read = async (principal: string): Promise<unknown> =>
        at((await callModern(gateway.url, 'tools/list', {}, as(principal))).json(), 'result', 'tools', 0, 'name');
      const ann = await read('ann');
      expect(await read('bob')).not.toBe(ann);
      expect(await read('ann')).toBe(ann);
    },
  );

  verifies(
    ['gateway.isolation.streams', 'gateway.isolation.sessions'],
    'keeps sessions of one stdio command apart',
    async () => {
      const script = fileURLToPath(new URL('../../apps/demo-server/stdio.ts', import.meta.url));
      await using gateway = await startGateway({ upstreams: { demo: { command: process.execPath, args: [script] } } });
      const slow = { name: 'slow', arguments: { steps: 3, delayMs: 5 }, _meta: { progressToken: 'same' } };
      const answers = await Promise.all(
        ['ann', 'bob', 'cy'].map(async (principal) => {
          const session = await openSession(gateway.url, as(principal));
          return (await session.request('tools/call', slow, 'same')).messages();
        }),
      );
      for (const messages of answers) {
        expect(messages.map((message) => at(message, 'params', 'progress'))).toEqual([1, 2, 3, undefined]);
        expect(messages.at(-1)).toMatchObject({ id: 'same', result: {} });
      }
      // Each principal has a process of its own: what one of them grew, the others do not have.
      await callModern(gateway.url, 'tools/call', { name: 'grow' }, as('ann'));
      const list = (await callModern(gateway.url, 'tools/list', {}, as('bob'))).json();
      expect(arrayAt(list, 'result', 'tools').map((tool) => at(tool, 'name'))).not.toContain('grown-tool-1');
    },
  );
});
