import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls';
import type { Emit } from '../core/events.ts';
import type { Forwarded } from '../core/fleet.ts';
import type { Clock } from '../core/ports.ts';
import type { PeerAddress } from './directory.ts';
import type { PeerStream } from './frame-link.ts';
import type { FleetKeys } from './keys.ts';
import { LiveStream } from './live-stream.ts';
import { PEER_HEADER, readMark } from './peer-headers.ts';
import { framingOf, PeerSeal } from './peer-seal.ts';
import { keepAlive, serverTls } from './peer-tls.ts';

// Not by import: that would load all of Node's `fetch` (listen/listener.ts).
const { createServer } = process.getBuiltinModule('node:http');

/** The protocol of a remote handle; a change that an older node cannot read gets another name. */
export const HANDLE_PROTOCOL = 'breakwater-handle-1';

/** What the peer port serves. */
export interface PeerServerOptions {
  readonly keys: FleetKeys['peer'];
  readonly clock: Clock;
  readonly emit: Emit;
  readonly onForwarded: (request: IncomingMessage, response: ServerResponse, forwarded: Forwarded) => void;
  /** Takes a stream of frames. */
  readonly onHandle: (stream: PeerStream) => void;
}

// A request that is passed on brings its own headers (16 KiB) and what is said of it.
const MAX_HEADER_BYTES = 64 * 1024;
const MAX_CONNECTIONS = 10_000;
const NOTICE_MS = 60_000;

/** The port on which the other nodes of the fleet are served, and nobody else. */
export class PeerServer {
  readonly #options: PeerServerOptions;
  readonly #server: TlsServer;
  readonly #http: HttpServer;
  readonly #sockets = new Set<TLSSocket>();
  readonly #forwarded = new WeakMap<IncomingMessage, Forwarded>();
  #lastNotice = Number.NEGATIVE_INFINITY;

  constructor(options: PeerServerOptions) {
    this.#options = options;
    // Whether a connection lives, its beats say; and the body of a request that is passed on arrives as slowly as its client sends it.
    this.#http = createServer({ maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: 0, requestTimeout: 0 });
    this.#http.on('request', (request, response) => this.#onRequest(request, response));
    this.#http.on('upgrade', (request, stream, head) => this.#onUpgrade(request, stream, head));
    this.#server = createTlsServer(serverTls(options.keys), (socket) => this.#onSocket(socket));
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.on('tlsClientError', (error) => this.#onStranger(error));
  }

  listen({ host, port }: PeerAddress): Promise<PeerAddress> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      // Exclusive: workers share every other port, and this one would lead to any of them.
      this.#server.listen({ port, host, exclusive: true }, () => {
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
    this.#http.emit('connection', PeerSeal.give(new LiveStream(socket, this.#options.clock, 'working'), socket));
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const mark = this.#opened(request);
    const forwarded = mark === undefined ? undefined : readMark(mark);
    if (forwarded === undefined) return this.#onSlipped(request.socket);
    // Says to which request this is the answer.
    response.setHeader(PEER_HEADER, PeerSeal.of(request.socket).last);
    hideMark(request);
    this.#forwarded.set(request, forwarded);
    this.#options.onForwarded(request, response, forwarded);
  }

  #onUpgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    if (this.#opened(request) !== HANDLE_PROTOCOL || request.headers.upgrade !== HANDLE_PROTOCOL) {
      return this.#onSlipped(stream);
    }
    stream.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${HANDLE_PROTOCOL}\r\n\r\n`);
    this.#options.onHandle({ stream, head });
  }

  /** What the peer says of a request; undefined when no peer made it. */
  #opened({ method = '', url: path = '', headers, socket }: IncomingMessage): string | undefined {
    return PeerSeal.of(socket).open(headers[PEER_HEADER], { method, path, framing: framingOf(headers) });
  }

  // Nothing on this connection can be believed any more, not even where the next request begins.
  #onSlipped(stream: Duplex): void {
    stream.destroy();
    const message = 'A node sent a request that it did not seal: it is of another version, or somebody slipped it in.';
    this.#notice(message, new Error('not sealed'));
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
