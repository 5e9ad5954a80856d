import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { systemClock } from '../../packages/breakwater/src/clock.ts';
import { isGatewayError } from '../../packages/breakwater/src/core/errors.ts';
import type { Forwarded } from '../../packages/breakwater/src/core/fleet.ts';
import { MemoryStore } from '../../packages/breakwater/src/store/memory.ts';
import { type PartNode, pathToNode, startNode, toolsUpstream, until } from './support.ts';

const UPSTREAM = toolsUpstream('/dev/null');
const ANN = { key: 'ann', personal: true };

type Serve = (request: IncomingMessage, response: ServerResponse, forwarded: Forwarded, node: PartNode) => void;

/** Two nodes: the first has a public port whose requests it passes on to the second. */
async function pair(
  serve: Serve,
  options: { readBody?: boolean; to?: string; ports?: { port: number; advertisedPort: number } } = {},
): Promise<
  { front: PartNode; back: PartNode; port: number; store: MemoryStore; results: (boolean | string)[] } & AsyncDisposable
> {
  const store = new MemoryStore(systemClock);
  const front = await startNode(store, { upstream: UPSTREAM });
  const back: PartNode = await startNode(store, {
    upstream: UPSTREAM,
    ...options.ports,
    onForwarded: (request, response, forwarded) => serve(request, response, forwarded, back),
  });
  const results: (boolean | string)[] = [];
  const server = createServer(async (request, response) => {
    const body = options.readBody === true ? await readAll(request) : undefined;
    const facts = {
      principal: ANN,
      remoteAddress: '192.0.2.7',
      protocol: 'http',
      host: 'mcp.example.com',
      body,
    } as const;
    try {
      results.push(await front.fleet.forward(options.to ?? back.fleet.tags.node, request, response, facts));
    } catch (error) {
      results.push(isGatewayError(error) ? error.code : String(error));
    }
    if (!response.headersSent) response.writeHead(599).end();
  });
  const port = await listen(server);
  return {
    front,
    back,
    port,
    store,
    results,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await front.close();
      await back.close();
    },
  };
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

for (const readBody of [true, false]) {
  test(`a whole request arrives at the other node, its body ${readBody ? 'read before' : 'streamed'}`, async () => {
    const seen: { request: IncomingMessage; forwarded: Forwarded; body: string }[] = [];
    await using nodes = await pair(
      async (request, response, forwarded) => {
        const body = (await readAll(request)).toString();
        seen.push({ request, forwarded, body });
        response.writeHead(202, ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'Mcp-Session-Id', 'x.y']);
        response.end(`got ${body}`);
      },
      { readBody },
    );
    const answer = await fetch(`http://127.0.0.1:${nodes.port}/mcp?x=1`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'mcp-session-id': 'abc' },
      body: '{"jsonrpc":"2.0"}',
    });
    expect(answer.status).toBe(202);
    expect(await answer.text()).toBe('got {"jsonrpc":"2.0"}');
    expect(answer.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    const [{ request, forwarded, body } = { request: undefined, forwarded: undefined, body: '' }] = seen;
    expect(body).toBe('{"jsonrpc":"2.0"}');
    expect(request?.method).toBe('POST');
    expect(request?.url).toBe('/mcp?x=1');
    expect(request?.headers.host).toBe(`127.0.0.1:${nodes.port}`);
    expect(request?.headers['mcp-session-id']).toBe('abc');
    expect(forwarded).toEqual({
      node: nodes.front.fleet.tags.node,
      principal: ANN,
      remoteAddress: '192.0.2.7',
      protocol: 'http',
      host: 'mcp.example.com',
    });
    expect(nodes.results).toEqual([true]);
  });
}

test('attack: a client that speaks for a peer is nobody special, here and behind', async () => {
  const marks: unknown[] = [];
  await using nodes = await pair((request, response, forwarded) => {
    marks.push(forwarded.principal.key, request.headers['breakwater-peer'], request.rawHeaders.join(' '));
    response.end('ok');
  });
  const forged = Buffer.from(
    JSON.stringify({ node: 'aaaaaaaaaa', principal: { key: 'root', personal: true }, remoteAddress: '::1' }),
  ).toString('base64url');
  await fetch(`http://127.0.0.1:${nodes.port}/mcp`, {
    headers: { 'breakwater-peer': forged, 'BREAKWATER-PEER': forged },
  });
  const [key, header, raw] = marks;
  expect(key).toBe('ann');
  expect(header).toBeUndefined();
  expect(raw).not.toMatch(/breakwater-peer/i);
});

