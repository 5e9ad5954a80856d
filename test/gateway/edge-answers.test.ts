/** Lists answered at the edge: never stale, never somebody else's, always whole. */
import { describe, expect, it } from 'vitest';
import { createDemoFactory } from '../../packages/breakwater/src/demo/server.ts';
import type { LibraryConfig } from '../../packages/breakwater/src/index.ts';
import { launchFixture } from '../fixtures/launch.ts';
import { type RunningGateway, startGateway } from '../requirements/support/gateway.ts';
import { at } from '../requirements/support/json.ts';
import { legacyScript, modernResult, modernScript } from '../requirements/support/scripted-eras.ts';
import { resultOf, type Script, sendJson, startScripted } from '../requirements/support/scripted-upstream.ts';
import { CLIENT_ERAS, callTool, listTools, makeAsker, namesIn, PATIENT } from './support/ask.ts';
import { servePages, toolNamed } from './support/paged-script.ts';

type UpstreamConfig = LibraryConfig['upstreams'][string];

const NO_REPORTS = { tools: {}, prompts: {}, resources: {} };

function countLists(gateway: RunningGateway): number {
  return gateway.events.filter((event) => event.type === 'upstream-request' && event.method === 'tools/list').length;
}

describe.each(CLIENT_ERAS)('for %s clients, a list', (era) => {
  const DEMO = 'apps/demo-server/http.ts';
  const stdio = { command: process.execPath, args: ['apps/demo-server/stdio.ts'] };
  const SERVERS: readonly { readonly name: string; readonly config: UpstreamConfig | string }[] = [
    { name: 'in process', config: { factory: createDemoFactory() } },
    { name: 'over stdio', config: stdio },
    { name: 'over stdio, legacy', config: { ...stdio, era: 'legacy' } },
    { name: 'over HTTP, modern', config: 'modern' },
    { name: 'over HTTP, legacy', config: 'legacy' },
    { name: 'over HTTP+SSE', config: 'sse' },
  ];

  it.each(SERVERS)('is asked for once, and again when a server $name says that it changed', async ({ config }) => {
    await using resources = new AsyncDisposableStack();
    const isHttp = typeof config === 'string';
    const upstream = isHttp ? { url: resources.use(await launchFixture(DEMO, ['--era', config])).url } : config;
    const gateway = resources.use(await startGateway({ upstreams: { demo: upstream } }));
    const asker = await makeAsker(gateway.url, era);
    const before = await listTools(asker);
    const asked = countLists(gateway);
    expect(await listTools(asker)).toEqual(before);
    expect(await listTools(await makeAsker(gateway.url, era))).toEqual(before);
    expect(countLists(gateway)).toBe(asked);
    const name = (await callTool(asker, 'grow')).replace('grown: ', '');
    await expect.poll(() => listTools(asker), PATIENT).toEqual([...before, name]);
    expect(await callTool(asker, name)).toBe(name);
  });

  it('that one person made change changes for another', async () => {
    await using gateway = await startGateway({ upstreams: { demo: { factory: createDemoFactory() } } });
    const ann = await makeAsker(gateway.url, era, 'ann');
    const bob = await makeAsker(gateway.url, era, 'bob');
    const before = await listTools(bob);
    await callTool(ann, 'grow');
    await expect.poll(() => listTools(bob), PATIENT).toEqual([...before, 'grown-tool-1']);
  });

  const LASTING: readonly {
    readonly says: string;
    readonly ttl: string;
    readonly script: (ttlMs: number) => Script;
  }[] = [
    { says: 'the configuration', ttl: 'short', script: () => scriptOf('legacy', () => tools, 0) },
    { says: 'a modern server', ttl: '1h', script: (ttlMs) => scriptOf('modern', () => tools, ttlMs) },
  ];
  let tools = ['old'];

  it.each(LASTING)('lives as long as $says says', async ({ ttl, script }) => {
    tools = ['old'];
    for (const [lastsMs, isKept] of [
      [3_600_000, true],
      [20, false],
    ] as const) {
      tools = ['old'];
      await using upstream = await startScripted(script(lastsMs));
      const cache = { ttl: ttl === 'short' ? lastsMs : ttl };
      await using gateway = await startGateway({ upstreams: { it: { url: upstream.url, cache } } });
      const asker = await makeAsker(gateway.url, era);
      expect(await listTools(asker)).toEqual(['old']);
      tools = ['new'];
      if (isKept) {
        for (let again = 0; again < 5; again++) expect(await listTools(asker)).toEqual(['old']);
        expect(upstream.calls('tools/list')).toHaveLength(1);
      } else await expect.poll(() => listTools(asker), PATIENT).toEqual(['new']);
    }
  });

  it.each(['legacy', 'modern'] as const)('of three pages at a %s server is merged', async (upstreamEra) => {
    const pages = [['a', 'b'], ['c'], ['d', 'e']];
    await using upstream = await startScripted(servePages(upstreamEra, pages));
    await using gateway = await startGateway({ upstreams: { it: { url: upstream.url } } });
    const asker = await makeAsker(gateway.url, era);
    const whole = await asker.ask('tools/list');
    expect(namesIn(whole)).toEqual(pages.flat());
    expect(at(whole, 'result', 'nextCursor')).toBeUndefined();
    const cursors = upstream.calls('tools/list').map(({ message }) => at(message, 'params', 'cursor'));
    expect(cursors).toEqual([undefined, 'page 1', 'page 2']);
  });

  it('ends where a server hands out the same cursor for ever', async () => {
    // Attack: a server that keeps the gateway reading. Other clients of the route wait for the same read.
    await using upstream = await startScripted(servePages('legacy', [['a'], ['b']], () => 'page 1'));
    await using gateway = await startGateway({ upstreams: { it: { url: upstream.url } } });
    expect(await listTools(await makeAsker(gateway.url, era))).toEqual(['a', 'b']);
    expect(upstream.calls('tools/list')).toHaveLength(2);
  });

  it('longer than 1,000 items comes in pages whose cursors are bound to it', async () => {
    const names = Array.from({ length: 2_500 }, (_, index) => `tool-${index}`);
    let served = names;
    const script = scriptOf('legacy', () => served, 0);
    await using upstream = await startScripted(script);
    await using gateway = await startGateway({ upstreams: { it: { url: upstream.url, cache: { ttl: 20 } } } });
    const { ask } = await makeAsker(gateway.url, era);
    const seen: string[][] = [];
    let cursor: unknown;
    let second: unknown;
    do {
      const page = await ask('tools/list', cursor === undefined ? {} : { cursor });
      seen.push(namesIn(page));
      cursor = at(page, 'result', 'nextCursor');
      second ??= cursor;
    } while (cursor !== undefined);
    expect(seen.map(({ length }) => length)).toEqual([1_000, 1_000, 500]);
    expect(seen.flat()).toEqual(names);

    const digest = String(second).split('.')[1];
    // Attack: cursors are made up, to read past the end or to confuse the gateway.
    for (const invalid of [
      '',
      'x',
      `x.${digest}`,
      `-1.${digest}`,
      `99.${digest}`,
      `1e3.${digest}`,
      '1.other',
      5,
      null,
      {},
    ]) {
      const refused = await ask('tools/list', { cursor: invalid });
      expect(at(refused, 'error', 'code'), JSON.stringify(invalid)).toBe(-32602);
    }
    served = ['other', ...names];
    // What comes after the first page of the old list is nowhere in the new one.
    const codeOfOld = async (): Promise<unknown> => at(await ask('tools/list', { cursor: second }), 'error', 'code');
    await expect.poll(codeOfOld, PATIENT).toBe(-32602);
  });
});

