import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { App } from '../../packages/breakwater/src/app.ts';
import { parseLibraryConfig } from '../../packages/breakwater/src/config/library.ts';
import type { LibraryConfig } from '../../packages/breakwater/src/config/schema.ts';
import { resolveSecrets } from '../../packages/breakwater/src/config/secrets.ts';
import type { GatewayEvent } from '../../packages/breakwater/src/core/events.ts';

/** A gateway on a port of its own, with short deadlines and its own HTTP server as `serve` makes it. */
export interface Target extends AsyncDisposable {
  readonly port: number;
  readonly app: App;
  /** Faults of the gateway's own code that it reported. */
  readonly faults: readonly GatewayEvent[];
  close(): Promise<void>;
}

/** The longest the server itself lets a client be silent in the middle of a request. */
export const SERVER_PATIENCE_MS = 800;

/** Notices about the gateway's own code; others tell of upstreams, which are meant to be bad here. */
const OWN_FAULTS = /inside the gateway|release step|closed cleanly/;

/** Every deadline of a gateway that is fuzzed; what takes longer than a few of these hangs. */
export const TIMEOUTS = { read: '300ms', write: '2s', commit: '100ms', heartbeat: '1s', drain: '1s' } as const;

/** Starts a gateway over these upstreams. */
export async function startTarget(config: LibraryConfig): Promise<Target> {
  const resolved = await resolveSecrets(parseLibraryConfig({ timeouts: TIMEOUTS, ...config }), { env: process.env });
  if (!resolved.ok) throw new TypeError('the fuzzed configuration is invalid');
  const faults: GatewayEvent[] = [];
  const app = await App.open({
    config: resolved.config,
    principalOf: () => ({ key: 'fuzz', personal: true }),
    onEvent: (event) => {
      if (event.type === 'notice' && event.level === 'error' && OWN_FAULTS.test(event.message)) faults.push(event);
    },
  });
  const server = createServer(
    {
      maxHeaderSize: resolved.config.limits.headerBytes,
      headersTimeout: SERVER_PATIENCE_MS,
      requestTimeout: 0,
      connectionsCheckingInterval: 100,
      requireHostHeader: false,
    },
    (request, response) => app.handle(request, response),
  );
  server.on('checkExpectation', (request, response) => app.handle(request, response));
  server.on('clientError', (error, socket) => app.handleClientError(error, socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= (async () => {
      server.closeAllConnections();
      await app.close();
      await new Promise((resolve) => server.close(resolve));
    })();
    return closing;
  };
  return { port: (server.address() as AddressInfo).port, app, faults, close, [Symbol.asyncDispose]: close };
}
