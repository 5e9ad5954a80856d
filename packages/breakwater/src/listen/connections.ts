import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Connection } from '../wire/forwarded.ts';
import type { ProxyHeader } from '../wire/proxy-header.ts';

/** Knows of each open connection what its socket does not tell: what a PROXY header said, and by which port it came. */
export class Connections {
  readonly #direct: (request: IncomingMessage) => Connection;
  // By address and port of both ends: over TLS the request's socket is another object than the one whose header was read.
  readonly #headers = new Map<string, ProxyHeader>();
  readonly #httpsPorts = new WeakMap<object, number>();

  /** @param direct says what the socket alone tells. */
  constructor(direct: (request: IncomingMessage) => Connection) {
    this.#direct = direct;
  }

  /** Remembers what a proxy said of a connection, as long as it is open. */
  note(socket: Socket, header: ProxyHeader): void {
    const key = keyOf(socket);
    this.#headers.set(key, header);
    socket.once('close', () => this.#headers.delete(key));
  }

  /** Marks a connection to the port that only sends people to https. */
  noteRedirecting(socket: Socket, httpsPort: number): void {
    this.#httpsPorts.set(socket, httpsPort);
  }

  /** How a request came in. */
  of(request: IncomingMessage): Connection {
    const direct = { ...this.#direct(request), httpsPort: this.#httpsPorts.get(request.socket) };
    const header = this.#headers.size === 0 ? undefined : this.#headers.get(keyOf(request.socket));
    if (header === undefined) return direct;
    if (header.kind === 'unnamed') return { ...direct, isUnnamed: true };
    return { ...direct, peer: header.address, protocol: header.encrypted ? 'https' : direct.protocol };
  }
}

function keyOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
