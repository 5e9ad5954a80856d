import { Client, SSEClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { createDemoFactory } from '../../packages/breakwater/src/demo/server.ts';
import { callModern, initializeParams, openSession, toolText } from './support/clients.ts';
import { type RunningGateway, startGateway } from './support/gateway.ts';
import { at } from './support/json.ts';
import { beginStream, startScripted } from './support/scripted-upstream.ts';
import { post, send, stream } from './support/wire.ts';
import { verifies } from './verifies.ts';

describe('HTTP+SSE of 2024', () => {
  let gateway: RunningGateway;

  beforeAll(async () => {
    gateway = await startGateway({ upstreams: { demo: { factory: createDemoFactory() } } });
  });
  afterAll(() => gateway.close());

  verifies(
    ['sse.two-endpoints', 'sse.endpoint-event', 'sse.message-events', 'gateway.owner.connection'],
    'has a stream that says where to post, and answers there',
    async () => {
      for (const path of ['/sse', '/mcp']) {
        const events = await stream('GET', `${gateway.base}${path}`, { accept: 'text/event-stream' });
        expect([events.status, events.headers['content-type']]).toEqual([200, 'text/event-stream']);
        const first = await events.reader.nextBlock();
        expect(first).toMatchObject({ event: 'endpoint', data: expect.stringMatching(/^\//) });
        const address = new URL(String(first?.data), gateway.base).href;
        const ask = async (message: object): Promise<unknown> => {
          const accepted = await post(address, { jsonrpc: '2.0', ...message });
          expect(accepted.status).toBe(202);
          if (!('id' in message)) return undefined;
          const event = await events.reader.next();
          expect(event?.event).toBe('message');
          return JSON.parse(String(event?.data));
        };
        const opened = await ask({ id: 1, method: 'initialize', params: initializeParams('2024-11-05') });
        expect(opened).toMatchObject({ id: 1, result: { protocolVersion: '2024-11-05' } });
        await ask({ method: 'notifications/initialized' });
        const called = await ask({
          id: 'e',
          method: 'tools/call',
          params: { name: 'echo', arguments: { text: 'old' } },
        });
        expect(toolText(called)).toBe('old');
        const sum = await ask({ id: 3, method: 'tools/call', params: { name: 'add', arguments: { a: 1, b: 2 } } });
        expect(at(sum, 'result', 'structuredContent')).toBeUndefined();
        // Somebody else's post reaches nobody.
        const stranger = await post(
          address,
          { jsonrpc: '2.0', id: 4, method: 'ping' },
          { 'x-test-principal': 'thief' },
        );
        expect(stranger.status).toBe(404);
        events.close();
        await expect
          .poll(async () => (await post(address, { jsonrpc: '2.0', id: 5, method: 'ping' })).status)
          .toBe(404);
      }
      await expect.poll(() => gateway.breakwater.counters().open).toMatchObject({ session: 0, stream: 0 });
      expect(
        (await send('POST', `${gateway.base}/messages/`, { 'content-type': 'application/json' }, '{}')).status,
      ).toBe(404);
    },
  );

  verifies(['sse.message-events', 'sub.legacy.list-changed'], 'serves the SDK’s client', async () => {
    const client = new Client({ name: 'sse', version: '1' }, { versionNegotiation: { mode: 'legacy' } });
    await client.connect(new SSEClientTransport(new URL(`${gateway.base}/sse`)));
    const changed = Promise.withResolvers<void>();
    client.setNotificationHandler('notifications/tools/list_changed', () => changed.resolve());
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('echo');
    await client.subscribeResource({ uri: 'demo://counter' });
    await client.callTool({ name: 'grow' });
    await changed.promise;
    await client.close();
  });

  verifies(['sse.upstream.posts-to-endpoint', 'life.upstream.initialized-sent'], 'is spoken to servers', async () => {
    const posted: string[] = [];
    let write = (_event: string): void => undefined;
    await using upstream = await startScripted((request, response) => {
      if (request.verb === 'GET') {
        beginStream(response);
        response.write('event: endpoint\ndata: /elsewhere/post?key=a%20b&n=1\n\n');
        write = (event) => void response.write(event);
        return;
      }
      if (!request.path.startsWith('/elsewhere/')) return void response.writeHead(405).end();
      posted.push(request.path);
      response.writeHead(202).end('Accepted');
      const { id, method } = request.message ?? {};
      if (id === undefined) return;
      const opened = {
        protocolVersion: '2024-11-05',
        capabilities: { tools: {} },
        serverInfo: { name: 'old', version: '1' },
      };
      const done = { content: [{ type: 'text', text: 'done' }] };
      const results: Record<string, object> = { initialize: opened, 'tools/list': { tools: [] }, 'tools/call': done };
      write(
        `event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', id, result: results[String(method)] ?? {} })}\n\n`,
      );
    });
    await using own = await startGateway({ upstreams: { one: { url: upstream.url, transport: 'auto' } } });
    const session = await openSession(own.url);
    expect((await session.request('tools/call', { name: 'act' })).messages().map(toolText)).toEqual(['done']);
    expect((await callModern(own.url, 'tools/call', { name: 'act' })).messages().map(toolText)).toEqual(['done']);
    expect(new Set(posted)).toEqual(new Set(['/elsewhere/post?key=a%20b&n=1']));
    expect(upstream.calls('notifications/initialized').length).toBeGreaterThan(0);
  });
});
