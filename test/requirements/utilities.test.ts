import { afterAll, beforeAll, describe, expect } from 'vitest';
import { createDemoFactory } from '../../packages/breakwater/src/demo/server.ts';
import { callModern, META, openSession, streamModern, toolText } from './support/clients.ts';
import type { StreamEvent } from './support/events.ts';
import { type RunningGateway, startGateway } from './support/gateway.ts';
import { arrayAt, at } from './support/json.ts';
import { legacyScript, modernResult, modernScript, TOOL } from './support/scripted-eras.ts';
import { beginStream, resultOf, sendJson, startScripted, writeEvent } from './support/scripted-upstream.ts';
import { post } from './support/wire.ts';
import { verifies } from './verifies.ts';

const FOREVER = { name: 'slow', arguments: { steps: 1000, delayMs: 20 }, _meta: { progressToken: 't' } };
const LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'];

describe('the utilities', () => {
  let gateway: RunningGateway;

  beforeAll(async () => {
    gateway = await startGateway({ upstreams: { demo: { factory: createDemoFactory() } } });
  });
  afterAll(() => gateway.close());

  verifies(
    ['cancel.legacy.stops', 'cancel.legacy.no-response', 'gateway.owner.session'],
    'stop a call that a legacy client cancels, and answer it with no result',
    async () => {
      const session = await openSession(gateway.url);
      const stats = async (): Promise<unknown> =>
        at((await session.request('tools/call', { name: 'stats' }, 's')).messages()[0], 'result', 'structuredContent');
      const before = Number(at(await stats(), 'cancelled'));
      const call = await session.stream('tools/call', FOREVER, 'long');
      await call.reader.message();
      expect((await session.notify('notifications/cancelled', { requestId: 'long', reason: 'test' })).status).toBe(202);
      const rest = await call.reader.rest();
      expect(rest.filter((message) => at(message, 'result') !== undefined)).toEqual([]);
      await expect.poll(stats).toMatchObject({ running: 0, cancelled: before + 1 });

      // The same by the end of its session.
      const other = await openSession(gateway.url);
      const second = await other.stream('tools/call', FOREVER, 'long');
      await second.reader.message();
      await other.end();
      await second.reader.rest();
      await expect.poll(stats).toMatchObject({ running: 0, cancelled: before + 2 });
    },
  );

  verifies(
    ['cancel.legacy.invalid-ignored', 'cancel.legacy.races'],
    'ignore cancellations of what is unknown, over, or somebody else’s',
    async () => {
      const session = await openSession(gateway.url);
      const other = await openSession(gateway.url);
      const call = await session.stream('tools/call', { ...FOREVER, arguments: { steps: 3, delayMs: 20 } }, 1);
      for (const params of [{ requestId: 99 }, { requestId: '1' }, {}, { requestId: null }, { requestId: { a: 1 } }]) {
        expect((await session.notify('notifications/cancelled', params)).status).toBe(202);
      }
      expect((await session.notify('notifications/cancelled')).status).toBe(202);
      // Attack: another session cancels by guessing the id.
      await other.notify('notifications/cancelled', { requestId: 1 });
      expect((await call.reader.rest()).at(-1)).toMatchObject({ id: 1, result: {} });
      await session.notify('notifications/cancelled', { requestId: 1 });
      expect((await session.request('ping', {}, 1)).json()).toMatchObject({ id: 1, result: {} });
    },
  );

  /** Calls a server that reports this progress, each under the call's own token or another one. */
  const reported = async (
    steps: readonly (readonly [progress: number, token?: unknown])[],
    token: string,
  ): Promise<StreamEvent[]> => {
    await using upstream = await startScripted(
      legacyScript({
        instead: (request, response) => {
          if (request.message?.['method'] !== 'tools/call') return false;
          beginStream(response);
          const own = at(request.message, 'params', '_meta', 'progressToken');
          for (const [progress, other] of steps) {
            const params = { progressToken: other ?? own, progress };
            writeEvent(response, { jsonrpc: '2.0', method: 'notifications/progress', params });
          }
          writeEvent(response, resultOf(request, { content: [{ type: 'text', text: 'done' }] }));
          writeEvent(response, {
            jsonrpc: '2.0',
            method: 'notifications/progress',
            params: { progressToken: own, progress: 99 },
          });
          response.end();
          return true;
        },
      }),
    );
    await using own = await startGateway({ upstreams: { one: { url: upstream.url, era: 'legacy' } } });
    const session = await openSession(own.url);
    const meta = token === '' ? '' : `,"_meta":{"progressToken":${token}}`;
    const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"act"${meta}}}`;
    const answer = await post(own.url, body, session.headers);
    expect(answer.messages().at(-1)).toMatchObject({ id: 1, result: {} });
    return answer.events().filter(({ data }) => data?.includes('notifications/progress') === true);
  };
  const valuesOf = (events: readonly StreamEvent[]): unknown[] =>
    events.map(({ data }) => at(JSON.parse(String(data)), 'params', 'progress'));

  verifies(['progress.own-token', 'progress.stops'], 'report progress under the token of the request', async () => {
    for (const token of ['"t"', '"1"', '1', '"\\u0074"', '9007199254740993']) {
      const events = await reported([[1], [2.5], [1e9]], token);
      expect(valuesOf(events)).toEqual([1, 2.5, 1e9]);
      for (const { data } of events) expect(data).toContain(`"progressToken":${token}`);
    }
    expect(await reported([[1], [2]], '')).toEqual([]);
  });

  verifies(['progress.increases'], 'leave out progress that does not grow', async () => {
    expect(valuesOf(await reported([[1], [2], [2], [1], [5]], '1'))).toEqual([1, 2, 5]);
  });

  verifies(['gateway.isolation.streams'], 'leave out progress under a token that the call was not given', async () => {
    expect(valuesOf(await reported([[1], [2, 'stranger'], [5]], '1'))).toEqual([1, 5]);
  });

  verifies(['ping.answered'], 'answer ping at the edge, in a session and without one', async () => {
    const session = await openSession(gateway.url);
    expect((await session.request('ping', undefined, 'p')).text).toBe('{"jsonrpc":"2.0","id":"p","result":{}}');
    const bare = await post(gateway.url, { jsonrpc: '2.0', id: 1, method: 'ping' });
    expect(bare.json()).toEqual({ jsonrpc: '2.0', id: 1, result: {} });
  });

  verifies(
    ['log.capability', 'log.legacy.level', 'log.legacy.bad-level'],
    'send legacy clients the logs they set',
    async () => {
      const session = await openSession(gateway.url);
      expect(at(session.opened.messages()[0], 'result', 'capabilities', 'logging')).toEqual({});
      for (const level of ['verbose', 7, undefined]) {
        const refused = await session.request('logging/setLevel', { level });
        expect(refused.messages()).toMatchObject([{ error: { code: -32602 } }]);
      }
      const log = { name: 'log', arguments: { levels: LEVELS } };
      for (const level of ['error', 'debug', 'emergency']) {
        expect((await session.request('logging/setLevel', { level })).messages()).toMatchObject([{ result: {} }]);
        const messages = (await session.request('tools/call', log)).messages();
        const seen = messages.flatMap((message) => at(message, 'params', 'level') ?? []);
        expect(seen).toEqual(LEVELS.slice(LEVELS.indexOf(level)));
      }
      // A level belongs to its session.
      const other = await openSession(gateway.url);
      await other.request('logging/setLevel', { level: 'alert' });
      const seen = (await other.request('tools/call', log))
        .messages()
        .flatMap((message) => at(message, 'params', 'level') ?? []);
      expect(seen).toEqual(['alert', 'emergency']);
    },
  );

  verifies(
    ['log.modern.only-asked', 'log.modern.own-stream', 'log.modern.bad-level', 'sub.request-scoped'],
    'send modern clients the logs of the request that asked for them, on its stream',
    async () => {
      const log = { name: 'log', arguments: { levels: LEVELS } };
      const listening = await streamModern(gateway.url, 'subscriptions/listen', {
        notifications: { toolsListChanged: true },
      });
      await listening.reader.message();
      const [loud, quiet] = await Promise.all([
        callModern(gateway.url, 'tools/call', log, { meta: { [META.logLevel]: 'alert' } }),
        callModern(gateway.url, 'tools/call', log),
      ]);
      expect(loud.messages().map((message) => at(message, 'params', 'level'))).toEqual([
        'alert',
        'emergency',
        undefined,
      ]);
      expect(quiet.messages().map(toolText)).toEqual(['logged 8']);
      for (const level of ['verbose', 7]) {
        const refused = await callModern(gateway.url, 'tools/call', log, { meta: { [META.logLevel]: level } });
        expect([refused.status, at(refused.json(), 'error', 'code')]).toEqual([400, -32602]);
      }
      await callModern(gateway.url, 'tools/call', { name: 'grow' });
      expect(await listening.reader.message()).toMatchObject({ method: 'notifications/tools/list_changed' });
      listening.close();
    },
  );

  verifies(['page.invalid-cursor'], 'refuse cursors that nobody gave out', async () => {
    const session = await openSession(gateway.url);
    for (const cursor of ['nonsense', '', '1.', '99.abc', '-1', 'a'.repeat(5000)]) {
      for (const method of ['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list']) {
        const legacy = (await session.request(method, { cursor })).messages()[0];
        expect(at(legacy, 'error', 'code'), `${method} ${cursor}`).toBe(-32602);
        const modern = await callModern(gateway.url, method, { cursor });
        expect(at(modern.json(), 'error', 'code')).toBe(-32602);
      }
    }
  });

  verifies(
    ['page.upstream.opaque', 'page.upstream.end', 'page.stable-cursor', 'cache.same-scope', 'cache.ttl', 'cache.hints'],
    'read all pages of a server and give out stable pages of their own',
    async () => {
      const cursors: unknown[] = [];
      const pageTools = (page: number): object[] =>
        Array.from({ length: 500 }, (_, n) => ({ ...TOOL, name: `tool-${page}-${n}` }));
      const next = ['opaque +/=\u00e9"\\', '0', undefined];
      await using upstream = await startScripted(
        modernScript({
          instead: (request, response) => {
            if (request.message?.['method'] !== 'tools/list') return false;
            const cursor = at(request.message, 'params', 'cursor');
            cursors.push(cursor);
            const page = cursor === undefined ? 0 : next.indexOf(String(cursor)) + 1;
            const scope = page === 1 ? 'private' : 'public';
            const result = {
              tools: pageTools(page),
              nextCursor: next[page],
              ttlMs: page === 2 ? -5 : 60_000,
              cacheScope: scope,
            };
            sendJson(response, 200, resultOf(request, modernResult(result)));
            return true;
          },
        }),
      );
      await using own = await startGateway({ upstreams: { one: { url: upstream.url } } });
      const readAll = async (): Promise<unknown[]> => {
        const pages: unknown[] = [];
        let cursor: unknown;
        do {
          const params = cursor === undefined ? {} : { cursor };
          const page = at((await callModern(own.url, 'tools/list', params)).json(), 'result');
          pages.push(page);
          cursor = at(page, 'nextCursor');
        } while (cursor !== undefined);
        return pages;
      };
      const pages = await readAll();
      expect(cursors.slice(0, 3)).toEqual([undefined, 'opaque +/=\u00e9"\\', '0']);
      const names = pages.flatMap((page) => arrayAt(page, 'tools').map((tool) => at(tool, 'name')));
      expect(names).toEqual([0, 1, 2].flatMap((page) => pageTools(page).map((tool) => at(tool, 'name'))));
      expect(pages.length).toBeGreaterThan(1);
      expect(new Set(pages.map((page) => at(page, 'cacheScope')))).toEqual(new Set(['private']));
      for (const page of pages) expect(Number(at(page, 'ttlMs'))).toBeGreaterThanOrEqual(0);
      expect(await readAll()).toEqual(pages);
    },
  );

  verifies(
    ['cache.hints', 'cache.ttl'],
    'give caching hints on every list and read, also for legacy servers',
    async () => {
      for (const [method, params] of [
        ['tools/list', {}],
        ['prompts/list', {}],
        ['resources/list', {}],
        ['resources/templates/list', {}],
        ['server/discover', {}],
        ['resources/read', { uri: 'demo://readme' }],
      ] as const) {
        const result = at((await callModern(gateway.url, method, params)).json(), 'result');
        expect(Number.isInteger(at(result, 'ttlMs')), method).toBe(true);
        expect(Number(at(result, 'ttlMs'))).toBeGreaterThanOrEqual(0);
        expect(['public', 'private']).toContain(at(result, 'cacheScope'));
      }
      await using upstream = await startScripted(legacyScript());
      await using own = await startGateway({ upstreams: { one: { url: upstream.url, era: 'legacy' } } });
      expect((await callModern(own.url, 'tools/list')).json()).toMatchObject({
        result: { ttlMs: expect.any(Number), cacheScope: 'private' },
      });
    },
  );

  verifies(['cache.invalidated'], 'show a changed list as soon as the change was told', async () => {
    const session = await openSession(gateway.url);
    const listening = await session.listen();
    await session.request('resources/subscribe', { uri: 'demo://counter' });
    await session.request('tools/list');
    const grown = (await session.request('tools/call', { name: 'grow' })).messages()[0];
    const name = at(grown, 'result', 'structuredContent', 'name');
    expect(await listening.reader.message()).toMatchObject({ method: 'notifications/tools/list_changed' });
    const list = (await session.request('tools/list')).messages()[0];
    expect(arrayAt(list, 'result', 'tools').map((tool) => at(tool, 'name'))).toContain(name);
    const modern = (await callModern(gateway.url, 'tools/list')).json();
    expect(arrayAt(modern, 'result', 'tools').map((tool) => at(tool, 'name'))).toContain(name);
    listening.close();
  });
});
