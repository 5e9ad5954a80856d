import { connect, type Socket } from 'node:net';
import { ReplyBody, type ReplyHead, readHead } from './http-reply.ts';

/** One complete HTTP response. */
export interface HttpReply extends ReplyHead {
  readonly body: Buffer;
}

interface Waiting {
  readonly resolve: (reply: HttpReply) => void;
  readonly reject: (error: Error) => void;
}

/** No byte for this long while a reply is due is an error; it bounds every exchange of the bench. */
const SILENCE_MS = 10_000;
const MAX_HEAD_BYTES = 64 * 1024;
const HEAD_END = Buffer.from('\r\n\r\n');

/**
 * One keep-alive HTTP/1.1 client connection with one exchange at a time. Written on raw sockets because the load generator shares
 * a core with the upstream: undici would cost more there than the server it measures. Reconnects by itself when the other
 * side closed an idle connection.
 */
export class HttpConnection {
  readonly #host: string;
  readonly #port: number;
  #socket: Socket | undefined;
  #waiting: Waiting | undefined;
  #pendingHead: Buffer | undefined;
  #head: ReplyHead | undefined;
  #body: ReplyBody | undefined;

  constructor(url: URL) {
    this.#host = url.hostname;
    this.#port = Number(url.port);
  }

  /** Sends one request, given whole and in ASCII, and resolves with its complete response. Rejects on any transport failure. */
  exchange(request: string): Promise<HttpReply> {
    if (this.#waiting) return Promise.reject(new TypeError('one exchange at a time'));
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket ??= this.#openSocket();
      this.#socket.write(request, 'latin1');
    });
  }

  /** Cuts the connection; an exchange in progress rejects. */
  close(): void {
    this.#fail(new Error('closed by the load generator'));
  }

  #openSocket(): Socket {
    const socket = connect({ host: this.#host, port: this.#port, noDelay: true });
    socket.setTimeout(SILENCE_MS);
    socket.on('data', (chunk: Buffer) => this.#takeChunk(chunk));
    socket.on('timeout', () => {
      if (this.#waiting) socket.destroy(new Error(`no byte for ${SILENCE_MS} ms`));
    });
    socket.on('error', (error) => this.#fail(error, socket));
    socket.on('close', () => this.#endOfSocket(socket));
    return socket;
  }

  #endOfSocket(socket: Socket): void {
    if (socket !== this.#socket) return;
    if (this.#head && this.#body?.endsWithSocket) this.#finish();
    else this.#fail(new Error('connection closed before the reply was complete'), socket);
  }

  #takeChunk(chunk: Buffer): void {
    if (this.#body) {
      this.#takeBody(chunk);
      return;
    }
    const bytes = this.#pendingHead ? Buffer.concat([this.#pendingHead, chunk]) : chunk;
    const end = bytes.indexOf(HEAD_END);
    if (end === -1) {
      this.#pendingHead = bytes;
      if (bytes.length > MAX_HEAD_BYTES) this.#fail(new Error('response head too long'));
      return;
    }
    this.#pendingHead = undefined;
    this.#head = readHead(bytes.toString('latin1', 0, end));
    this.#body = new ReplyBody(this.#head);
    this.#takeBody(bytes.subarray(end + HEAD_END.length));
  }

  #takeBody(chunk: Buffer): void {
    const state = this.#body?.push(chunk);
    if (state === 'complete') this.#finish();
    else if (state === 'broken') this.#fail(new Error('broken response framing'));
  }

  #finish(): void {
    const [waiting, head, body] = [this.#waiting, this.#head, this.#body];
    this.#waiting = undefined;
    this.#head = undefined;
    this.#body = undefined;
    if (!waiting || !head || !body) {
      this.#fail(new Error('a reply nobody asked for'));
      return;
    }
    if (head.closes || body.endsWithSocket) this.#dropSocket();
    waiting.resolve({ ...head, body: body.bytes() });
  }

  #fail(error: Error, socket = this.#socket): void {
    if (socket !== this.#socket) return;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.#pendingHead = undefined;
    this.#head = undefined;
    this.#body = undefined;
    this.#dropSocket();
    waiting?.reject(error);
  }

  #dropSocket(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.destroy();
  }
}
