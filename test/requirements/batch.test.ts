import { afterAll, beforeAll, describe, expect } from 'vitest';
import { createDemoFactory } from '../../packages/breakwater/src/demo/server.ts';
import { initializeParams, openSession } from './support/clients.ts';
import { type RunningGateway, startGateway } from './support/gateway.ts';
import { at } from './support/json.ts';
import { post } from './support/wire.ts';
import { verifies } from './verifies.ts';

const ping = (id: unknown): object => ({ jsonrpc: '2.0', id, method: 'ping' });

describe('batches', () => {
  let gateway: RunningGateway;

  beforeAll(async () => {
    gateway = await startGateway({ upstreams: { demo: { factory: createDemoFactory() } } });
  });
  afterAll(() => gateway.close());

  verifies(
    ['batch.received', 'batch.one-answer', 'rpc.same-id'],
    'of 2025-03-26 are answered element by element',
    async () => {
      const session = await openSession(gateway.url, { revision: '2025-03-26' });
      const answer = await post(
        gateway.url,
        [
          ping(1),
          { jsonrpc: '2.0', method: 'notifications/unheard-of' },
          { jsonrpc: '2.0', id: 'two', method: 'tools/call', params: { name: 'echo', arguments: { text: 'x' } } },
          { jsonrpc: '2.0', id: 3, method: 'nothing/here' },
          { broken: true },
        ],
        session.headers,
      );
      expect(answer.status).toBe(200);
      const messages = answer.messages();
      expect(messages).toHaveLength(4);
      const of = (id: unknown): unknown => messages.find((message) => at(message, 'id') === id);
      expect(of(1)).toMatchObject({ result: {} });
      expect(of('two')).toMatchObject({ result: { content: [{ text: 'x' }] } });
      expect(of(3)).toMatchObject({ error: { code: -32601 } });
      expect(of(null)).toMatchObject({ error: { code: -32600 } });

      const slow = { name: 'slow', arguments: { steps: 2, delayMs: 5 }, _meta: { progressToken: 'p' } };
      const call = (id: number): object => ({ jsonrpc: '2.0', id, method: 'tools/call', params: slow });
      const streamed = await post(gateway.url, [call(1), call(2), ping(3)], session.headers);
      expect(streamed.headers['content-type']).toBe('text/event-stream');
      const ids = streamed.messages().flatMap((message) => at(message, 'id') ?? []);
      expect(ids.sort()).toEqual([1, 2, 3]);
    },
  );

  verifies(['batch.notifications-only', 'http.legacy.accepted'], 'without requests get 202', async () => {
    const session = await openSession(gateway.url, { revision: '2025-03-26' });
    const messages = [
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      { jsonrpc: '2.0', id: 9, result: {} },
    ];
    const answer = await post(gateway.url, messages, session.headers);
    expect([answer.status, answer.text]).toEqual([202, '']);
  });

  verifies(['batch.no-initialize'], 'never hold initialize', async () => {
    const initialize = { jsonrpc: '2.0', id: 1, method: 'initialize', params: initializeParams('2025-03-26') };
    for (const batch of [[initialize], [ping(2), initialize]]) {
      const answer = await post(gateway.url, batch);
      expect([answer.status, at(answer.json(), 'error', 'code')]).toEqual([400, -32600]);
      expect(answer.headers['mcp-session-id']).toBeUndefined();
    }
  });

  verifies(['batch.removed', 'life.legacy.respects-version'], 'are refused from 2025-06-18 on', async () => {
    for (const revision of ['2025-06-18', '2025-11-25']) {
      const session = await openSession(gateway.url, { revision });
      for (const batch of [[ping(1)], [ping(1), ping(2)]]) {
        const answer = await post(gateway.url, batch, session.headers);
        expect([answer.status, at(answer.json(), 'error', 'code')]).toEqual([400, -32600]);
      }
    }
    for (const batch of ['[]', `[${Array.from({ length: 101 }, (_, id) => JSON.stringify(ping(id))).join()}]`]) {
      expect((await post(gateway.url, batch)).status).toBe(400);
    }
  });
});
