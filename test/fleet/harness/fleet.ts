import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { launchFixture } from '../../fixtures/launch.ts';
import { startTcpProxy, type TcpProxy } from '../../fixtures/tcp-proxy.ts';
import type { Effect } from '../servers/effects.ts';
import { type Balancer, startBalancer } from './balancer.ts';
import { type FleetNode, makeNode } from './node.ts';

/** Three nodes behind a balancer, before servers of three kinds; every network path that a test cuts goes through a proxy. */
export interface TestFleet extends AsyncDisposable {
  readonly nodes: readonly FleetNode[];
  /** From each node to the store; none when the store is not one address. */
  readonly storeLinks: readonly TcpProxy[];
  /** To the peer port of each node. */
  readonly peerLinks: readonly TcpProxy[];
  /** Address of a route behind the balancer. */
  url(route: Route): string;
  /** What took effect so far. */
  effects(): readonly Effect[];
  /** Where logs are. */
  readonly folder: string;
}

/** Routes by the kind of server behind them. */
export type Route = '/stdio' | '/legacy' | '/modern';

const SERVERS = fileURLToPath(new URL('../servers/', import.meta.url));
const LEASE = '2s';

/** Starts everything. With `storePort` each node reaches a single store through a link of its own; otherwise all use `storeUrl`. */
export async function startFleet(options: {
  readonly balancer: 'nginx' | 'haproxy';
  readonly storePort?: number;
  readonly storeUrl?: string;
}): Promise<TestFleet> {
  await using stack = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'breakwater-fleet-'));
  if (process.env['KEEP_LOGS'] === undefined) stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const effectsFile = join(folder, 'effects.ndjson');
  writeFileSync(effectsFile, '');
  const env = { EFFECTS_FILE: effectsFile };
  const legacy = stack.use(await launchFixture('test/fleet/servers/legacy-http.ts', [], { env }));
  const modern = stack.use(await launchFixture('test/fleet/servers/modern-http.ts', [], { env }));
  const upstreams = {
    program: { command: process.execPath, args: [join(SERVERS, 'legacy-stdio.ts')], env },
    sessions: { url: legacy.url },
    stateless: { url: modern.url },
  };
  const ports = await freePorts(7);
  const storeLinks: TcpProxy[] = [];
  const peerLinks: TcpProxy[] = [];
  const nodes: FleetNode[] = [];
  const secret = { BREAKWATER_TEST_SECRET: randomBytes(48).toString('base64') };
  for (const at of [0, 1, 2]) {
    const peerPort = ports[3 + at] ?? 0;
    const peerLink = stack.use(await startTcpProxy(peerPort));
    peerLinks.push(peerLink);
    let store = options.storeUrl ?? '';
    if (options.storePort !== undefined) {
      const link = stack.use(await startTcpProxy(options.storePort));
      storeLinks.push(link);
      store = `redis://127.0.0.1:${link.port}`;
    }
    const file = join(folder, `node-${at + 1}.yaml`);
    writeFileSync(
      file,
      stringify({
        store,
        fleet: {
          secret: { env: 'BREAKWATER_TEST_SECRET' },
          listen: { port: peerPort },
          advertise: `127.0.0.1:${peerLink.port}`,
          lease: LEASE,
        },
        upstreams,
        routes: [
          { path: '/stdio', upstreams: ['program'] },
          { path: '/legacy', upstreams: ['sessions'] },
          { path: '/modern', upstreams: ['stateless'] },
        ],
        timeouts: { drain: '10s' },
      }),
    );
    const node = makeNode(`node-${at + 1}`, ports[at] ?? 0, file, folder, secret);
    stack.defer(() => node.kill());
    nodes.push(node);
  }
  await Promise.all(nodes.map((node) => node.start()));
  const balancer: Balancer = stack.use(
    await startBalancer(
      options.balancer,
      ports[6] ?? 0,
      nodes.map(({ port }) => port),
      folder,
    ),
  );
  const rest = stack.move();
  return {
    nodes,
    storeLinks,
    peerLinks,
    folder,
    url: (route) => `http://127.0.0.1:${balancer.port}${route}`,
    effects: () =>
      readFileSync(effectsFile, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Effect),
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  };
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(
    servers.map(async (server) => {
      server.close();
      await once(server, 'close');
    }),
  );
  return ports;
}
