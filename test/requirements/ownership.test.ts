import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { describe, expect } from 'vitest';
import { launchFixture } from '../fixtures/launch.ts';
import { callModern, openSession, streamModern } from './support/clients.ts';
import { startGateway, stillOpen } from './support/gateway.ts';
import { at } from './support/json.ts';
import { legacyScript } from './support/scripted-eras.ts';
import { startScripted } from './support/scripted-upstream.ts';
import { verifies } from './verifies.ts';

const SCRIPT = fileURLToPath(new URL('../../apps/demo-server/stdio.ts', import.meta.url));

describe('what is opened is closed', () => {
  verifies(['gateway.owner.session', 'http.upstream.session-deleted'], 'with its session', async () => {
    await using upstream = await startScripted(legacyScript());
    await using gateway = await startGateway({ upstreams: { one: { url: upstream.url, era: 'legacy' } } });
    const session = await openSession(gateway.url);
    await session.request('tools/call', { name: 'act' });
    const [call] = upstream.calls('tools/call');
    const get = await session.listen();
    await session.request('resources/subscribe', { uri: 'x://y' });
    await session.end();
    await get.reader.rest();
    await expect
      .poll(() => gateway.breakwater.counters().open)
      .toMatchObject({ session: 0, stream: 0, subscription: 0 });
    // The handle of the session goes too, and its server is told.
    const ended = await upstream.until(({ verb }) => verb === 'DELETE');
    expect(ended.headers['mcp-session-id']).toBe(call?.headers['mcp-session-id']);
  });

  verifies(['gateway.owner.close', 'gateway.owner.connection'], 'at the latest when the gateway is', async () => {
    await using http = await launchFixture('apps/demo-server/http.ts', ['--era', 'dual']);
    const gateway = await startGateway({
      upstreams: { http: { url: http.url }, child: { command: process.execPath, args: [SCRIPT] } },
    });
    const url = new URL(gateway.url);
    const legacy = new Client({ name: 'l', version: '1' }, { versionNegotiation: { mode: 'legacy' } });
    await legacy.connect(new StreamableHTTPClientTransport(url));
    const modern = new Client({ name: 'm', version: '1' }, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
    await modern.connect(new StreamableHTTPClientTransport(url));
    for (const client of [legacy, modern]) {
      const { tools } = await client.listTools();
      expect(tools.map(({ name }) => name)).toEqual(expect.arrayContaining(['http__echo', 'child__echo']));
      for (const name of ['http__echo', 'child__echo']) {
        expect(await client.callTool({ name, arguments: { text: 'x' } })).toMatchObject({ content: [{ text: 'x' }] });
      }
    }
    const abandoned = await streamModern(gateway.url, 'subscriptions/listen', {
      notifications: { toolsListChanged: true },
    });
    await abandoned.reader.message();
    expect(gateway.breakwater.counters().open.handle).toBeGreaterThan(0);
    await gateway.close();
    expect(stillOpen(gateway)).toEqual([]);
    await legacy.close();
    await modern.close();
  });

  verifies(['gateway.owner.close'], 'within the drain time, also while a server does not answer', async () => {
    await using upstream = await startScripted(
      legacyScript({ instead: ({ message }) => message?.['method'] === 'tools/call' }),
    );
    const gateway = await startGateway({
      upstreams: { one: { url: upstream.url, era: 'legacy' } },
      timeouts: { drain: '50ms' },
    });
    const session = await openSession(gateway.url);
    const call = session.request('tools/call', { name: 'act' });
    await upstream.until(({ message }) => message?.['method'] === 'tools/call');
    let isClosed = false;
    const closing = gateway.close().then(() => {
      isClosed = true;
    });
    try {
      await expect.poll(() => isClosed, { timeout: 2_000 }).toBe(true);
    } finally {
      await upstream.close();
      await Promise.allSettled([call, closing]);
    }
  });

  verifies(['gateway.always-answered'], 'and every call is answered, whatever the server is', async () => {
    // A port on which nobody listens, a server that closes at once, one that says something else than HTTP.
    const silent = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    const talker = createServer((socket) => socket.end('220 smtp.example ESMTP\r\n')).listen(0, '127.0.0.1');
    await Promise.all([once(silent, 'listening'), once(talker, 'listening')]);
    const address = (server: typeof silent): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
    const upstreams = {
      nobody: { url: 'http://127.0.0.1:9/mcp' },
      silent: { url: address(silent) },
      talker: { url: address(talker) },
      missing: { command: '/nonexistent/program', limits: { startTimeout: '2s' } },
      exits: { command: process.execPath, args: ['-e', 'process.exit(3)'], limits: { startTimeout: '2s' } },
    };
    await using gateway = await startGateway({ upstreams });
    for (const name of Object.keys(upstreams)) {
      for (const method of ['tools/call', 'tools/list', 'server/discover', 'resources/read']) {
        const answer = await callModern(`${gateway.url}/${name}`, method, { name: 'x', uri: 'x://y' });
        expect(at(answer.json(), 'error', 'code'), `${name} ${method} ${answer.text}`).toBe(-32603);
        expect(answer.status).toBeLessThan(500);
        expect(answer.text).not.toMatch(/ECONNREFUSED|nonexistent|node:|stack/);
      }
    }
    silent.close();
    talker.close();
  });
});
