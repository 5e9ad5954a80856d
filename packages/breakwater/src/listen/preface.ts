import type { Server, Socket } from 'node:net';
import { type ProxyHeader, readProxyHeader } from '../wire/proxy-header.ts';

/** What must be read of a connection before its protocol begins. */
export interface PrefaceOptions {
  /** Whether a connection begins with a PROXY header. Of one that should not, no byte is taken for one. */
  readonly expectsHeader: (socket: Socket) => boolean;
  /** What follows is TLS. */
  readonly isTls: boolean;
  readonly deadlineMs: number;
  readonly onHeader: (socket: Socket, header: ProxyHeader) => void;
  /** Answers what cannot be served; ends the socket. */
  readonly refuse: (code: 'ERR_PROXY_HEADER' | 'ERR_SSL_HTTP_REQUEST', socket: Socket) => void;
}

const TLS_HANDSHAKE = 0x16;
/** How long the answer to what cannot be served may take to be read. */
const LINGER_MS = 2_000;

/**
 * Puts a reader before a server: a connection is handed to it once its preface was read, with the bytes that follow. Returns the connections that were
 * not handed over, to be cut when the server closes.
 */
export function readPrefaces(server: Server, options: PrefaceOptions): ReadonlySet<Socket> {
  const serve = server.listeners('connection');
  const kept = new Set<Socket>();
  const handOver = (socket: Socket): void => {
    for (const listener of serve) Reflect.apply(listener, server, [socket]);
  };
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    if (!options.isTls && !options.expectsHeader(socket)) return handOver(socket);
    kept.add(socket);
    socket.once('close', () => kept.delete(socket));
    readPreface(socket, options, (rest) => {
      kept.delete(socket);
      socket.pause();
      if (rest.length > 0) socket.unshift(rest);
      handOver(socket);
      // A TLS server reads by itself; resumed, the socket would give its bytes to nobody.
      if (!options.isTls) socket.resume();
    });
  });
  return kept;
}

/** Reads until the preface is complete and calls `onRest` with what came after it, or refuses the connection. */
function readPreface(socket: Socket, options: PrefaceOptions, onRest: (rest: Buffer) => void): void {
  let needsHeader = options.expectsHeader(socket);
  let bytes: Buffer = Buffer.alloc(0);
  const cut = (): void => void socket.destroy();
  const stop = (): void => {
    clearTimeout(deadline);
    socket.off('data', onData).off('end', cut).off('error', cut);
  };
  const refuse = (code: 'ERR_PROXY_HEADER' | 'ERR_SSL_HTTP_REQUEST'): void => {
    stop();
    socket.on('error', cut).once('end', cut).resume();
    const linger = setTimeout(cut, LINGER_MS);
    socket.once('close', () => clearTimeout(linger));
    options.refuse(code, socket);
  };
  const onData = (chunk: Buffer): void => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    if (needsHeader) {
      const reading = readProxyHeader(bytes);
      if (reading.state === 'incomplete') return;
      if (reading.state === 'invalid') return refuse('ERR_PROXY_HEADER');
      options.onHeader(socket, reading.header);
      needsHeader = false;
      bytes = bytes.subarray(reading.bytes);
    }
    if (options.isTls) {
      if (bytes.length === 0) return;
      if (bytes[0] !== TLS_HANDSHAKE) return refuse('ERR_SSL_HTTP_REQUEST');
    }
    stop();
    onRest(bytes);
  };
  // Attack: a peer that sends the header byte by byte, or nothing, and keeps the connection.
  const deadline = setTimeout(() => (needsHeader ? refuse('ERR_PROXY_HEADER') : cut()), options.deadlineMs);
  socket.once('close', () => clearTimeout(deadline));
  socket.on('error', cut).on('end', cut).on('data', onData);
}
