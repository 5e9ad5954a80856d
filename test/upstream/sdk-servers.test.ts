import { McpServer as LegacySdkServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { afterEach, describe, expect, test } from 'vitest';
import type { Handle, ServerChange } from '../../packages/breakwater/src/core/ports.ts';
import { createDemoFactory } from '../../packages/breakwater/src/demo/server.ts';
import type { InProcessUpstreamOptions } from '../../packages/breakwater/src/upstream/options.ts';
import {
  callTool,
  childPids,
  client,
  jsonOf,
  need,
  paramsOf,
  script,
  start,
  testUpstream,
  textOf,
  using,
} from './harness.ts';

afterEach(() => expect(childPids()).toEqual([]));

/** Resolves with the next change of this kind. */
function change(handle: Handle, kind: ServerChange['kind']): Promise<ServerChange> {
  return new Promise((resolve) => {
    const stop = handle.onChange((seen) => {
      if (seen.kind !== kind) return;
      stop();
      resolve(seen);
    });
  });
}

const demo = script('apps/demo-server/stdio.ts');
const inProcess: Partial<InProcessUpstreamOptions> = { kind: 'in-process', factory: createDemoFactory() };
const modern = client('2026-07-28', { elicitation: {}, sampling: {} });

describe.each([
  ['a child', demo],
  ['in process', inProcess],
])('a server of both eras, %s', (_where, config) => {
  test('is spoken to in the modern era, and the client says who it is with every request', async () => {
    await using server = testUpstream(config);
    await using(server.upstream, async (handle) => {
      expect(handle.revision).toBe('2026-07-28');
      expect(JSON.parse(handle.server.info.toString())).toMatchObject({ name: 'breakwater-demo' });
      expect(handle.server.instructions).toContain('demonstration');
      expect(textOf(await callTool(handle, 'echo', { text: 'hi' }, { client: modern }))).toContain('hi');
      const list = jsonOf(await start(handle, 'tools/list', undefined, { client: modern }).done);
      expect(list).toMatchObject({ resultType: 'complete', tools: expect.arrayContaining([]) });
    });
    expect(server.sent().slice(0, 2)).toEqual(['server/discover', 'tools/call']);
  });

  test('asks in its results, also of strangers who share the handle', async () => {
    await using server = testUpstream(config);
    const wanted = need({ principal: { key: 'public', personal: false }, profile: modern.profile });
    const outcome = await using(server.upstream, (handle) => callTool(handle, 'ask', {}, { client: modern }), wanted);
    expect(jsonOf(outcome)).toMatchObject({ resultType: 'input_required', inputRequests: { answer: {} } });
  });

  test('reports progress and logs to the call, and stops when it is cancelled', async () => {
    await using server = testUpstream(config);
    await using(server.upstream, async (handle) => {
      const slow = start(
        handle,
        'tools/call',
        { name: 'slow', arguments: { steps: 3, delayMs: 1 } },
        { client: modern, progress: true },
      );
      await slow.done;
      expect(slow.notifications.map((seen) => paramsOf(seen)['progress'])).toEqual([1, 2, 3]);
      const before = jsonOf<Stats>(await callTool(handle, 'stats', {}, { client: modern }));
      const endless = start(
        handle,
        'tools/call',
        { name: 'slow', arguments: { steps: 1000, delayMs: 50 } },
        { client: modern, progress: true },
      );
      await expect.poll(() => endless.notifications.length).toBeGreaterThan(0);
      endless.control.cancel('enough');
      await expect
        .poll(async () => jsonOf(await callTool(handle, 'stats', {}, { client: modern })))
        .toMatchObject({ structuredContent: { cancelled: before.structuredContent.cancelled + 1, running: 0 } });
    });
  });

  test('reports changes of lists and of watched resources, and of no others', async () => {
    await using server = testUpstream(config);
    await using(server.upstream, async (handle) => {
      expect(await handle.openFeed()).toBe(true);
      expect(await handle.openFeed()).toBe(true);
      const grown = change(handle, 'tools');
      await callTool(handle, 'grow', {}, { client: modern });
      await grown;
      const seen: string[] = [];
      handle.onChange(({ uri }) => void (uri !== undefined && seen.push(uri)));
      await callTool(handle, 'bump', {}, { client: modern });
      expect(seen).toEqual([]);
      expect(await Promise.all([handle.watch('demo://counter'), handle.watch('demo://counter')])).toEqual([true, true]);
      const updated = change(handle, 'updated');
      await callTool(handle, 'bump', {}, { client: modern });
      expect(await updated).toMatchObject({ uri: 'demo://counter' });
      await handle.unwatch('demo://counter');
      const again = change(handle, 'updated');
      await callTool(handle, 'bump', {}, { client: modern });
      await again;
      await handle.unwatch('demo://counter');
      const stillListed = change(handle, 'prompts');
      await callTool(handle, 'bump', {}, { client: modern });
      await callTool(handle, 'grow', { kind: 'prompt' }, { client: modern });
      await stillListed;
      expect(seen).toHaveLength(2);
    });
  });

  test('is spoken to in the legacy era when told so', async () => {
    await using server = testUpstream({ ...config, era: 'legacy' });
    const askable = client('2025-11-25', { elicitation: {} });
    await using(
      server.upstream,
      async (handle) => {
        expect(handle.revision).toBe('2025-11-25');
        const call = start(handle, 'tools/call', { name: 'ask', arguments: {} }, { client: askable });
        const question = await call.asked;
        question.answer({ result: Buffer.from('{"action":"accept","content":{"name":"Ada"}}') });
        expect(textOf(await call.done)).toBe('Hello Ada.');
        expect(await handle.watch('demo://counter')).toBe(true);
        const updated = change(handle, 'updated');
        await callTool(handle, 'bump', {}, { client: askable });
        expect(await updated).toMatchObject({ uri: 'demo://counter' });
      },
      need({ profile: askable.profile, sessionId: 's1' }),
    );
  });
});

interface Stats {
  structuredContent: { cancelled: number };
}

describe('in process', () => {
  test('a server of the first SDK is connected as it is', async () => {
    const factory = (): LegacySdkServer => {
      const server = new LegacySdkServer({ name: 'old', version: '1' });
      server.registerTool('hi', {}, () => ({ content: [{ type: 'text', text: 'hello' }] }));
      return server;
    };
    await using server = testUpstream({ kind: 'in-process', factory });
    await using(server.upstream, async (handle) => {
      expect(handle.revision).toBe('2025-11-25');
      expect(textOf(await callTool(handle, 'hi'))).toBe('hello');
    });
  });

  test('a factory that throws is an unavailable upstream', async () => {
    const factory = (): never => {
      throw new Error('no database');
    };
    await using server = testUpstream({ kind: 'in-process', factory });
    await expect(server.upstream.acquire(need())).rejects.toMatchObject({
      code: 'upstream.unavailable',
      cause: { message: 'no database' },
    });
  });

  test('a server that closes itself ends its handle', async () => {
    const servers: { close(): Promise<void> }[] = [];
    const build = createDemoFactory();
    const factory = (): ReturnType<typeof build> => {
      const server = build();
      servers.push(server);
      return server;
    };
    await using server = testUpstream({ kind: 'in-process', factory });
    await using(server.upstream, async (handle) => {
      await callTool(handle, 'echo', { text: 'x' }, { client: modern });
      const ended = new Promise((resolve) => handle.onEnd(resolve));
      await servers[0]?.close();
      await ended;
    });
  });
});

test('the reference server, as people run it', async () => {
  const everything = script('node_modules/@modelcontextprotocol/server-everything/dist/index.js', 'stdio');
  await using server = testUpstream(everything);
  await using(server.upstream, async (handle) => {
    expect(handle.revision).toBe('2025-11-25');
    expect(textOf(await callTool(handle, 'echo', { message: 'breakwater' }))).toContain('breakwater');
    const list = jsonOf<{ tools: unknown[] }>(await start(handle, 'tools/list').done);
    expect(list.tools.length).toBeGreaterThan(5);
  });
});

test('a server of the first SDK asks three things in the middle of one call', async () => {
  await using server = testUpstream(script('test/fixtures/legacy-asker.ts'));
  const askable = client('2025-11-25', { elicitation: {}, sampling: {}, roots: {} });
  await using(
    server.upstream,
    async (handle) => {
      const answers: Record<string, string> = {
        'elicitation/create': '{"action":"accept","content":{"name":"Ada"}}',
        'sampling/createMessage': '{"model":"m","role":"assistant","content":{"type":"text","text":"Hello Ada"}}',
        'roots/list': '{"roots":[{"uri":"file:///home/ada"}]}',
      };
      const call = start(handle, 'tools/call', { name: 'interview' }, { client: askable, progress: true }, (question) =>
        question.answer({ result: Buffer.from(answers[question.method] ?? '{}') }),
      );
      expect(textOf(await call.done)).toBe('Ada; Hello Ada; file:///home/ada');
    },
    need({ profile: askable.profile, sessionId: 's1' }),
  );
});
