import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type Breakwater,
  type BreakwaterOptions,
  createBreakwater,
  type GatewayEvent,
  type LibraryConfig,
} from '../../../packages/breakwater/src/index.ts';

/** A gateway that listens on a port of its own. */
export interface RunningGateway extends AsyncDisposable {
  /** The endpoint `/mcp`. */
  readonly url: string;
  /** Protocol, host and port. */
  readonly base: string;
  readonly breakwater: Breakwater;
  /** What it reported so far. */
  readonly events: readonly GatewayEvent[];
  /** Ends it; may be called again. */
  close(): Promise<void>;
}

/** Starts a gateway on a free port. `x-test-principal` says who asks, so that tests can be several people. */
export async function startGateway(config: LibraryConfig, options: BreakwaterOptions = {}): Promise<RunningGateway> {
  const events: GatewayEvent[] = [];
  const breakwater = await createBreakwater(config, {
    principalOf: (request) => ({ key: String(request.headers['x-test-principal'] ?? 'tester'), personal: true }),
    onEvent: (event) => events.push(event),
    ...options,
  });
  const server = createServer(breakwater);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= (async () => {
      await breakwater.close();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    })();
    return closing;
  };
  return { url: `${base}/mcp`, base, breakwater, events, close, [Symbol.asyncDispose]: close };
}

/** The kinds of resources that a gateway still holds open, with their numbers. */
export function stillOpen({ breakwater }: RunningGateway): [kind: string, count: number][] {
  return Object.entries(breakwater.counters().open).filter(([, count]) => count !== 0);
}
