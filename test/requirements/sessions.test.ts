import { afterAll, beforeAll, describe, expect } from 'vitest';
import { createDemoFactory } from '../../packages/breakwater/src/demo/server.ts';
import { openSession } from './support/clients.ts';
import { type RunningGateway, startGateway } from './support/gateway.ts';
import { post, send } from './support/wire.ts';
import { verifies } from './verifies.ts';

describe('legacy sessions', () => {
  let gateway: RunningGateway;

  beforeAll(async () => {
    gateway = await startGateway({
      upstreams: { demo: { factory: createDemoFactory() } },
      routes: [
        { path: '/mcp', upstreams: ['demo'] },
        { path: '/strict', upstreams: ['demo'], sessionless: false },
      ],
    });
  });
  afterAll(() => gateway.close());

  verifies(
    ['session.secure-id', 'session.visible-ascii'],
    'have ids of visible ASCII with more than 64 random bits',
    async () => {
      const ids = new Set<string>();
      for (let n = 0; n < 50; n += 1) ids.add((await openSession(gateway.url)).id);
      expect(ids.size).toBe(50);
      for (const id of ids) expect(id).toMatch(/^[\x21-\x7e]{22,}$/);
      // No part of an id tells another one: at each place, many characters occur.
      for (let place = 0; place < 20; place += 1) {
        expect(new Set([...ids].map((id) => id[place])).size).toBeGreaterThan(8);
      }
    },
  );

  verifies(['session.missing'], 'are demanded with 400 where a route needs them', async () => {
    const list = { jsonrpc: '2.0', id: 5, method: 'tools/list' };
    const answer = await post(`${gateway.base}/strict`, list);
    expect(answer.status).toBe(400);
    expect(answer.json()).toMatchObject({ id: 5, error: { code: -32600, data: { reason: 'session.missing' } } });
    expect((await openSession(`${gateway.base}/strict`)).id).not.toBe('');
  });

  verifies(['session.ended', 'session.delete'], 'end by DELETE and are 404 from then on', async () => {
    const session = await openSession(gateway.url);
    const listening = await session.listen();
    expect((await session.end()).status).toBe(200);
    expect(await listening.reader.rest()).toEqual([]);
    const late = await session.request('tools/list', {}, 'late');
    expect(late.status).toBe(404);
    expect(late.json()).toMatchObject({ id: 'late', error: { data: { reason: 'session.unknown' } } });
    expect((await session.listen()).status).toBe(404);
    expect((await session.notify('notifications/initialized')).status).toBe(404);
    // A client whose answer was lost asks again.
    expect((await session.end()).status).toBe(200);
  });

  verifies(
    ['security.session-not-authentication', 'security.session-bound'],
    'are unknown to everybody but their principal, their route and their transport',
    async () => {
      // Attack: a stolen session id, sent with the thief's own credentials.
      const session = await openSession(gateway.url, { headers: { 'x-test-principal': 'owner' } });
      const stolen = { ...session.headers, 'x-test-principal': 'thief' };
      const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
      expect((await post(gateway.url, ping, stolen)).status).toBe(404);
      expect((await send('GET', gateway.url, { ...stolen, accept: 'text/event-stream' })).status).toBe(404);
      await send('DELETE', gateway.url, stolen);
      expect((await post(`${gateway.base}/strict`, ping, session.headers)).status).toBe(404);
      expect((await post(`${gateway.base}/messages/?session_id=${session.id}`, ping, session.headers)).status).toBe(
        404,
      );
      expect((await session.request('ping')).status).toBe(200);
    },
  );

  verifies(['session.ended'], 'that never existed are 404, whatever the id looks like', async () => {
    for (const id of ['undefined', 'null', '0', '../../etc/passwd', "' OR 1=1 --", 'x'.repeat(1000)]) {
      const answer = await post(gateway.url, { jsonrpc: '2.0', id: 1, method: 'tools/list' }, { 'mcp-session-id': id });
      expect(answer.status, id).toBe(404);
      expect(answer.json()).toMatchObject({ id: 1, error: { code: -32001 } });
    }
  });

  verifies(['gateway.repeated-header'], 'are not looked up under two different ids', async () => {
    // Attack: a proxy in front checks the first header, the gateway serves the second.
    const [one, two] = [await openSession(gateway.url), await openSession(gateway.url)];
    const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
    expect((await post(gateway.url, ping, { 'mcp-session-id': [one.id, two.id] })).status).toBe(400);
    expect((await post(gateway.url, ping, { 'mcp-session-id': [one.id, one.id] })).status).toBe(200);
  });
});
