import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { HeaderLines } from './exchange.ts';

/** Bytes to write as they stand. */
export interface RawInit {
  /** What the report calls it. */
  readonly label: string;
  /** Written one after the other; the next waits until the socket took the last. */
  readonly chunks: readonly (string | Buffer)[];
  /** What the report shows in place of the bytes. */
  readonly shown?: string;
  /** Closes the own half after writing (FIN). */
  readonly halfClose?: boolean;
  /** Does not read what comes. */
  readonly deaf?: boolean;
  /** How many answers to read; then the connection is left. 1 when absent. */
  readonly answers?: number;
  readonly waitMs?: number;
}

/** What came back. */
export interface RawAnswer {
  readonly sent: string;
  /** Everything received. */
  readonly text: string;
  /** Statuses of the HTTP answers in it, in order. */
  readonly statuses: readonly number[];
  /** The first HTTP answer. */
  readonly first: { readonly status: number; readonly headers: HeaderLines; readonly body: string } | undefined;
  /** The server closed the connection. */
  readonly closed: boolean;
}

const STATUS_LINE = /HTTP\/1\.[01] (\d{3})/g;
const SENT_SHOWN = 2_000;

/** Writes bytes to a fresh connection and reads until enough answers came, the server closed, or `signal` aborts. Never rejects. */
export async function exchangeBytes(url: URL, init: RawInit, signal: AbortSignal): Promise<RawAnswer> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const received: Buffer[] = [];
  const socket = open(url);
  const over = (): void => resolve(false);
  signal.addEventListener('abort', over, { once: true });
  socket.on('error', () => resolve(true));
  socket.once('close', () => resolve(true));
  if (init.deaf === true) socket.pause();
  else {
    socket.once('end', () => resolve(true));
    socket.on('data', (chunk: Buffer) => {
      received.push(chunk);
      if (isWhole(Buffer.concat(received).toString('latin1'), init.answers ?? 1)) resolve(false);
    });
  }
  void write(socket, init);
  const closed = await promise;
  signal.removeEventListener('abort', over);
  socket.destroy();
  const text = Buffer.concat(received).toString();
  return {
    sent: init.chunks.map(String).join('').slice(0, SENT_SHOWN),
    text,
    statuses: [...text.matchAll(STATUS_LINE)].map(([, status]) => Number(status)),
    first: parseHead(text),
    closed,
  };
}

function open(url: URL): Socket {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const isTls = url.protocol === 'https:';
  const port = url.port === '' ? (isTls ? 443 : 80) : Number(url.port);
  return isTls ? connectTls({ host, port, servername: host }) : connectTcp({ host, port, allowHalfOpen: true });
}

async function write(socket: Socket, { chunks, halfClose }: RawInit): Promise<void> {
  for (const chunk of chunks) {
    if (socket.destroyed || !socket.writable) return;
    await new Promise<void>((resolve) => socket.write(chunk, () => resolve()));
  }
  if (halfClose === true && !socket.destroyed) socket.end();
}

// Enough to know when to stop: answers here have a Content-Length, are chunked, or end with the connection.
function isWhole(text: string, wanted: number): boolean {
  let from = 0;
  for (let count = 0; count < wanted; count += 1) {
    const head = text.indexOf('\r\n\r\n', from);
    if (head < 0) return false;
    const lines = text.slice(from, head);
    const length = /^content-length: *(\d+)/im.exec(lines)?.[1];
    if (length !== undefined) from = head + 4 + Number(length);
    else if (/^transfer-encoding: *chunked/im.test(lines)) {
      const end = text.indexOf('\r\n0\r\n\r\n', head);
      if (end < 0) return false;
      from = end + 7;
    } else if (/^HTTP\/1\.[01] (204|304|202)/.test(lines)) from = head + 4;
    else return false;
    if (text.length < from) return false;
  }
  return true;
}

function parseHead(text: string): RawAnswer['first'] {
  const [, status] = /^HTTP\/1\.[01] (\d{3})/.exec(text) ?? [];
  if (status === undefined) return undefined;
  const end = text.indexOf('\r\n\r\n');
  const head = end < 0 ? text : text.slice(0, end);
  const headers = head
    .split('\r\n')
    .slice(1)
    .map((line): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]);
  return { status: Number(status), headers, body: end < 0 ? '' : text.slice(end + 4) };
}
