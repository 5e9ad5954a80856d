import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Emit } from '../core/events.ts';
import type { Forwarded } from '../core/fleet.ts';
import type { PeerAddress } from './directory.ts';
import type { PeerStream } from './frame-link.ts';
import type { FleetKeys } from './keys.ts';
import { PEER_HEADER, readMark } from './peer-headers.ts';
import { keepAlive, serverTls } from './peer-tls.ts';

/** The path on which a peer asks whether this node is alive. */
export const ALIVE_PATH = '/alive';
/** The protocol of a remote handle; a change that an older node cannot read gets another name. */
export const HANDLE_PROTOCOL = 'breakwater-handle-1';

/** What the peer port serves. */
export interface PeerServerOptions {
  readonly keys: FleetKeys['peer'];
  readonly emit: Emit;
  readonly onForwarded: (request: IncomingMessage, response: ServerResponse, forwarded: Forwarded) => void;
  /** Takes a stream of frames. */
  readonly onHandle: (stream: PeerStream) => void;
}

// A request that is passed on brings its own headers (16 KiB) and what is said of it.
const MAX_HEADER_BYTES = 64 * 1024;
const MAX_CONNECTIONS = 10_000;
/** How long an unused connection stays; longer than peers keep it, so that a request never meets a connection that is just being closed. */
const IDLE_MS = 60_000;
const HEADERS_MS = 10_000;
const NOTICE_MS = 60_000;

/** The port on which the other nodes of the fleet are served, and nobody else. */
export class PeerServer {
  readonly #options: PeerServerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<TLSSocket>();
  readonly #forwarded = new WeakMap<IncomingMessage, Forwarded>();
  #lastNotice = Number.NEGATIVE_INFINITY;

  constructor(options: PeerServerOptions) {
    this.#options = options;
    this.#server = createServer({
      ...serverTls(options.keys),
      maxHeaderSize: MAX_HEADER_BYTES,
      keepAliveTimeout: IDLE_MS,
      headersTimeout: HEADERS_MS,
      // The body of a request that is passed on arrives as slowly as its client sends it.
      requestTimeout: 0,
    });
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.on('secureConnection', (socket) => this.#onSocket(socket));
    this.#server.on('tlsClientError', (error) => this.#onStranger(error));
    this.#server.on('request', (request, response) => this.#onRequest(request, response));
    this.#server.on('upgrade', (request, stream, head) => this.#onUpgrade(request, stream, head));
  }

  listen({ host, port }: PeerAddress): Promise<PeerAddress> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        this.#server.on('error', (error) => this.#notice('The peer port has a fault.', error));
        resolve({ host, port: (this.#server.address() as AddressInfo).port });
      });
    });
  }

  /** See {@link Forwarded}: kept beside the request, where nothing that a client sends can put it. */
  forwardedOf(request: IncomingMessage): Forwarded | undefined {
    return this.#forwarded.get(request);
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  #onSocket(socket: TLSSocket): void {
    keepAlive(socket);
    this.#sockets.add(socket);
    socket.on('error', () => undefined); // a 'close' follows
    socket.on('close', () => this.#sockets.delete(socket));
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    if (request.headers[PEER_HEADER] === undefined) {
      response.writeHead(request.url === ALIVE_PATH ? 204 : 404).end();
      return;
    }
    const forwarded = readMark(request.headers[PEER_HEADER]);
    if (forwarded === undefined) {
      response.writeHead(400).end();
      return;
    }
    hideMark(request);
    this.#forwarded.set(request, forwarded);
    this.#options.onForwarded(request, response, forwarded);
  }

  #onUpgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    if (request.headers.upgrade !== HANDLE_PROTOCOL) {
      stream.end('HTTP/1.1 426 Upgrade Required\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    stream.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${HANDLE_PROTOCOL}\r\n\r\n`);
    this.#options.onHandle({ stream, head });
  }

  #onStranger(error: Error): void {
    this.#notice('A connection to the peer port was refused: it has none of this fleet’s secrets.', error);
  }

  // Whoever can reach the port can cause these; the log must not be theirs to fill.
  #notice(message: string, error: Error): void {
    const now = performance.now();
    if (now - this.#lastNotice < NOTICE_MS) return;
    this.#lastNotice = now;
    this.#options.emit({ type: 'notice', level: 'warn', message, detail: { error } });
  }
}

// The request is served like any other from here on, and is not to show what peers say to each other.
function hideMark(request: IncomingMessage): void {
  delete request.headers[PEER_HEADER];
  // Node makes both views when they are first read, from as many raw headers as came: they must be there before one is taken out.
  delete request.headersDistinct[PEER_HEADER];
  const raw = request.rawHeaders;
  for (let at = raw.length - 2; at >= 0; at -= 2) {
    if (raw[at]?.toLowerCase() === PEER_HEADER) raw.splice(at, 2);
  }
}
