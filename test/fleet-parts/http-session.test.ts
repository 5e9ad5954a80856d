import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { systemClock } from '../../packages/breakwater/src/clock.ts';
import { isGatewayError } from '../../packages/breakwater/src/core/errors.ts';
import { MemoryStore } from '../../packages/breakwater/src/store/memory.ts';
import { until } from './nodes.ts';
import { callOnce, callTool, cuttable, httpUpstream, needOf, startNode, textOf } from './support.ts';

/** A 2025 server over HTTP that counts its sessions. */
interface SessionServer extends AsyncDisposable {
  readonly url: string;
  readonly begun: string[];
  readonly ended: string[];
  /** Session and id of each call. */
  readonly calls: { readonly session: string; readonly id: number }[];
  forget(): void;
}

async function startServer(hasSessions = true): Promise<SessionServer> {
  const begun: string[] = [];
  const ended: string[] = [];
  const calls: { session: string; id: number }[] = [];
  const open = new Set<string>();
  const answer = (
    response: ServerResponse,
    id: unknown,
    result: object,
    headers: Record<string, string> = {},
  ): void => {
    response.writeHead(200, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result }));
  };
  const server = createServer(async (request: IncomingMessage, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const session = String(request.headers['mcp-session-id'] ?? '');
    if (request.method === 'DELETE') {
      ended.push(session);
      open.delete(session);
      return void response.writeHead(204).end();
    }
    if (request.method !== 'POST') return void response.writeHead(405).end();
    const { id, method } = JSON.parse(body) as { id?: number; method: string };
    if (method === 'initialize') {
      const fresh = randomUUID();
      begun.push(fresh);
      open.add(fresh);
      const serverInfo = { name: 'sessions', version: '1' };
      const result = { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo, instructions: 'Hi.' };
      return answer(response, id, result, hasSessions ? { 'mcp-session-id': fresh } : {});
    }
    if (hasSessions && !open.has(session)) return void response.writeHead(404).end();
    if (id === undefined) return void response.writeHead(202).end();
    calls.push({ session, id });
    answer(response, id, { content: [{ type: 'text', text: session }] });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    begun,
    ended,
    calls,
    forget: () => open.clear(),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

test('the next owner goes on with the session that the last one had, under ids that were never used in it', async () => {
  await using server = await startServer();
  const store = new MemoryStore(systemClock);
  const options = { upstream: httpUpstream(server.url) };
  const owner = await startNode(store, options);
  await using other = await startNode(store, options);
  const session = await callOnce(owner, 'x');
  expect(await callOnce(other, 'x')).toBe(session);
  await owner.close();
  expect(server.ended).toEqual([]);
  // A call that met the handle while it was given up did not run, and says so.
  let text: string;
  do text = await callOnce(other, 'x');
  while (text === 'fleet.owner-gone');
  expect(text).toBe(session);
  const lease = await other.upstream.acquire(needOf());
  expect(lease.handle.server).toMatchObject({ capabilities: { tools: {} }, instructions: 'Hi.' });
  lease.release();
  expect(server.begun).toEqual([session]);
  expect(new Set(server.calls.map(({ id }) => id)).size).toBe(server.calls.length);
});

test('a session that the server forgot meanwhile is begun anew', async () => {
  await using server = await startServer();
  const store = new MemoryStore(systemClock);
  const options = { upstream: httpUpstream(server.url) };
  const owner = await startNode(store, options);
  await using other = await startNode(store, options);
  await callOnce(owner, 'x');
  await owner.close();
  server.forget();
  // A call that may have an effect is not made twice; the one after it has a session.
  expect(await callOnce(other, 'x')).toBe('upstream.session-lost');
  expect(await callOnce(other, 'x')).toBe(server.begun[1]);
  expect(server.begun).toHaveLength(2);
});

test('a session that ended is not gone on with', async () => {
  await using server = await startServer();
  const store = new MemoryStore(systemClock);
  const options = { upstream: httpUpstream(server.url) };
  await using owner = await startNode(store, options);
  await using other = await startNode(store, options);
  const need = needOf('ann', { sessionId: 'downstream' });
  const first = await callOnce(owner, 'x', {}, need);
  await owner.upstream.endSession('downstream');
  expect(server.ended).toEqual([first]);
  expect(await callOnce(other, 'x', {}, need)).not.toBe(first);
});

test('the record shows nothing to whoever reads the store, and is never sent to another server of the same name', async () => {
  await using server = await startServer();
  await using elsewhere = await startServer();
  const written: string[] = [];
  const store = new (class extends MemoryStore {
    override write(...args: Parameters<MemoryStore['write']>): Promise<void> {
      written.push(args[0], ...Object.values(args[1]).map((value) => value?.toString('latin1') ?? ''));
      return super.write(...args);
    }
  })(systemClock);
  const owner = await startNode(store, { upstream: httpUpstream(server.url) });
  await using moved = await startNode(store, { upstream: httpUpstream(elsewhere.url) });
  const session = await callOnce(owner, 'x');
  await owner.close();
  expect(written.some((text) => text.includes(':s'))).toBe(true);
  expect(written.join('\n')).not.toContain(session);
  expect(await callOnce(moved, 'x')).toBe(elsewhere.begun[0]);
});

test('a server without sessions has no owner: every node speaks to it itself', async () => {
  await using server = await startServer(false);
  const store = new MemoryStore(systemClock);
  const options = { upstream: httpUpstream(server.url) };
  await using a = await startNode(store, options);
  await using b = await startNode(store, options);
  await callOnce(a, 'x');
  await callOnce(b, 'x');
  expect(server.begun).toHaveLength(2);
});

test('in doubt about its lease a node begins nothing, and finishes what runs', async () => {
  await using server = await startServer();
  const store = new MemoryStore(systemClock);
  let isHeld = true;
  await using node = await startNode(store, { upstream: httpUpstream(server.url) });
  const { ownership } = node.fleet;
  const claim = ownership.claim.bind(ownership);
  ownership.claim = async (upstream, key) => {
    const claimed = await claim(upstream, key);
    if (claimed.kind === 'theirs') return claimed;
    const { hold } = claimed;
    return {
      kind: 'ours',
      hold: {
        get isHeld() {
          return isHeld && hold.isHeld;
        },
        onLost: (run) => hold.onLost(run),
        release: () => hold.release(),
      },
    };
  };
  const lease = await node.upstream.acquire(needOf());
  isHeld = false;
  const refused = await Promise.resolve(node.upstream.acquire(needOf())).catch((error: unknown) => error);
  expect(isGatewayError(refused) && refused.code).toBe('store.unavailable');
  expect(textOf(await callTool(lease.handle, 'x').outcome)).toBe(server.begun[0]);
  isHeld = true;
  (await node.upstream.acquire(needOf())).release();
  lease.release();
});

// Attack: a node that slept finds its handle idle and ends the session at the server, which the next owner has gone on with.
test('a node in doubt about its lease does not end a session that another one may have', async () => {
  await using server = await startServer();
  const store = new MemoryStore(systemClock);
  const way = cuttable(store);
  const upstream = { ...httpUpstream(server.url), idleMs: 3_000 };
  await using former = await startNode(way.store, { upstream, leaseMs: 800 });
  await using next = await startNode(store, { upstream: httpUpstream(server.url), leaseMs: 800 });
  const session = await callOnce(former, 'any');
  way.isCut = true;
  await until(() => former.fleet.status.leases === 0);
  expect(await callOnce(next, 'any')).toBe(session);
  await until(() =>
    former.events.some(({ type, ...event }) => type === 'close' && 'reason' in event && event.reason === 'idle'),
  );
  expect(server.ended).toEqual([]);
  expect(await callOnce(next, 'any')).toBe(session);
  expect(server.begun).toEqual([session]);
  way.isCut = false;
});
