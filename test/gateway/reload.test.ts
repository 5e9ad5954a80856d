/** A new configuration while clients are at work: what did not change lives on, what changed ends in order. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createDemoFactory } from '../../packages/breakwater/src/demo/server.ts';
import type { LibraryConfig } from '../../packages/breakwater/src/index.ts';
import { REPOSITORY } from '../e2e/support/programs.ts';
import { streamModern } from '../requirements/support/clients.ts';
import { startGateway } from '../requirements/support/gateway.ts';
import { at, textAt } from '../requirements/support/json.ts';
import { legacyScript, TOOL } from '../requirements/support/scripted-eras.ts';
import { resultOf, sendJson, startScripted } from '../requirements/support/scripted-upstream.ts';
import { CLIENT_ERAS, callTool, listTools, makeAsker, PATIENT } from './support/ask.ts';

type UpstreamConfig = LibraryConfig['upstreams'][string];

const PROGRAM = join(REPOSITORY, 'test/gateway/support/pid-server.ts');
const FOREVER = { name: 'slow', arguments: { steps: 1_000, delayMs: 20 }, _meta: { progressToken: 't' } };
const SOON = { ...FOREVER, arguments: { steps: 200, delayMs: 20 } };

function pidServer(env: Readonly<Record<string, string>> = {}): UpstreamConfig {
  return { command: process.execPath, args: [PROGRAM], env };
}

function isAlive(pid: string): boolean {
  try {
    return process.kill(Number(pid), 0);
  } catch {
    return false; // ESRCH: there is no such process
  }
}

describe.each(CLIENT_ERAS)('a reload, for %s clients,', (era) => {
  it('leaves the process of an unchanged server alone, and replaces that of a changed one', async () => {
    const same = pidServer();
    await using gateway = await startGateway({ upstreams: { same, other: pidServer() } });
    const asker = await makeAsker(gateway.url, era);
    const kept = await callTool(asker, 'same__pid');
    const replaced = await callTool(asker, 'other__pid');
    expect(await listTools(asker)).toContain('other__pid');

    // An equal definition, not the same object.
    await gateway.breakwater.reload({ upstreams: { same: pidServer(), other: pidServer({ CHANGED: 'yes' }) } });
    expect(await callTool(asker, 'same__pid')).toBe(kept);
    expect(await callTool(asker, 'other__pid')).not.toBe(replaced);
    await expect.poll(() => isAlive(replaced), PATIENT).toBe(false);
    expect(isAlive(kept)).toBe(true);

    await gateway.breakwater.reload({ upstreams: { same }, routes: [{ path: '/mcp' }] });
    expect(await callTool(asker, 'pid')).toBe(kept);
    expect(await listTools(asker)).not.toContain('other__pid');
  });

  it('replaces a server in process whose settings changed, with the same factory', async () => {
    let made = 0;
    const createDemo = createDemoFactory();
    const factory = (): ReturnType<typeof createDemo> => {
      made++;
      return createDemo();
    };
    await using gateway = await startGateway({ upstreams: { demo: { factory } } });
    const asker = await makeAsker(gateway.url, era);
    await callTool(asker, 'echo', { text: 'a' });
    const before = made;
    await gateway.breakwater.reload({ upstreams: { demo: { factory } } });
    await callTool(asker, 'echo', { text: 'b' });
    expect(made).toBe(before);
    await gateway.breakwater.reload({ upstreams: { demo: { factory, isolation: 'request' } } });
    await callTool(asker, 'echo', { text: 'c' });
    await callTool(asker, 'echo', { text: 'd' });
    expect(made).toBeGreaterThanOrEqual(before + 2);
  });

  it('lets a call that runs finish on the old server, while new ones run on the new', async () => {
    await using gateway = await startGateway({ upstreams: { it: pidServer() } });
    const asker = await makeAsker(gateway.url, era);
    const old = await callTool(asker, 'pid');
    const { _meta, ...plain } = SOON;
    const call =
      asker.session === undefined
        ? await streamModern(gateway.url, 'tools/call', plain, { meta: _meta })
        : await asker.session.stream('tools/call', SOON, 'long');
    expect(at(await call.reader.message(), 'method')).toBe('notifications/progress');
    let isReloaded = false;
    const reloaded = gateway.breakwater.reload({ upstreams: { it: pidServer({ CHANGED: 'yes' }) } }).then(() => {
      isReloaded = true;
    });
    expect(await callTool(asker, 'pid')).not.toBe(old);
    expect(isAlive(old)).toBe(true);
    const rest = await call.reader.rest();
    expect(at(rest.at(-1), 'result', 'content', 0, 'text')).toBe('done: 200 steps');
    await reloaded;
    expect(isReloaded).toBe(true);
    await expect.poll(() => isAlive(old), PATIENT).toBe(false);
  });

  it('ends a remote session only after its last call', async () => {
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
    await using upstream = await startScripted(
      legacyScript({
        instead: (request, response) => {
          if (request.message?.['method'] !== 'tools/call') return false;
          void answered.then(() =>
            sendJson(response, 200, resultOf(request, { content: [{ type: 'text', text: 'late' }] })),
          );
          return true;
        },
      }),
    );
    const config = { url: upstream.url };
    await using gateway = await startGateway({ upstreams: { it: config } });
    const asker = await makeAsker(gateway.url, era);
    const call = callTool(asker, TOOL.name);
    const running = await upstream.until(({ message }) => message?.['method'] === 'tools/call');
    // It does not wait for what is under way, nor does the next one.
    await gateway.breakwater.reload({ upstreams: { it: { ...config, headers: { 'x-new': 'no' } } } });
    await gateway.breakwater.reload({ upstreams: { it: { ...config, headers: { 'x-new': 'yes' } } } });
    const ended = () =>
      upstream.seen.filter(({ verb }) => verb === 'DELETE').map(({ headers }) => headers['mcp-session-id']);
    expect(ended()).not.toContain(running.headers['mcp-session-id']);
    answer();
    expect(await call).toBe('late');
    const session = running.headers['mcp-session-id'];
    await upstream.until(({ verb, headers }) => verb === 'DELETE' && headers['mcp-session-id'] === session);
    await listTools(asker);
    expect(upstream.seen.at(-1)?.headers['x-new']).toBe('yes');
  });

  it('that is invalid rejects and changes nothing', async () => {
    await using gateway = await startGateway({ upstreams: { it: pidServer() } });
    const asker = await makeAsker(gateway.url, era);
    const pid = await callTool(asker, 'pid');
    const tools = await listTools(asker);
    const broken: readonly LibraryConfig[] = [
      { upstreams: { it: { command: '' } } },
      { upstreams: { it: pidServer() }, routes: [{ path: '/mcp', upstreams: ['nobody'] }] },
      { upstreams: { it: { url: 'https://example.com', headers: { authorization: { env: 'BREAKWATER_NO_SUCH' } } } } },
      { upstreams: {}, unknown: 1 } as LibraryConfig,
    ];
    for (const config of broken) await expect(gateway.breakwater.reload(config)).rejects.toBeInstanceOf(TypeError);
    expect(await callTool(asker, 'pid')).toBe(pid);
    expect(await listTools(asker)).toEqual(tools);
  });
});

describe('a reload and a legacy session', () => {
  it('leaves the session its id; its stream ends in order, and the next one tells of the new server', async () => {
    const first = { factory: createDemoFactory() };
    const second = { factory: createDemoFactory() };
    await using gateway = await startGateway({ upstreams: { first }, routes: [{ path: '/mcp' }] });
    const asker = await makeAsker(gateway.url, 'legacy');
    const { session } = asker;
    if (session === undefined) throw new Error('a legacy client has a session');
    const before = await listTools(asker);
    const stream = await session.listen();
    const primed = await stream.reader.nextBlock();
    expect(primed?.id).toBeTypeOf('string');

    await gateway.breakwater.reload({ upstreams: { first, second }, routes: [{ path: '/mcp' }] });
    const last = await readToEnd(stream.reader);
    // 2025-11-25 transports: an id to come back with and when, so that a client does so by itself.
    expect(last).toMatchObject({ id: expect.any(String), retry: expect.any(String) });
    expect((await session.request('ping')).status).toBe(200);

    const again = await session.listen({ 'last-event-id': last?.id });
    expect(again.status).toBe(200);
    expect(await again.reader.message()).toMatchObject({ method: 'notifications/tools/list_changed' });
    expect(await listTools(asker)).toEqual([
      ...before.map((name) => `first__${name}`),
      ...before.map((name) => `second__${name}`),
    ]);
    // The new stream is fed by the new server.
    await callTool(asker, 'second__grow', { kind: 'prompt' });
    await again.reader.message().then(async function skip(message: unknown): Promise<void> {
      if (textAt(message, 'method') !== 'notifications/prompts/list_changed') await again.reader.message().then(skip);
    });
    again.close();
    expect((await session.end()).status).toBeLessThan(300);
  });

  it('keeps what it subscribed to', async () => {
    const demo = { factory: createDemoFactory() };
    await using gateway = await startGateway({ upstreams: { demo } });
    const asker = await makeAsker(gateway.url, 'legacy');
    const { session } = asker;
    await session?.request('resources/subscribe', { uri: 'demo://counter' });
    await gateway.breakwater.reload({
      upstreams: { demo, more: { factory: createDemoFactory() } },
      routes: [{ path: '/mcp' }],
    });
    const stream = await session?.listen();
    await callTool(asker, 'demo__bump');
    let message = await stream?.reader.message();
    while (at(message, 'method') !== 'notifications/resources/updated') message = await stream?.reader.message();
    expect(at(message, 'params', 'uri')).toBe('demo://counter');
    stream?.close();
  });

  it('ends with its route', async () => {
    const demo = { factory: createDemoFactory() };
    const both = [{ path: '/mcp' }, { path: '/side' }];
    await using gateway = await startGateway({ upstreams: { demo }, routes: both });
    const kept = await makeAsker(gateway.url, 'legacy');
    const lost = await makeAsker(`${gateway.base}/side`, 'legacy');
    const stream = await lost.session?.listen();
    const call = await lost.session?.stream('tools/call', FOREVER, 'long');
    await call?.reader.message();
    await gateway.breakwater.reload({ upstreams: { demo }, routes: [{ path: '/mcp' }] });
    await readToEnd(stream?.reader);
    await call?.reader.rest();
    expect((await lost.session?.request('ping'))?.status).toBe(404);
    const closed = gateway.events.flatMap((event) =>
      event.type === 'close' && event.resource === 'session' ? [event] : [],
    );
    expect(closed).toMatchObject([{ resource: 'session', id: lost.session?.id, reason: 'route-removed' }]);
    expect(await callTool(kept, 'echo', { text: 'here' })).toBe('here');
    // Its call was cancelled at the server: nobody could have received the result.
    const stats = async (): Promise<unknown> =>
      at(await kept.ask('tools/call', { name: 'stats' }), 'result', 'structuredContent');
    await expect.poll(stats, PATIENT).toEqual({ calls: 1, running: 0, cancelled: 1 });
  });
});

describe('a reload and a modern subscription', () => {
  it('ends it with its result, and the next one is fed by the new server', async () => {
    const first = { factory: createDemoFactory() };
    await using gateway = await startGateway({ upstreams: { first }, routes: [{ path: '/mcp' }] });
    const listen = () =>
      streamModern(gateway.url, 'subscriptions/listen', { notifications: { toolsListChanged: true } }, { id: 'sub' });
    const stream = await listen();
    expect(await stream.reader.message()).toMatchObject({ method: 'notifications/subscriptions/acknowledged' });
    const second = { factory: createDemoFactory() };
    await gateway.breakwater.reload({ upstreams: { second }, routes: [{ path: '/mcp' }] });
    // Whoever does not come back at once still knows that its list may be old.
    expect(await stream.reader.rest()).toMatchObject([
      { method: 'notifications/tools/list_changed' },
      { id: 'sub', result: { resultType: 'complete' } },
    ]);
    const next = await listen();
    await next.reader.message();
    await callTool(await makeAsker(gateway.url, 'modern'), 'grow');
    expect(await next.reader.message()).toMatchObject({ method: 'notifications/tools/list_changed' });
    next.close();
  });
});

/** Reads a stream to its end; resolves with its last event. */
async function readToEnd(
  reader: { nextBlock(): Promise<{ id: string | undefined } | undefined> } | undefined,
): Promise<{ id: string | undefined } | undefined> {
  let last: { id: string | undefined } | undefined;
  for (let event = await reader?.nextBlock(); event !== undefined; event = await reader?.nextBlock()) last = event;
  return last;
}
