/** What comes to a client without having been asked for: progress while it waits, and that a list changed. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type RunningGateway, startGateway } from '../requirements/support/gateway.ts';
import { LIVE_CLIENTS } from './support/clients.ts';
import { isListening } from './support/leftovers.ts';
import { PATIENT } from './support/programs.ts';
import type { LiveClient } from './support/test-client.ts';
import { type ReadyServer, UPSTREAMS } from './support/upstreams.ts';

describe.each(UPSTREAMS.filter(({ plan }) => plan.slow !== undefined))(
  'from $name',
  ({ name, plan, start, tellsChanges }) => {
    let server: ReadyServer;
    let gateway: RunningGateway;
    let client: LiveClient | undefined;

    beforeAll(async () => {
      server = await start();
      gateway = await startGateway({ upstreams: { it: server.config }, routes: [{ path: '/mcp' }] });
    });

    afterEach(async () => {
      await client?.close();
      client = undefined;
    });

    afterAll(async () => {
      await gateway?.close();
      await server?.[Symbol.asyncDispose]();
    });

    test.each(LIVE_CLIENTS)('progress comes to $name, in its order', async ({ connect }) => {
      const heard: unknown[] = [];
      client = await connect(gateway.url, {
        progress: ({ progressToken, progress, total }) => heard.push([progressToken, progress, total]),
        toolsChanged: () => undefined,
      });
      const result = await client.ask('tools/call', { ...plan.slow, _meta: { progressToken: 'mine' } });
      expect(result['isError']).not.toBe(true);
      await expect.poll(() => heard, PATIENT).toEqual([1, 2, 3].map((step) => ['mine', step, 3]));
    });

    if (!name.startsWith('demo') || !tellsChanges) return;

    test.each(LIVE_CLIENTS)('$name hears of a new tool, sees it and can call it', async ({ connect }) => {
      let changes = 0;
      const from = gateway.events.length;
      client = await connect(gateway.url, { progress: () => undefined, toolsChanged: () => (changes += 1) });
      await client.watchTools();
      // A 2025 client opens its stream in its own time; nobody hears what is said before.
      await expect.poll(() => isListening(gateway.events.slice(from)), PATIENT).toBe(true);
      const grown = (await client.ask('tools/call', { name: 'grow', arguments: { kind: 'tool' } }))[
        'structuredContent'
      ];
      const tool = String((grown as { readonly name: unknown }).name);
      await expect.poll(() => changes, PATIENT).toBeGreaterThan(0);
      expect(await listNames(client)).toContain(tool);
      expect(await client.ask('tools/call', { name: tool, arguments: {} })).toMatchObject({
        content: [{ type: 'text', text: tool }],
      });
    });
  },
);

async function listNames(client: LiveClient): Promise<string[]> {
  const { tools } = await client.ask('tools/list');
  return (tools as readonly { readonly name: string }[]).map(({ name }) => name);
}
