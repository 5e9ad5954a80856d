/** What a cancellation and a lost connection mean, for each pair of eras and each transport. */
import { describe, expect, it } from 'vitest';
import type { LibraryConfig } from '../../packages/breakwater/src/index.ts';
import { launchFixture } from '../fixtures/launch.ts';
import { modernMessage, openSession, streamModern } from '../requirements/support/clients.ts';
import { type RunningGateway, startGateway } from '../requirements/support/gateway.ts';
import { at } from '../requirements/support/json.ts';
import { type Asker, callTool, makeAsker, PATIENT } from './support/ask.ts';

type UpstreamConfig = LibraryConfig['upstreams'][string];

const FOREVER = { name: 'slow', arguments: { steps: 1_000, delayMs: 20 } };
const SOON = { name: 'slow', arguments: { steps: 20, delayMs: 20 } };
const TOKEN = { progressToken: 'own' };
const STDIO = { command: process.execPath, args: ['apps/demo-server/stdio.ts'] };

/** The demo in every form, by the era that the gateway speaks with it. */
const SERVERS: readonly { readonly name: string; readonly config: UpstreamConfig | string }[] = [
  { name: 'modern, HTTP', config: 'modern' },
  { name: 'modern, stdio', config: { ...STDIO, era: 'modern' } },
  { name: 'legacy, HTTP', config: 'legacy' },
  { name: 'legacy, stdio', config: { ...STDIO, era: 'legacy' } },
  { name: 'legacy, HTTP+SSE', config: 'sse' },
];

interface Bench extends AsyncDisposable {
  readonly gateway: RunningGateway;
  /** Asks for the counts of `slow`; another client than the one whose call is cancelled. */
  stats(): Promise<unknown>;
}

async function prepare(config: UpstreamConfig | string): Promise<Bench> {
  const resources = new AsyncDisposableStack();
  const isHttp = typeof config === 'string';
  const fixture = isHttp
    ? resources.use(await launchFixture('apps/demo-server/http.ts', ['--era', config]))
    : undefined;
  const upstream = isHttp ? { url: fixture?.url ?? '' } : config;
  const gateway = resources.use(await startGateway({ upstreams: { demo: upstream } }));
  let other: Asker | undefined;
  return {
    gateway,
    stats: async () => {
      other ??= await makeAsker(gateway.url, 'modern');
      return at(await other.ask('tools/call', { name: 'stats', arguments: {} }), 'result', 'structuredContent');
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

function outcomes({ events }: RunningGateway): string[] {
  return events.flatMap((event) =>
    event.type === 'exchange' && event.record.name === 'slow' ? [event.record.outcome] : [],
  );
}

describe.each(SERVERS)('a call to a server that is $name', ({ config }) => {
  it('is cancelled there when a modern client closes the response', async () => {
    await using bench = await prepare(config);
    const call = await streamModern(bench.gateway.url, 'tools/call', FOREVER, { meta: TOKEN });
    expect(await call.reader.message()).toMatchObject({ method: 'notifications/progress' });
    call.close();
    await expect.poll(bench.stats, PATIENT).toEqual({ calls: 1, running: 0, cancelled: 1 });
    expect(outcomes(bench.gateway)).toEqual(['cancelled']);
  });

  it('is cancelled there before anything was answered', async () => {
    await using bench = await prepare(config);
    // Without a progress token nothing comes: the response has no head yet when the client goes away.
    const abort = new AbortController();
    const { body, headers } = modernSlow();
    const call = fetch(bench.gateway.url, { method: 'POST', headers, body, signal: abort.signal });
    call.catch(() => undefined);
    await expect.poll(bench.stats, PATIENT).toEqual({ calls: 1, running: 1, cancelled: 0 });
    abort.abort();
    await expect(call).rejects.toThrow();
    await expect.poll(bench.stats, PATIENT).toEqual({ calls: 1, running: 0, cancelled: 1 });
  });

  it('is cancelled there when a legacy client says so, and only that one', async () => {
    await using bench = await prepare(config);
    const session = await openSession(bench.gateway.url);
    const cancelled = await session.stream('tools/call', { ...FOREVER, _meta: TOKEN }, 'one');
    const kept = await session.stream('tools/call', { ...SOON, _meta: TOKEN }, 'two');
    expect(await cancelled.reader.message()).toMatchObject({ method: 'notifications/progress' });
    // Attack: guesses at ids of other legs. The gateway and its servers count from 1.
    for (const requestId of [1, 2, 3, '1', '2']) await session.notify('notifications/cancelled', { requestId });
    expect((await session.notify('notifications/cancelled', { requestId: 'one', reason: 'enough' })).status).toBe(202);
    const rest = await cancelled.reader.rest();
    expect(rest.filter((message) => at(message, 'result') !== undefined)).toEqual([]);
    const answered = (await kept.reader.rest()).at(-1);
    expect(answered).toMatchObject({ id: 'two', result: { content: [{ text: 'done: 20 steps' }] } });
    await expect.poll(bench.stats, PATIENT).toEqual({ calls: 2, running: 0, cancelled: 1 });
    expect(outcomes(bench.gateway).sort()).toEqual(['cancelled', 'ok']);
  });

  it('is not cancelled when a legacy client is cut off, and its answer can be fetched', async () => {
    await using bench = await prepare(config);
    const session = await openSession(bench.gateway.url);
    const call = await session.stream('tools/call', { ...SOON, _meta: TOKEN }, 'cut');
    const event = await call.reader.next();
    expect(JSON.parse(event?.data ?? '')).toMatchObject({ method: 'notifications/progress' });
    // 2025-11-25 transports §Sending Messages: a disconnect is not to be taken as a cancellation.
    call.close();
    const resumed = await session.listen({ 'last-event-id': event?.id });
    expect(resumed.status).toBe(200);
    const rest = await resumed.reader.rest();
    expect(rest.at(-1)).toMatchObject({ id: 'cut', result: { content: [{ text: 'done: 20 steps' }] } });
    expect(await bench.stats()).toEqual({ calls: 1, running: 0, cancelled: 0 });
    expect(outcomes(bench.gateway)).toEqual(['ok']);
  });

  it('runs to its end when a legacy client is cut off and never comes back', async () => {
    await using bench = await prepare(config);
    const session = await openSession(bench.gateway.url);
    const call = await session.stream('tools/call', { ...SOON, _meta: TOKEN }, 'gone');
    await call.reader.message();
    call.close();
    await expect.poll(bench.stats, PATIENT).toEqual({ calls: 1, running: 0, cancelled: 0 });
    expect(outcomes(bench.gateway)).toEqual(['ok']);
  });

  it('is cancelled with the session of its legacy client', async () => {
    await using bench = await prepare(config);
    const session = await openSession(bench.gateway.url);
    const call = await session.stream('tools/call', { ...FOREVER, _meta: TOKEN }, 'one');
    await call.reader.message();
    expect((await session.end()).status).toBeLessThan(300);
    await call.reader.rest();
    await expect.poll(bench.stats, PATIENT).toEqual({ calls: 1, running: 0, cancelled: 1 });
    expect(await callTool(await makeAsker(bench.gateway.url, 'legacy'), 'echo', { text: 'here' })).toBe('here');
  });
});

function modernSlow(): { readonly body: string; readonly headers: Record<string, string> } {
  const { body, headers } = modernMessage('tools/call', FOREVER);
  const own = Object.entries(headers).map(([name, value]) => [name, String(value)]);
  const accept = 'application/json, text/event-stream';
  return { body, headers: { ...Object.fromEntries(own), accept, 'content-type': 'application/json' } };
}
