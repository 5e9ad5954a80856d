import type { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { forgetLast } from './last-answers.ts';

const CHUNK_END = Buffer.from('\r\n');
const LAST_CHUNK = Buffer.from('0\r\n\r\n');
/** What `node:http` listens to on a connection. */
const HTTP_EVENTS = ['data', 'end', 'close', 'drain', 'error', 'timeout', 'pause', 'resume'] as const;

/** Each connection has wrappers of its own for these. Set, not deleted: a socket with a deleted property is five times as large. */
const { on, addListener, prependListener } = Socket.prototype;
const UNWRAPPED = { on, addListener, prependListener };

/** Who writes a response hears of this. */
export interface OutletEvents {
  readonly onDrain: () => void;
  readonly onClose: () => void;
}

/**
 * The rest of a response whose connection has left `node:http`: bytes in chunks (RFC 9112 §7.1), on the socket itself. The parser, the request and the
 * response that Node keeps for each connection are two thirds of what an open stream costs, and a stream that lives for hours needs none of them.
 */
export class BareResponse {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get socket(): Socket {
    return this.#socket;
  }

  get destroyed(): boolean {
    return this.#socket.destroyed;
  }

  get writableLength(): number {
    return this.#socket.writableLength;
  }

  get writableEnded(): boolean {
    return this.#socket.writableEnded;
  }

  get writableFinished(): boolean {
    return this.#socket.writableFinished;
  }

  /** @param encoding of text, in which each character is one byte. */
  write(bytes: Buffer | string, encoding: 'latin1' = 'latin1'): boolean {
    const socket = this.#socket;
    if (typeof bytes === 'string') return socket.write(`${bytes.length.toString(16)}\r\n${bytes}\r\n`, encoding);
    socket.cork();
    socket.write(`${bytes.length.toString(16)}\r\n`, 'latin1');
    socket.write(bytes);
    const isTaken = socket.write(CHUNK_END);
    socket.uncork();
    return isTaken;
  }

  end(last?: string, encoding?: 'latin1'): void {
    if (last !== undefined) this.write(last, encoding);
    this.#socket.write(LAST_CHUNK);
    this.#socket.destroySoon();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/**
 * Takes the connection of a response out of `node:http` and returns what goes on with it; undefined where that cannot be done, and then nothing has
 * changed. The head, with `connection: close`, must be on its way, and must not be called while Node's parser runs. What the client still sends ends it.
 */
export function leaveHttp(res: ServerResponse, { onDrain, onClose }: OutletEvents): BareResponse | undefined {
  const { socket, req } = res;
  if (!(socket instanceof Socket) || !canLeave(res, socket)) return undefined;
  res.off('drain', onDrain).off('close', onClose);
  res.detachSocket(socket);
  // Node gives back the parser of a connection that closes, and forgets its request: both are over for it.
  socket.emit('close', false);
  for (const event of HTTP_EVENTS) socket.removeAllListeners(event);
  socket.on('drain', onDrain).on('close', onClose).on('error', noteNothing).on('end', cut).on('data', cut);
  Object.assign(socket, UNWRAPPED);
  req.removeAllListeners();
  forgetLast(socket);
  return new BareResponse(socket);
}

function canLeave(res: ServerResponse, socket: Socket): boolean {
  const { req } = res;
  // Over TLS others listen on the socket too, and what can be saved is the lesser part. By its mark: its class would load all of TLS at every start.
  if ('encrypted' in socket || socket.destroyed || socket.writableLength > 0) return false;
  if (!res.headersSent || res.writableEnded || res.writableLength > 0 || !isChunked(res)) return false;
  if (res.listenerCount('close') !== 1 || !req.complete || !req.readableEnded) return false;
  return isAlone(req);
}

/** True when no other request has followed on the same connection. By what Node's next version may do without: then streams stay where they are. */
export function isAlone(req: IncomingMessage): boolean {
  const { parser } = req.socket as { readonly parser?: { readonly incoming?: unknown } | null };
  return parser?.incoming === req;
}

function isChunked({ req, shouldKeepAlive, chunkedEncoding }: ServerResponse): boolean {
  return req.httpVersion === '1.1' && chunkedEncoding && !shouldKeepAlive;
}

function cut(this: Socket): void {
  this.destroy();
}

function noteNothing(): void {
  // The connection broke; its close says all that matters.
}
