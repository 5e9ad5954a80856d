/** Calls that wait for their turn on a handle (`interactiveConcurrency`), while the node that has it may lose it. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../packages/breakwater/src/clock.ts';
import { NO_QUESTIONS } from '../../packages/breakwater/src/protocol/capabilities.ts';
import { MemoryStore } from '../../packages/breakwater/src/store/memory.ts';
import { until } from './nodes.ts';
import {
  callAsGateway,
  cuttable,
  effectsFile,
  httpUpstream,
  needOf,
  type PartOptions,
  startNode,
  textOf,
  toolsUpstream,
} from './support.ts';

const LEASE_MS = 1_000;

/** A server whose tool `work` says what it begins, and goes on when it may. */
interface Works extends AsyncDisposable {
  readonly upstream: PartOptions['upstream'];
  /** Ids of the calls that were begun. */
  begun(): Promise<string[]>;
}

async function program(): Promise<Works> {
  const file = await effectsFile();
  const begun = async (): Promise<string[]> =>
    (await file.lines()).flatMap((line) => (line.startsWith('begin') ? [line.split(' ')[1] ?? ''] : []));
  return {
    upstream: { ...toolsUpstream(file.path), interactiveConcurrency: 1 },
    begun,
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  };
}

async function overHttp(): Promise<Works> {
  const begun: string[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    if (request.method !== 'POST') return void response.writeHead(405).end();
    const { id, method, params } = JSON.parse(body) as {
      id?: number;
      method: string;
      params?: { arguments?: { id?: string; ms?: number } };
    };
    const answer = (result: object, headers: Record<string, string> = {}): void => {
      response.writeHead(200, { 'content-type': 'application/json', ...headers });
      response.end(JSON.stringify({ jsonrpc: '2.0', id, result }));
    };
    if (id === undefined) return void response.writeHead(202).end();
    if (method === 'initialize') {
      const serverInfo = { name: 'works', version: '1' };
      const result = { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo };
      return answer(result, { 'mcp-session-id': randomUUID() });
    }
    begun.push(params?.arguments?.id ?? '');
    await new Promise((resolve) => setTimeout(resolve, params?.arguments?.ms));
    answer({ content: [{ type: 'text', text: 'done' }] });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    upstream: {
      ...httpUpstream(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`),
      interactiveConcurrency: 1,
    },
    begun: async () => begun,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe.each([
  ['a program', program],
  ['a server over HTTP', overHttp],
])('the turn of a call on %s', (_name, start) => {
  // Attack on "in doubt nothing is begun": the call was let in while the lease was sound, and its turn comes when another node may have the handle.
  test('does not come while another node may have the handle', async () => {
    await using works = await start();
    const shared = new MemoryStore(systemClock);
    const way = cuttable(shared);
    await using node = await startNode(way.store, { upstream: works.upstream, leaseMs: LEASE_MS });
    const first = callAsGateway(node, 'work', { id: 'first', ms: 3 * LEASE_MS });
    await until(async () => (await works.begun()).length === 1);
    const queued = [callAsGateway(node, 'work', { id: 'b', ms: 0 }), callAsGateway(node, 'work', { id: 'c', ms: 0 })];
    way.isCut = true;
    expect(textOf(await first)).toBe('done');
    expect((await Promise.all(queued)).map(textOf)).toEqual(['store.unavailable', 'store.unavailable']);
    expect(await works.begun()).toEqual(['first']);
    way.isCut = false;
  });

  test('comes at the next owner, once, when the handle was lost', async () => {
    await using works = await start();
    const shared = new MemoryStore(systemClock);
    const way = cuttable(shared);
    await using node = await startNode(way.store, { upstream: works.upstream, leaseMs: LEASE_MS });
    await using other = await startNode(shared, { upstream: works.upstream, leaseMs: LEASE_MS });
    const first = callAsGateway(node, 'work', { id: 'first', ms: 60_000 });
    await until(async () => (await works.begun()).length === 1);
    const queued = callAsGateway(node, 'work', { id: 'queued', ms: 0 });
    way.isCut = true;
    await until(() => node.fleet.status.leases === 0);
    const lease = await other.upstream.acquire(needOf('ann', { profile: NO_QUESTIONS }));
    way.isCut = false;
    expect(textOf(await first)).toBe('upstream.lost');
    expect(textOf(await queued)).toBe('done');
    expect(await works.begun()).toEqual(['first', 'queued']);
    lease.release();
  });
});
