import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { App } from './app.ts';
import type { ResolvedConfig } from './config/secrets.ts';
import { ambientPrincipal } from './principal.ts';
import { logEvent } from './telemetry/log.ts';

/** A gateway that listens. */
export interface RunningGateway {
  /** Where it really listens; the port is the one that was taken. */
  readonly address: { readonly host: string; readonly port: number };
  /** Puts a new configuration to work; the address stays as it is. */
  reload(config: ResolvedConfig): Promise<void>;
  /** Stops listening, lets exchanges finish up to the drain time, and releases everything. */
  close(): Promise<void>;
}

/** Longest wait for one request's head (slow-header attack) and for an idle kept-alive connection, in ms. */
const HEADERS_TIMEOUT_MS = 20_000;
const KEEP_ALIVE_MS = 75_000;

/** Listens and serves. Rejects with the system's error when the address cannot be had. */
export async function serve(config: ResolvedConfig, log: Logger): Promise<RunningGateway> {
  const { host, port } = config.listen;
  const principal = ambientPrincipal(host, config.publicUrl);
  const app = new App({ config, principalOf: () => principal, onEvent: (event) => logEvent(log, event) });
  const server = createServer(
    {
      maxHeaderSize: config.limits.headerBytes,
      headersTimeout: HEADERS_TIMEOUT_MS,
      // Bodies have their own deadline (`timeouts.read`), which answers instead of cutting.
      requestTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS,
      noDelay: true,
    },
    (request, response) => app.handle(request, response),
  );
  refuseBrokenRequests(server);
  await listen(server, host, port);
  const address = server.address() as AddressInfo;
  return {
    address: { host, port: address.port },
    reload: (next) => app.reload(next),
    close: async () => {
      const stopped = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const cut = setTimeout(() => server.closeAllConnections(), config.timeouts.drainMs);
      await app.close();
      server.closeIdleConnections();
      await stopped;
      clearTimeout(cut);
    },
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: host.replace(/^\[|\]$/g, ''), port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

const BROKEN: Readonly<Record<string, readonly [status: string, message: string]>> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'The request head is larger than this gateway accepts.'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'The request head did not arrive in time.'],
};

// What the HTTP parser refuses never becomes a request; it still gets an answer a program can read.
function refuseBrokenRequests(server: Server): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (!socket.writable || socket.destroyed || error.code === 'ECONNRESET') return void socket.destroy();
    const [status, message] = BROKEN[error.code ?? ''] ?? ['400 Bad Request', 'This is not a valid HTTP/1.1 request.'];
    const body = JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: -32600, message } });
    socket.end(`HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);
  });
}