describe('a server that answers each of its sessions differently', () => {
  const ISOLATIONS = ['auto', 'session', 'principal', 'request'] as const;
  const CACHES = ['on', 'off'] as const;
  const CASES = ISOLATIONS.flatMap((isolation) => CACHES.map((cache) => ({ isolation, cache })));

  it.each(CASES)('shows no list to two people: isolation $isolation, cache $cache', async ({ isolation, cache }) => {
    await using upstream = await startScripted(perSession());
    await using gateway = await startGateway({ upstreams: { it: { url: upstream.url, isolation, cache } } });
    for (const [one, other] of [
      ['legacy', 'legacy'],
      ['legacy', 'modern'],
      ['modern', 'modern'],
    ] as const) {
      // Attack: whoever comes second reads what the first one's credentials let the server show.
      const seen = new Map<string, string>();
      for (const [era, principal] of [
        [one, `ann of ${one}-${other}`],
        [other, `bob of ${one}-${other}`],
      ] as const) {
        const asker = await makeAsker(gateway.url, era, principal);
        for (let again = 0; again < 3; again++) {
          for (const name of await listTools(asker)) {
            expect(seen.get(name) ?? principal, name).toBe(principal);
            seen.set(name, principal);
          }
        }
      }
      expect(new Set(seen.values()).size).toBe(2);
    }
  });

  it('shows one list to all where the operator says `shared`', async () => {
    await using upstream = await startScripted(perSession());
    await using gateway = await startGateway({ upstreams: { it: { url: upstream.url, isolation: 'shared' } } });
    const ann = await listTools(await makeAsker(gateway.url, 'legacy', 'ann'));
    expect(await listTools(await makeAsker(gateway.url, 'modern', 'bob'))).toEqual(ann);
  });

  it('shows every session of one person its own list with `cache: off`, and one list with the cache', async () => {
    await using upstream = await startScripted(perSession());
    const listed = async (cache: 'on' | 'off'): Promise<string[][]> => {
      const config = { url: upstream.url, isolation: 'session', cache } as const;
      await using gateway = await startGateway({ upstreams: { it: config } });
      const first = await makeAsker(gateway.url, 'legacy');
      const second = await makeAsker(gateway.url, 'legacy');
      return [await listTools(first), await listTools(second), await listTools(first)];
    };
    const [one, other, again] = await listed('off');
    expect(other).not.toEqual(one);
    expect(again).toEqual(one);
    expect(new Set((await listed('on')).map(String)).size).toBe(1);
  });

  it('is asked each time with `cache: off`', async () => {
    await using upstream = await startScripted(perSession());
    await using gateway = await startGateway({ upstreams: { it: { url: upstream.url, cache: 'off' } } });
    const asker = await makeAsker(gateway.url, 'legacy');
    const before = upstream.calls('tools/list').length;
    for (let again = 0; again < 3; again++) await listTools(asker);
    expect(upstream.calls('tools/list')).toHaveLength(before + 3);
  });
});

/** A legacy server with one tool per session, named after it. */
function perSession(): Script {
  return legacyScript({
    capabilities: NO_REPORTS,
    instead: (request, response) => {
      if (request.message?.['method'] !== 'tools/list' || request.headers['mcp-session-id'] === undefined) return false;
      sendJson(response, 200, resultOf(request, { tools: [toolNamed(`of-${request.headers['mcp-session-id']}`)] }));
      return true;
    },
  });
}

/** A server that reports no changes, whose tools are what `names` says when it is asked. */
function scriptOf(era: 'legacy' | 'modern', names: () => readonly string[], ttlMs: number): Script {
  const make = era === 'legacy' ? legacyScript : modernScript;
  return make({
    capabilities: NO_REPORTS,
    instead: (request, response) => {
      if (request.message?.['method'] !== 'tools/list') return false;
      const list = { tools: names().map(toolNamed) };
      const result = era === 'legacy' ? list : modernResult({ ...list, ttlMs, cacheScope: 'private' });
      sendJson(response, 200, resultOf(request, result));
      return true;
    },
  });
}
