import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import { type AdminServer, serveAdmin } from './admin/server.ts';
import { App } from './app.ts';
import { openAuditLog } from './audit-log.ts';
import type { ResolvedConfig } from './config/secrets.ts';
import type { GatewayEvent } from './core/events.ts';
import { directConnection } from './downstream/connection.ts';
import { trustProxies } from './downstream/trusted-proxies.ts';
import { Connections } from './listen/connections.ts';
import { type Listener, openListener } from './listen/listener.ts';
import { ambientPrincipal } from './principal.ts';
import { logEvent } from './telemetry/log.ts';
import { collectReadBuffers } from './upstream/read-buffers.ts';
import type { Connection } from './wire/forwarded.ts';
import type { ListenAddress, WorkerSeat } from './worker-seat.ts';

/** A gateway that listens. */
export interface RunningGateway {
  /** Where it really listens; the port is the one that was taken. */
  readonly address: ListenAddress;
  /** Where the admin port is, if there is one. */
  readonly adminAddress: { readonly host: string; readonly port: number } | undefined;
  /** Prometheus metrics in the text format; empty without an admin port. */
  metrics(): string;
  /** Counters, upstream states and load, as plain data. */
  status(): object;
  /** Puts a new configuration to work; the address stays as it is. */
  reload(config: ResolvedConfig): Promise<void>;
  /** Stops listening, lets exchanges finish up to the drain time, and releases everything. */
  close(): Promise<void>;
}

/** How long the last answers may take to go out once the drain time is over. */
const LAST_WORDS_MS = 2_000;

/** Listens and serves, as one of several workers when it has a seat. Rejects with the system's error when the address cannot be had, and when the audit log cannot be opened. */
export async function serve(config: ResolvedConfig, log: Logger, seat?: WorkerSeat): Promise<RunningGateway> {
  collectReadBuffers();
  const { host } = config.listen;
  const principal = ambientPrincipal(host, config.publicUrl);
  const onEvent = (event: GatewayEvent): void => logEvent(log, event);
  const audit = await openAuditLog(config, onEvent, seat?.index);
  const connections = new Connections(directConnection);
  const connectionOf = (request: IncomingMessage): Connection => connections.of(request);
  const app = await App.open({ config, principalOf: () => principal, connectionOf, onEvent, audit, seat });
  let isTrusted = trustProxies(config.trustedProxies);
  let listener: Listener | undefined;
  let admin: AdminServer | undefined;
  try {
    listener = await openListener(config, {
      connections,
      isTrusted: (address) => isTrusted(address),
      handle: (request, response) => app.handle(request, response),
      handleClientError: (error, socket) => app.handleClientError(error, socket),
      notice: (level, message, detail) => onEvent({ type: 'notice', level, message, ...(detail && { detail }) }),
    });
    // For workers the primary has the admin port: nobody could choose which of them answers.
    if (config.admin !== undefined && seat === undefined)
      admin = await serveAdmin(config.admin, { metrics: () => app.metrics, status: () => app.status });
  } catch (error) {
    listener?.stop();
    await app.close();
    throw error;
  }
  const { port, redirectPort, isTls } = listener;
  const open = listener;
  return {
    address: { host, port, isTls, redirectPort },
    adminAddress: admin?.address,
    metrics: () => app.metrics,
    status: () => app.status,
    reload: async (next) => {
      isTrusted = trustProxies(next.trustedProxies);
      open.reload(next);
      await app.reload(next);
    },
    close: async () => {
      open.stop();
      // The app answers what is left when the drain time is over; then there is a moment to send it.
      const cut = setTimeout(() => {
        app.cut();
        open.cut();
      }, config.timeouts.drainMs + LAST_WORDS_MS);
      await app.close();
      await open.finish();
      clearTimeout(cut);
      // Last, so that it can be watched to the end.
      await admin?.close();
    },
  };
}
