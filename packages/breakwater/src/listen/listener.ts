import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import { type AddressInfo, Server as NetServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ResolvedConfig, ResolvedTls } from '../config/secrets.ts';
import { readIp } from '../wire/ip.ts';
import { type Certificate, watchCertificate } from './certificate-watch.ts';
import type { Connections } from './connections.ts';
import { readPrefaces } from './preface.ts';

// As an import it would be read export by export, and one of them loads all of Node's `fetch`: a tenth of a start.
const { createServer } = process.getBuiltinModule('node:http');

/** What a listener serves with. */
export interface ListenerOptions {
  readonly connections: Connections;
  /** Whether an address is that of a listed proxy, by the configuration that is at work. */
  readonly isTrusted: (address: string) => boolean;
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void;
  /** Answers what the HTTP parser refuses, and what is no HTTP at all. */
  readonly handleClientError: (error: NodeJS.ErrnoException, socket: Duplex) => void;
  readonly notice: (
    level: 'info' | 'warn' | 'error',
    message: string,
    detail?: Readonly<Record<string, unknown>>,
  ) => void;
}

/** The public port, and beside it the one that sends plain HTTP to https. */
export interface Listener {
  readonly port: number;
  readonly isTls: boolean;
  readonly redirectPort: number | undefined;
  /** Takes over what can change while the ports are open: the certificate, the oldest version of TLS, HSTS. */
  reload(config: ResolvedConfig): void;
  /** Takes no new connections. */
  stop(): void;
  /** Drops idle connections again, and resolves when all are gone. */
  finish(): Promise<void>;
  /** Cuts every connection. */
  cut(): void;
}

/** Longest wait for one request's head (slow-header attack) and for an idle kept-alive connection, in ms. */
const HEADERS_TIMEOUT_MS = 20_000;
const KEEP_ALIVE_MS = 75_000;
/** Longest wait for a PROXY header or the first byte of TLS, and for a TLS handshake. */
const PREFACE_MS = 5_000;
const HANDSHAKE_MS = 10_000;

/** RFC 6797; a year, as browsers and scanners expect it. */
const HSTS = 'max-age=31536000';

