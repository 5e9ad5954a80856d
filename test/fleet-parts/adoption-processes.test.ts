import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { launchFixture } from '../fixtures/launch.ts';
import { startRedis } from '../fixtures/redis.ts';
import { type FleetNode, makeNode } from '../fleet/harness/node.ts';
import type { Effect } from '../fleet/servers/effects.ts';

/** An address before several nodes: each new connection goes to the first of them that takes it. */
async function startDoor(ports: readonly number[]): Promise<{ readonly port: number } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    return socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  };
  const server = createServer((client) => {
    const tryNode = (at: number): void => {
      const port = ports[at];
      if (port === undefined) return void keep(client).destroy();
      const node = connect(port, '127.0.0.1', () => {
        keep(client).pipe(keep(node)).pipe(client);
        client.on('close', () => node.destroy());
        node.on('close', () => client.destroy());
      });
      node.once('error', () => !node.readyState.startsWith('open') && tryNode(at + 1));
    };
    tryNode(0);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** All at once, so that none is given twice. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

test('a person who answers after the node was killed gets the answer of the tool, which took effect once', async () => {
  await using stack = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'breakwater-adoption-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const effects = join(folder, 'effects.ndjson');
  writeFileSync(effects, '');
  const redis = stack.use(await startRedis());
  const server = stack.use(
    await launchFixture('test/fleet/servers/modern-http.ts', [], { env: { EFFECTS_FILE: effects } }),
  );
  const nodes: FleetNode[] = [];
  const names = ['first', 'second', 'third'];
  const ports = await freePorts(2 * names.length);
  for (const [at, name] of names.entries()) {
    const file = join(folder, `${name}.yaml`);
    writeFileSync(
      file,
      stringify({
        store: redis.url,
        fleet: { secret: { env: 'BREAKWATER_TEST_SECRET' }, listen: { port: ports[at] } },
        upstreams: { it: { url: server.url } },
        routes: [{ path: '/mcp', upstreams: ['it'] }],
      }),
    );
    nodes.push(makeNode(name, ports[names.length + at] ?? 0, file, folder, SECRET));
  }
  stack.defer(async () => {
    await Promise.all(nodes.map((node) => node.kill()));
  });
  await Promise.all(nodes.map((node) => node.start()));
  const [first] = nodes;
  const door = stack.use(await startDoor(nodes.map(({ port }) => port)));

  const client = new Client({ name: 'v1', version: '1' }, { capabilities: { elicitation: {} } });
  stack.defer(() => client.close());
  client.onerror = () => undefined;
  const asked = Promise.withResolvers<void>();
  const thought = Promise.withResolvers<void>();
  client.setRequestHandler(ElicitRequestSchema, async () => {
    asked.resolve();
    await thought.promise;
    return { action: 'accept', content: { name: 'Ann' } };
  });
  const transport = new StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${door.port}/mcp`), {
    reconnectionOptions: {
      initialReconnectionDelay: 100,
      maxReconnectionDelay: 1_000,
      reconnectionDelayGrowFactor: 1.5,
      maxRetries: 60,
    },
  });
  await client.connect(transport as Transport);
  const calling = client.callTool({ name: 'ask', arguments: { call: 'c1' } }, undefined, { timeout: 100_000 });
  await asked.promise;
  await first?.kill();
  // The client comes back for its stream while the person still thinks.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  thought.resolve();
  expect(await calling).toMatchObject({ content: [{ type: 'text', text: 'asked c1: Ann' }] });
  const taken = readFileSync(effects, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  expect(taken.map((line) => (JSON.parse(line) as Effect).call)).toEqual(['c1']);
}, 120_000);

const SECRET = { BREAKWATER_TEST_SECRET: randomBytes(48).toString('base64') };
