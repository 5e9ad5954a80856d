import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { type AdminServer, serveAdmin } from './admin/server.ts';
import { App } from './app.ts';
import { openAuditLog } from './audit-log.ts';
import type { ResolvedConfig } from './config/secrets.ts';
import type { GatewayEvent } from './core/events.ts';
import { ambientPrincipal } from './principal.ts';
import { logEvent } from './telemetry/log.ts';

/** A gateway that listens. */
export interface RunningGateway {
  /** Where it really listens; the port is the one that was taken. */
  readonly address: { readonly host: string; readonly port: number };
  /** Where the admin port is, if there is one. */
  readonly adminAddress: { readonly host: string; readonly port: number } | undefined;
  /** Puts a new configuration to work; the address stays as it is. */
  reload(config: ResolvedConfig): Promise<void>;
  /** Stops listening, lets exchanges finish up to the drain time, and releases everything. */
  close(): Promise<void>;
}

/** Longest wait for one request's head (slow-header attack) and for an idle kept-alive connection, in ms. */
const HEADERS_TIMEOUT_MS = 20_000;
const KEEP_ALIVE_MS = 75_000;
/** How long the last answers may take to go out once the drain time is over. */
const LAST_WORDS_MS = 2_000;

/** Listens and serves. Rejects with the system's error when the address cannot be had, and when the audit log cannot be opened. */
export async function serve(config: ResolvedConfig, log: Logger): Promise<RunningGateway> {
  const { host, port } = config.listen;
  const principal = ambientPrincipal(host, config.publicUrl);
  const onEvent = (event: GatewayEvent): void => logEvent(log, event);
  const audit = await openAuditLog(config, onEvent);
  const app = new App({ config, principalOf: () => principal, onEvent, audit });
  const server = createServer(
    {
      maxHeaderSize: config.limits.headerBytes,
      headersTimeout: HEADERS_TIMEOUT_MS,
      // Bodies have their own deadline (`timeouts.read`), which answers instead of cutting.
      requestTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS,
      noDelay: true,
      // Node would refuse a request without Host by an empty 400; ours says what is wrong.
      requireHostHeader: false,
    },
    (request, response) => app.handle(request, response),
  );
  // An unknown Expect may be ignored (RFC 9110 §10.1.1); Node's own answer to it is an empty 417.
  server.on('checkExpectation', (request, response) => app.handle(request, response));
  // What the HTTP parser refuses never becomes a request; it still gets an answer a program can read.
  server.on('clientError', (error, socket) => app.handleClientError(error, socket));
  let admin: AdminServer | undefined;
  try {
    await listen(server, host, port);
    if (config.admin !== undefined)
      admin = await serveAdmin(config.admin, { metrics: () => app.metrics, status: () => app.status });
  } catch (error) {
    server.close();
    await app.close();
    throw error;
  }
  const address = server.address() as AddressInfo;
  return {
    address: { host, port: address.port },
    adminAddress: admin?.address,
    reload: (next) => app.reload(next),
    close: async () => {
      const stopped = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      // The app answers what is left when the drain time is over; then there is a moment to send it.
      const cut = setTimeout(() => server.closeAllConnections(), config.timeouts.drainMs + LAST_WORDS_MS);
      await app.close();
      server.closeIdleConnections();
      await stopped;
      clearTimeout(cut);
      // Last, so that it can be watched to the end.
      await admin?.close();
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