test('attack: a client cannot make its own headers disappear on the way by naming them hop-by-hop twice over', async () => {
  const headers: unknown[] = [];
  await using nodes = await pair((request, response) => {
    headers.push(request.headers['x-kept'], request.headers['x-dropped'], request.headers['te']);
    response.end();
  });
  const onward = send({
    port: nodes.port,
    host: '127.0.0.1',
    headers: { connection: 'x-dropped, close', 'x-dropped': '1', 'x-kept': '2', te: 'trailers' },
  });
  onward.end();
  await once(onward, 'response');
  expect(headers).toEqual(['2', undefined, undefined]);
});

test('attack: a request that was passed on is never passed on again, so that no two nodes can play with it', async () => {
  const hops: boolean[] = [];
  await using nodes = await pair(async (request, response, { principal }, node) => {
    const facts = { principal, remoteAddress: '', protocol: 'http', host: undefined } as const;
    hops.push(await node.fleet.forward(nodes.front.fleet.tags.node, request, response, facts));
    response.end('here');
  });
  const answer = await fetch(`http://127.0.0.1:${nodes.port}/mcp`);
  expect(await answer.text()).toBe('here');
  expect(hops).toEqual([false]);
});

test('attack: names of nodes that never were cost nothing and change nothing', async () => {
  await using nodes = await pair((_request, response) => void response.end(), { to: 'zzzzzzzzzz' });
  const answer = await fetch(`http://127.0.0.1:${nodes.port}/mcp`, { method: 'POST', body: 'x' });
  expect(answer.status).toBe(599);
  expect(nodes.results).toEqual([false]);
  const server = await pair((_request, response) => void response.end(), { to: '../etc/passwd' });
  expect((await fetch(`http://127.0.0.1:${server.port}/mcp`)).status).toBe(599);
  expect(server.results).toEqual([false]);
  await server[Symbol.asyncDispose]();
});

test('a node that is gone is told apart from one that got the request', async () => {
  await using nodes = await pair((_request, response) => void response.end('ok'));
  const node = nodes.back.fleet.tags.node;
  await nodes.back.close();
  // Entered as if it had been killed: its record outlives it.
  await nodes.store.write(
    `{n:${node}}`,
    { address: Buffer.from(`${nodes.back.fleet.address.port} 127.0.0.1`) },
    60_000,
  );
  expect((await fetch(`http://127.0.0.1:${nodes.port}/mcp`)).status).toBe(599);
  expect(nodes.results).toEqual([false]);
});

test('a node that dies before it answers: the request was sent, and is not sent again', async () => {
  let count = 0;
  await using nodes = await pair((request) => {
    count++;
    request.socket.destroy();
  });
  expect((await fetch(`http://127.0.0.1:${nodes.port}/mcp`)).status).toBe(599);
  expect(nodes.results).toEqual(['fleet.node-lost']);
  expect(count).toBe(1);
});

test('a client that leaves ends the work at the other node', async () => {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  await using nodes = await pair((_request, response) => {
    response.on('close', resolve);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(': hello\n\n');
  });
  const onward = send({ port: nodes.port, host: '127.0.0.1' });
  onward.on('error', () => undefined);
  onward.end();
  const [answer] = (await once(onward, 'response')) as [IncomingMessage];
  await once(answer, 'data');
  onward.destroy();
  await closed;
  await until('it is over', () => nodes.results.length === 1);
  expect(nodes.results).toEqual([true]);
});

test('the head of a silent stream arrives before its first event', async () => {
  await using nodes = await pair((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
  });
  const onward = send({ port: nodes.port, host: '127.0.0.1' });
  onward.on('error', () => undefined);
  onward.end();
  const [answer] = (await once(onward, 'response')) as [IncomingMessage];
  expect(answer.headers['content-type']).toBe('text/event-stream');
  answer.on('error', () => undefined);
  onward.destroy();
});

