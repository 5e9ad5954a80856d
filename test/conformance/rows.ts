import { fileURLToPath } from 'node:url';
import type { LibraryConfig } from '../../packages/breakwater/src/index.ts';
import { createConformanceFactory } from '../fixtures/conformance-server/factory.ts';
import { launchFixture } from '../fixtures/launch.ts';
import { callModern, META } from '../requirements/support/clients.ts';
import { startGateway } from '../requirements/support/gateway.ts';
import { startWireTap, type WireTap } from './wire-tap.ts';

/** Something the suite can be run against. */
export interface Running extends AsyncDisposable {
  readonly url: string;
  /** What crossed between gateway and server, where this row listens in. */
  readonly tap?: WireTap;
}

/** One row of the table: a server, and how the suite reaches it. */
export interface Row {
  readonly name: string;
  /** Which revisions the server itself speaks. */
  readonly speaks: string;
  start(): Promise<Running>;
}

type UpstreamConfig = LibraryConfig['upstreams'][string];
type Era = 'modern' | 'legacy' | 'legacy-stateless' | 'dual' | 'sse';

const SERVER = 'test/fixtures/conformance-server/http.ts';
const STDIO_SERVER = fileURLToPath(new URL('../fixtures/conformance-server/stdio.ts', import.meta.url));
const STDIO = { command: process.execPath, args: [STDIO_SERVER] };

/** All rows of the table. The first is the server alone: what it does not pass, no gateway before it can. */
export const ROWS: readonly Row[] = [
  { name: 'no gateway: the server itself', speaks: 'both', start: () => launchFixture(SERVER, ['--era', 'dual']) },
  {
    name: 'in process',
    speaks: 'both',
    start: async () => behindGateway(new AsyncDisposableStack(), { factory: createConformanceFactory() }),
  },
  { name: 'stdio', speaks: 'both', start: async () => behindGateway(new AsyncDisposableStack(), STDIO) },
  {
    name: 'stdio, legacy',
    speaks: '2025-11-25',
    start: async () => behindGateway(new AsyncDisposableStack(), { ...STDIO, era: 'legacy' }),
  },
  { name: 'HTTP, modern', speaks: '2026-07-28', start: () => behindGatewayOverHttp('modern') },
  { name: 'HTTP, legacy', speaks: '2025-11-25', start: () => behindGatewayOverHttp('legacy') },
  {
    name: 'HTTP, legacy without sessions',
    speaks: '2025-11-25',
    start: () => behindGatewayOverHttp('legacy-stateless'),
  },
  { name: 'HTTP, dual', speaks: 'both', start: () => behindGatewayOverHttp('dual') },
  { name: 'HTTP+SSE of 2024', speaks: '2025-11-25', start: () => behindGatewayOverHttp('sse') },
];

/** Starts a gateway over one upstream; `resources` are what it stands on, and end after it. */
async function behindGateway(resources: AsyncDisposableStack, upstream: UpstreamConfig): Promise<Running> {
  const gateway = resources.use(await startGateway({ upstreams: { it: upstream } }));
  await warmUp(gateway.url);
  return { url: gateway.url, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

// The gateway starts a server when a client first needs it, and another process for a client that can be asked. The suite gives an answer's first
// event 600 ms (`server-stateless`, sep-2575-http-server-no-independent-requests-on-stream): on a busy machine less than a process takes to start.
async function warmUp(url: string): Promise<void> {
  for (const capabilities of [{}, { elicitation: {} }]) {
    const meta = { [META.capabilities]: capabilities };
    const { status, text } = await callModern(url, 'tools/call', { name: 'test_simple_text', arguments: {} }, { meta });
    if (status !== 200) throw new Error(`the server behind the gateway is not there: ${text}`);
  }
}

// Only the 2025 transport is listened in on: its messages are the proofs.
async function behindGatewayOverHttp(era: Era): Promise<Running> {
  const resources = new AsyncDisposableStack();
  const server = resources.use(await launchFixture(SERVER, ['--era', era]));
  if (!era.startsWith('legacy')) return await behindGateway(resources, { url: server.url });
  const tap = resources.use(await startWireTap(server.url));
  return { ...(await behindGateway(resources, { url: tap.url })), tap };
}
