import { afterAll, beforeAll, describe, expect } from 'vitest';
import { createDemoFactory } from '../../packages/breakwater/src/demo/server.ts';
import { callModern, META, openSession, streamModern } from './support/clients.ts';
import { type RunningGateway, startGateway, stillOpen } from './support/gateway.ts';
import { at } from './support/json.ts';
import { modernScript } from './support/scripted-eras.ts';
import { beginStream, startScripted, writeEvent } from './support/scripted-upstream.ts';
import type { WireStream } from './support/wire.ts';
import { verifies } from './verifies.ts';

const ALL = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true };

describe('change notifications', () => {
  let gateway: RunningGateway;

  beforeAll(async () => {
    gateway = await startGateway({ upstreams: { demo: { factory: createDemoFactory() } } });
  });
  afterAll(() => gateway.close());

  const listen = (notifications: unknown, id: unknown = 1): Promise<WireStream> =>
    streamModern(gateway.url, 'subscriptions/listen', { notifications }, { id });
  const call = (name: string, args: object = {}): Promise<unknown> =>
    callModern(gateway.url, 'tools/call', { name, arguments: args });

  verifies(
    ['sub.acknowledged-first', 'sub.id', 'sub.subset'],
    'begin with an acknowledgement under the client’s id',
    async () => {
      for (const id of [1, 'listen-1', 'a"b']) {
        const stream = await listen({ ...ALL, resourceSubscriptions: ['demo://counter'], unheardOf: true }, id);
        expect([stream.status, stream.headers['content-type']]).toEqual([200, 'text/event-stream']);
        expect(await stream.reader.message()).toEqual({
          jsonrpc: '2.0',
          method: 'notifications/subscriptions/acknowledged',
          params: {
            _meta: { [META.subscription]: id },
            notifications: { ...ALL, resourceSubscriptions: ['demo://counter'] },
          },
        });
        stream.close();
      }
      const nothing = await listen({});
      expect(at(await nothing.reader.message(), 'params', 'notifications')).toEqual({});
      nothing.close();
    },
  );

  verifies(['sub.subset'], 'leave out what no server supports', async () => {
    await using upstream = await startScripted(modernScript({ capabilities: { tools: {}, prompts: {} } }));
    await using own = await startGateway({ upstreams: { one: { url: upstream.url } } });
    const filter = { notifications: { ...ALL, resourceSubscriptions: ['x://y'] } };
    const stream = await streamModern(own.url, 'subscriptions/listen', filter);
    expect(at(await stream.reader.message(), 'params', 'notifications')).toEqual({});
    stream.close();
  });

  verifies(['sub.only-requested', 'sub.concurrent', 'sub.id'], 'come as asked for, each under its own id', async () => {
    const tools = await listen({ toolsListChanged: true }, 'tools');
    const prompts = await listen({ promptsListChanged: true, resourceSubscriptions: ['demo://counter'] }, 'prompts');
    for (const stream of [tools, prompts]) await stream.reader.message();
    for (const kind of ['resource', 'prompt', 'tool']) await call('grow', { kind });
    await call('bump');
    await call('grow', { kind: 'tool' });
    await call('grow', { kind: 'prompt' });
    const seen = async (stream: WireStream, count: number): Promise<unknown[]> => {
      const messages: unknown[] = [];
      for (let n = 0; n < count; n += 1) messages.push(await stream.reader.message());
      return messages.map((message) => [at(message, 'method'), at(message, 'params', '_meta', META.subscription)]);
    };
    expect(await seen(tools, 2)).toEqual([
      ['notifications/tools/list_changed', 'tools'],
      ['notifications/tools/list_changed', 'tools'],
    ]);
    expect(await seen(prompts, 3)).toEqual([
      ['notifications/prompts/list_changed', 'prompts'],
      ['notifications/resources/updated', 'prompts'],
      ['notifications/prompts/list_changed', 'prompts'],
    ]);
    tools.close();
    prompts.close();
  });

  verifies(['sub.client-close', 'gateway.owner.connection'], 'end with their stream', async () => {
    const streams = await Promise.all([1, 2, 3].map((id) => listen(ALL, id)));
    for (const stream of streams) await stream.reader.message();
    expect(gateway.breakwater.counters().open).toMatchObject({ subscription: 3, stream: 3 });
    for (const stream of streams) stream.close();
    await expect.poll(() => gateway.breakwater.counters().open).toMatchObject({ subscription: 0, stream: 0 });
  });

  verifies(['sub.server-close', 'gateway.owner.close'], 'are closed in order at shutdown', async () => {
    const own = await startGateway({ upstreams: { demo: { factory: createDemoFactory() } } });
    const { body } = { body: { notifications: ALL } };
    const stream = await streamModern(own.url, 'subscriptions/listen', body, { id: 'bye' });
    await stream.reader.message();
    const session = await openSession(own.url);
    const get = await session.listen();
    await own.close();
    const rest = await stream.reader.rest();
    expect(rest.at(-1)).toMatchObject({ id: 'bye', result: { resultType: 'complete' } });
    await get.reader.rest();
    expect(stillOpen(own)).toEqual([]);
  });

  verifies(
    ['sub.legacy.list-changed', 'sub.legacy.list-changed-resources', 'sub.legacy.updated'],
    'reach legacy clients on their GET stream, and stop after unsubscribe',
    async () => {
      const session = await openSession(gateway.url);
      expect(session.opened.messages()[0]).toMatchObject({
        result: {
          capabilities: {
            tools: { listChanged: true },
            prompts: { listChanged: true },
            resources: { listChanged: true, subscribe: true },
          },
        },
      });
      const get = await session.listen();
      const uri = 'demo://counter';
      expect((await session.request('resources/subscribe', { uri })).messages()).toMatchObject([{ result: {} }]);
      for (const kind of ['tool', 'prompt', 'resource']) await call('grow', { kind });
      await call('bump');
      const methods: unknown[] = [];
      for (let n = 0; n < 4; n += 1) methods.push(at(await get.reader.message(), 'method'));
      expect(methods).toEqual([
        'notifications/tools/list_changed',
        'notifications/prompts/list_changed',
        'notifications/resources/list_changed',
        'notifications/resources/updated',
      ]);
      expect((await session.request('resources/unsubscribe', { uri })).messages()).toMatchObject([{ result: {} }]);
      await call('bump');
      await call('grow', { kind: 'tool' });
      expect(at(await get.reader.message(), 'method')).toBe('notifications/tools/list_changed');
      await session.end();
      expect(await get.reader.rest()).toEqual([]);
    },
  );

  verifies(
    ['sub.upstream.reopened', 'sub.legacy.list-changed'],
    'go on after the server’s end of the feed broke',
    async () => {
      let listens = 0;
      await using upstream = await startScripted(
        modernScript({
          capabilities: { tools: { listChanged: true } },
          instead: (request, response) => {
            if (request.message?.['method'] !== 'subscriptions/listen') return false;
            listens += 1;
            beginStream(response);
            const _meta = { [META.subscription]: request.message['id'] };
            const notifications = { toolsListChanged: true };
            writeEvent(response, {
              jsonrpc: '2.0',
              method: 'notifications/subscriptions/acknowledged',
              params: { _meta, notifications },
            });
            if (listens === 1) setImmediate(() => response.destroy());
            else
              writeEvent(response, { jsonrpc: '2.0', method: 'notifications/tools/list_changed', params: { _meta } });
            return true;
          },
        }),
      );
      await using own = await startGateway({ upstreams: { one: { url: upstream.url } } });
      const filter = { notifications: { toolsListChanged: true } };
      const stream = await streamModern(own.url, 'subscriptions/listen', filter);
      expect(at(await stream.reader.message(), 'method')).toBe('notifications/subscriptions/acknowledged');
      expect(at(await stream.reader.message(), 'method')).toBe('notifications/tools/list_changed');
      await upstream.until(() => listens > 1);
      stream.close();
    },
  );
});
