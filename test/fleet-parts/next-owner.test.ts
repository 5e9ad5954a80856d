import { expect, test } from 'vitest';
import { systemClock } from '../../packages/breakwater/src/clock.ts';
import type { Exchange } from '../../packages/breakwater/src/core/exchange.ts';
import { MemberCall } from '../../packages/breakwater/src/core/member-call.ts';
import type { Outcome } from '../../packages/breakwater/src/core/ports.ts';
import type { RouteMember } from '../../packages/breakwater/src/core/route.ts';
import { ServerViews } from '../../packages/breakwater/src/core/server-view.ts';
import { encodeJson, scanObject } from '../../packages/breakwater/src/jsonrpc/raw.ts';
import { NO_QUESTIONS } from '../../packages/breakwater/src/protocol/capabilities.ts';
import { MemoryStore } from '../../packages/breakwater/src/store/memory.ts';
import { callOnce, effectsFile, needOf, type PartNode, startNode, textOf, toolsUpstream } from './support.ts';

/** Calls a tool as the gateway does. */
function callAsGateway({ upstream }: PartNode, name: string): Promise<Outcome> {
  const params = scanObject(encodeJson({ name, arguments: {} }));
  const client = { revision: '2025-11-25', info: undefined, capabilities: {}, profile: NO_QUESTIONS } as const;
  const exchange: Exchange = {
    id: 'x',
    route: '/mcp',
    principal: { key: 'ann', personal: true },
    client,
    sessionId: undefined,
    method: 'tools/call',
    traits: undefined,
    params,
    name,
    progress: false,
    logLevel: undefined,
    startedAt: 0,
  };
  const member: RouteMember = {
    upstream,
    prefix: '',
    cached: true,
    ttlMs: 60_000,
    crossTasks: false,
    disabledTools: new Set(),
    acquireTimeoutMs: 20_000,
    requestTimeoutMs: 20_000,
  };
  const views = new ServerViews({ clock: systemClock, emit: () => undefined, limit: 1 });
  return new Promise((resolve) => {
    const call = new MemberCall(
      { clock: systemClock, views },
      exchange,
      { members: [member], params, repeatable: false },
      {
        suspended: false,
        starting: () => undefined,
        succeed: () => undefined,
        notify: () => undefined,
        ask: () => undefined,
        done: resolve,
      },
    );
    void call.send();
  });
}

test('calls that an owner never began, because it was leaving, are made by the next one: nobody is told to try again', async () => {
  await using file = await effectsFile();
  const store = new MemoryStore(systemClock);
  const options = { upstream: toolsUpstream(file.path) };
  const owner = await startNode(store, options);
  await using other = await startNode(store, options);
  const plain = needOf('ann', { profile: NO_QUESTIONS });
  const first = await callOnce(owner, 'pid', {}, plain);
  expect(textOf(await callAsGateway(other, 'pid'))).toBe(first);
  await owner.close();
  // The other node has not heard of the end yet; each of these meets the old handle, or none, or the new one.
  const texts = await Promise.all([1, 2, 3].map(async () => textOf(await callAsGateway(other, 'pid'))));
  expect(new Set(texts).size).toBe(1);
  expect(texts[0]).toMatch(/^\d+$/);
  expect(texts[0]).not.toBe(first);
  expect((await file.lines()).filter((line) => line.startsWith('start'))).toHaveLength(2);
});
