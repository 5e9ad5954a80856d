import { InMemoryServerEventBus } from '@modelcontextprotocol/server';
import { afterEach, describe, expect, it } from 'vitest';
import { type HttpEra, serveHttp } from '../../apps/demo-server/serve-http.ts';
import { createDemoFactory } from '../../packages/breakwater/src/demo/server.ts';
import type { OpenedHandle } from '../../packages/breakwater/src/upstream/opener.ts';
import {
  ASKABLE,
  callResult,
  callTool,
  failureOf,
  makeOpening,
  nextChange,
  type Opening,
  startCall,
} from './http-fixtures/harness.ts';
import { serveV1 } from './http-fixtures/v1-server.ts';

const opened: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function serve(era: HttpEra | 'v1'): Promise<string> {
  const bus = new InMemoryServerEventBus();
  const server = era === 'v1' ? await serveV1() : await serveHttp(createDemoFactory({ bus }), { era, bus });
  opened.push(() => server.close());
  return server.url;
}

function openingOf(
  url: string,
  ...rest: Parameters<typeof makeOpening> extends [string, ...infer R] ? R : never
): Opening {
  const opening = makeOpening(url, ...rest);
  opened.push(() => opening.close());
  return opening;
}

async function connect(era: HttpEra | 'v1'): Promise<OpenedHandle> {
  return await openingOf(await serve(era)).open({ profile: ASKABLE });
}

const REVISIONS = {
  modern: '2026-07-28',
  legacy: '2025-11-25',
  'legacy-stateless': '2025-11-25',
  dual: '2026-07-28',
} as const;

describe.each(['modern', 'legacy', 'legacy-stateless', 'dual'] as const)('SDK v2 server, %s', (era) => {
  it('settles the era and reads what the server says of itself', async () => {
    const handle = await connect(era);
    expect(handle.revision).toBe(REVISIONS[era]);
    expect(JSON.parse(handle.server.info.toString())).toMatchObject({ name: 'breakwater-demo' });
    expect(handle.server.capabilities).toMatchObject({ tools: {} });
    expect(handle.server.instructions).toContain('demonstration');
    expect(handle.hasSession).toBe(era === 'legacy');
  });

  it('calls tools, many at a time, and passes errors on', async () => {
    const handle = await connect(era);
    const texts = Array.from({ length: 20 }, (_, n) => `text ${n}`);
    expect(await Promise.all(texts.map((text) => callTool(handle, 'echo', { text })))).toEqual(texts);
    expect(await failureOf(startCall(handle, 'tools/call', { name: 'no-such-tool', arguments: {} }))).toMatch(
      /-32602|isError/,
    );
    expect(await failureOf(startCall(handle, 'no/such/method'))).toBe('error -32601');
  });

  it('reads resources, prompts and lists', async () => {
    const handle = await connect(era);
    expect(await callResult(handle, 'tools/list')).toHaveProperty('tools');
    expect(await callResult(handle, 'resources/read', { uri: 'demo://readme' })).toHaveProperty('contents');
    expect(await callResult(handle, 'prompts/list')).toHaveProperty('prompts');
  });

  it('passes progress in order, before the result', async () => {
    const handle = await connect(era);
    const running = startCall(
      handle,
      'tools/call',
      { name: 'slow', arguments: { steps: 5, delayMs: 0 } },
      { progress: true },
    );
    expect((await running.outcome).kind).toBe('result');
    const progress = running.notifications.map(({ method, params }) => {
      expect(method).toBe('notifications/progress');
      return (JSON.parse(params?.bytes.toString('utf8', params.start, params.end) ?? '{}') as { progress: number })
        .progress;
    });
    expect(progress).toEqual([1, 2, 3, 4, 5]);
  });

  it('passes a result of five megabytes on', async () => {
    const handle = await connect(era);
    expect(await callTool(handle, 'big')).toHaveLength(5_000_000);
  });
});