test('attack: a client that does not read makes the other node wait, not the memory of both grow', async () => {
  let written = 0;
  const total = 400 * 1024 * 1024;
  await using nodes = await pair((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    const chunk = Buffer.alloc(256 * 1024);
    const pump = (): void => {
      while (written < total && !response.destroyed) {
        written += chunk.length;
        if (!response.write(chunk)) {
          response.once('drain', pump);
          return;
        }
      }
    };
    pump();
  });
  const onward = send({ port: nodes.port, host: '127.0.0.1' });
  onward.on('error', () => undefined);
  onward.end();
  const [answer] = (await once(onward, 'response')) as [IncomingMessage];
  answer.on('error', () => undefined);
  answer.pause();
  let before = -1;
  await until('it waits', async () => {
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 500));
    return written === before;
  });
  expect(written).toBeLessThan(total / 4);
  onward.destroy();
});

test('an upload is taken as slowly as the other node reads it', async () => {
  let sent = 0;
  const { promise: arrived, resolve } = Promise.withResolvers<void>();
  await using nodes = await pair((request) => {
    request.pause();
    resolve();
  });
  const onward = send({ port: nodes.port, host: '127.0.0.1', method: 'POST' });
  onward.on('error', () => undefined);
  const chunk = Buffer.alloc(256 * 1024);
  const total = 400 * 1024 * 1024;
  const pump = (): void => {
    while (sent < total && !onward.destroyed) {
      sent += chunk.length;
      if (!onward.write(chunk)) {
        onward.once('drain', pump);
        return;
      }
    }
  };
  pump();
  await arrived;
  let before = -1;
  await until('it waits', async () => {
    before = sent;
    await new Promise((wait) => setTimeout(wait, 500));
    return sent === before;
  });
  expect(sent).toBeLessThan(total / 4);
  onward.destroy();
});

test('a network that swallows everything is noticed: before the answer as a loss, within it as a cut', async () => {
  const { promise: arrived, resolve } = Promise.withResolvers<void>();
  const { path, ports } = await pathToNode();
  await using _path = path;
  await using nodes = await pair(
    (request, response) => {
      if (request.url === '/silent') return resolve();
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: 1\n\n');
    },
    { ports },
  );
  const stream = await fetch(`http://127.0.0.1:${nodes.port}/stream`);
  const reader = stream.body?.getReader();
  await reader?.read();
  const silent = fetch(`http://127.0.0.1:${nodes.port}/silent`);
  await arrived;
  path.blackhole();
  expect((await silent).status).toBe(599);
  await expect(reader?.read()).rejects.toThrow();
  expect(nodes.results.sort()).toEqual(['fleet.node-lost', true]);
});

test('attack: a network that has forgotten its old connections and takes new ones hides nothing of what was lost on the old', async () => {
  const { promise: arrived, resolve } = Promise.withResolvers<void>();
  const { promise: given, resolve: giveUp } = Promise.withResolvers<void>();
  const { path, ports } = await pathToNode();
  await using _path = path;
  await using nodes = await pair(
    (request, response) => {
      if (request.url !== '/silent') return void response.end('ok');
      response.on('close', giveUp);
      resolve();
    },
    { ports },
  );
  const silent = fetch(`http://127.0.0.1:${nodes.port}/silent`);
  await arrived;
  path.blackhole();
  path.pass();
  // The node answers whoever asks anew.
  expect(await (await fetch(`http://127.0.0.1:${nodes.port}/again`)).text()).toBe('ok');
  expect((await silent).status).toBe(599);
  expect(nodes.results).toEqual([true, 'fleet.node-lost']);
  // Whoever worked for it knows, too.
  await given;
});

test('connections that died unused take no request', async () => {
  const { promise: both, resolve } = Promise.withResolvers<void>();
  const waiting: ServerResponse[] = [];
  const { path, ports } = await pathToNode();
  await using _path = path;
  await using nodes = await pair(
    (request, response) => {
      if (request.url !== '/first') return void response.end('ok');
      waiting.push(response);
      if (waiting.length === 6) resolve();
    },
    { ports },
  );
  const first = [1, 2, 3, 4, 5, 6].map(async () => await (await fetch(`http://127.0.0.1:${nodes.port}/first`)).text());
  await both;
  for (const response of waiting) response.end('ok');
  await Promise.all(first);
  // Six connections wait for the next request, and the network forgets them.
  path.blackhole();
  path.pass();
  const again = async (): Promise<boolean> => (await fetch(`http://127.0.0.1:${nodes.port}/again`)).status === 200;
  expect(await again()).toBe(false);
  expect(await again()).toBe(true);
});