/** Opens the ports of a configuration. Rejects with the system's error when one of them cannot be had. */
export async function openListener(config: ResolvedConfig, options: ListenerOptions): Promise<Listener> {
  const { listen } = config;
  const { connections } = options;
  let isStrict = sendsHsts(config);
  const http = {
    maxHeaderSize: config.limits.headerBytes,
    headersTimeout: HEADERS_TIMEOUT_MS,
    // Bodies have their own deadline (`timeouts.read`), which answers instead of cutting.
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    noDelay: true,
    // Node would refuse a request without Host by an empty 400; ours says what is wrong.
    requireHostHeader: false,
  };
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    if (isStrict) response.setHeader('strict-transport-security', HSTS);
    options.handle(request, response);
  };
  const tls =
    listen.tls === undefined
      ? undefined
      : process.getBuiltinModule('node:https').createServer({
          ...http,
          ...secureOptions(listen.tls),
          ALPNProtocols: ['http/1.1'],
          handshakeTimeout: HANDSHAKE_MS,
        });
  const main = tls ?? createServer(http);
  attend(main, serve);
  const kept = [guard(main, tls !== undefined)];
  const servers: (Server | TlsServer)[] = [main];
  let watch = tls === undefined || listen.tls === undefined ? undefined : followFiles(tls, listen.tls);
  let redirectPort: number | undefined;
  try {
    await bind(main, listen.host, listen.port);
    if (listen.tls?.redirectPort !== undefined) {
      const redirect = createServer(http);
      // RFC 6797 §7.2: never over plain HTTP.
      attend(redirect, options.handle);
      kept.push(guard(redirect, false));
      const httpsPort = portOf(main);
      redirect.prependListener('connection', (socket: Socket) => connections.noteRedirecting(socket, httpsPort));
      servers.push(redirect);
      await bind(redirect, listen.host, listen.tls.redirectPort);
      redirectPort = portOf(redirect);
    }
  } catch (error) {
    watch?.close();
    for (const server of servers) server.close();
    throw error;
  }
  const closed: Promise<void>[] = [];

  /** Serves requests, and what never becomes one, which still gets an answer that a program can read. */
  function attend(server: Server | TlsServer, handle: ListenerOptions['handle']): void {
    server.on('request', handle);
    // An unknown Expect may be ignored (RFC 9110 §10.1.1); Node's own answer to it is an empty 417.
    server.on('checkExpectation', handle);
    server.on('clientError', options.handleClientError);
  }

  function guard(server: Server | TlsServer, isTls: boolean): ReadonlySet<Socket> {
    if (!isTls && !listen.proxyProtocol) return new Set();
    return readPrefaces(server, {
      isTls,
      deadlineMs: PREFACE_MS,
      expectsHeader: ({ remoteAddress }) => {
        const address = remoteAddress === undefined ? undefined : readIp(remoteAddress);
        return listen.proxyProtocol && address !== undefined && options.isTrusted(address);
      },
      onHeader: (socket, header) => connections.note(socket, header),
      refuse: (code, socket) => {
        const error: NodeJS.ErrnoException = Object.assign(new Error(code), { code });
        options.handleClientError(error, socket);
      },
    });
  }

  function followFiles(server: TlsServer, settings: ResolvedTls): { close(): void } {
    return watchCertificate(settings.files, settings, {
      onChange: (certificate) => {
        server.setSecureContext(secureOptions({ ...settings, ...certificate }));
        options.notice('info', 'The changed certificate is at work for new connections.');
      },
      onFault: (message) =>
        options.notice('error', 'The changed certificate cannot be used; the running one stays.', { fault: message }),
    });
  }

  return {
    port: portOf(main),
    isTls: tls !== undefined,
    redirectPort,
    reload: (next) => {
      isStrict = sendsHsts(next);
      if (tls !== undefined && next.listen.tls !== undefined) {
        watch?.close();
        watch = followFiles(tls, next.listen.tls);
        tls.setSecureContext(secureOptions(next.listen.tls));
      }
      if (doorsOf(next) === doorsOf(config)) return;
      options.notice('warn', 'The changed "listen" settings are at work from the next start on.');
    },
    stop: () => {
      watch?.close();
      for (const server of servers) {
        closed.push(new Promise((resolve) => stopListening(server, resolve)));
      }
      for (const socket of kept.flatMap((each) => [...each])) socket.destroy();
    },
    finish: async () => {
      // It listens no more; this lets go of idle connections, and of Node's timer for slow ones.
      for (const server of servers) server.close(() => undefined);
      await Promise.all(closed);
    },
    cut: () => {
      for (const server of servers) server.closeAllConnections();
    },
  };
}

function sendsHsts({ listen, publicUrl }: ResolvedConfig): boolean {
  return listen.hsts && (listen.tls !== undefined || publicUrl?.startsWith('https:') === true);
}

function secureOptions({ cert, key, minVersion }: Certificate & Pick<ResolvedTls, 'minVersion'>) {
  return { cert, key, minVersion };
}

/** What of a configuration only a new start puts to work. */
function doorsOf({ listen }: ResolvedConfig): string {
  const { host, port, proxyProtocol, tls } = listen;
  return JSON.stringify([host, port, proxyProtocol, tls !== undefined, tls?.redirectPort]);
}

/**
 * Takes no new connections. Unlike `server.close()` of node:http it leaves those that are idle at this moment: a balancer may just be sending a request on
 * one, and must not repeat it elsewhere when that is cut.
 */
function stopListening(server: Server | TlsServer, onClosed: () => void): void {
  NetServer.prototype.close.call(server, onClosed);
}

function portOf(server: Server | TlsServer): number {
  return (server.address() as AddressInfo).port;
}

function bind(server: Server | TlsServer, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: host.replace(/^\[|\]$/g, ''), port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