describe.each(['modern', 'legacy'] as const)('SDK v2 server, %s: what outlasts a request', (era) => {
  it('reports changes of lists', async () => {
    const handle = await connect(era);
    expect(await handle.openFeed()).toBe(true);
    expect(await handle.openFeed()).toBe(true);
    const change = nextChange(handle, ({ kind }) => kind === 'prompts');
    await callTool(handle, 'grow', { kind: 'prompt' });
    expect(await change).toMatchObject({ kind: 'prompts' });
  });

  it('reports updates of a watched resource, and of no other', async () => {
    const handle = await connect(era);
    expect(await handle.watch('demo://counter')).toBe(true);
    expect(await handle.watch('demo://counter')).toBe(true);
    await handle.unwatch('demo://counter');
    const change = nextChange(handle, () => true);
    await callTool(handle, 'bump');
    expect(await change).toMatchObject({ kind: 'updated', uri: 'demo://counter' });
  });

  it('tells the server to stop when a call is cancelled', async () => {
    const handle = await connect(era);
    const running = startCall(
      handle,
      'tools/call',
      { name: 'slow', arguments: { steps: 1000, delayMs: 5 } },
      { progress: true, onNotify: () => running.control.cancel('enough') },
    );
    await expect.poll(async () => await callTool(handle, 'stats')).toContain('"running":0,"cancelled":1');
  });

  it('passes logs at the level that was asked for', async () => {
    const handle = await connect(era);
    const log = async (logLevel: string) => {
      const running = startCall(handle, 'tools/call', { name: 'log', arguments: {} }, { logLevel });
      await running.outcome;
      return running.notifications.length;
    };
    expect(await log('error')).toBe(4);
    expect(await log('debug')).toBe(8);
    // The session stays at the lowest level that anybody asked for, and each call still gets its own.
    expect(await log('emergency')).toBe(1);
  });
});

describe.each(['legacy', 'v1'] as const)('a question in the middle of a call, %s', (era) => {
  it('is asked, answered, and the call goes on', async () => {
    const handle = await connect(era);
    const answer = { result: Buffer.from('{"action":"accept","content":{"name":"Ada"}}') };
    const text = await callTool(handle, 'ask', {}, { onAsk: (question) => question.answer(answer) });
    expect(text).toContain('Ada');
  });

  it('is withdrawn when the call is cancelled', async () => {
    const handle = await connect(era);
    const { promise, resolve } = Promise.withResolvers<void>();
    const running = startCall(
      handle,
      'tools/call',
      { name: 'ask', arguments: {} },
      {
        onAsk: (question) => {
          question.onWithdrawn(resolve);
          running.control.cancel('gone');
        },
      },
    );
    await promise;
  });
});

describe('modern questions', () => {
  it('come as the result, which is passed on as it is', async () => {
    const handle = await connect('modern');
    const result = await callResult(handle, 'tools/call', { name: 'ask', arguments: {} });
    expect(result).toMatchObject({ resultType: 'input_required' });
  });
});

describe('SDK v1 server with sessions', () => {
  it('is called, asked for its lists and ended with DELETE', async () => {
    const url = await serve('v1');
    const opening = openingOf(url);
    const handle = await opening.open();
    expect(handle.revision).toBe('2025-11-25');
    expect(await callTool(handle, 'echo', { text: 'hello' })).toBe('hello');
    await handle.close('done');
    expect(await failureOf(startCall(handle, 'ping'))).toBe('failed upstream.lost');
    expect(opening.sent).toEqual(['server/discover', 'initialize', 'notifications/initialized', 'tools/call']);
  });
});

describe('eras that are forced', () => {
  it('asks for nothing else', async () => {
    const url = await serve('dual');
    const legacy = openingOf(url, { era: 'legacy' });
    expect((await legacy.open()).revision).toBe('2025-11-25');
    expect(legacy.sent).not.toContain('server/discover');
    const modern = openingOf(await serve('legacy'), { era: 'modern' });
    await expect(modern.open()).rejects.toMatchObject({ code: 'upstream.unavailable' });
    expect(modern.sent).toEqual(['server/discover']);
  });
});
