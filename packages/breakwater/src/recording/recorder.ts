import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { HeaderLines } from '../doctor/exchange.ts';
import { failureOf, linesOf } from '../doctor/http.ts';
import { isLoopbackHost } from '../doctor/target.ts';
import { TapBudget } from './body-tap.ts';
import { ExchangeNotes, type NotesInit } from './exchange-notes.ts';
import type { Pseudonyms } from './pseudonyms.ts';
import type { RecordedExchange } from './record.ts';

/** What a recorder is made of. */
export interface RecorderInit {
  /** The server behind it; every path of its origin passes. */
  readonly target: URL;
  readonly names: Pseudonyms;
  readonly keepValues: boolean;
  /** Called once for each exchange, when it is over. */
  readonly onExchange: (record: RecordedExchange) => void;
}

/** Bytes of bodies that are held at one time. */
const TAP_BYTES = 64 * 1_048_576;
/** RFC 9110 §7.6.1; the rest of the head passes as it is. */
const HOP_BY_HOP =
  /^(connection|keep-alive|proxy-connection|proxy-authenticate|proxy-authorization|te|trailer|transfer-encoding|upgrade|http2-settings)$/i;

/** A reverse proxy before one server that notes what passes. Streams pass as they come; a slow reader slows the server, not the memory. */
export class Recorder {
  readonly server: Server;
  readonly #init: RecorderInit;
  readonly #budget = new TapBudget(TAP_BYTES);
  readonly #open = new Set<ExchangeNotes>();
  readonly #began = performance.now();
  #count = 0;

  constructor(init: RecorderInit) {
    this.#init = init;
    // Timeouts are the server's business: whoever stands between must not end what the two agreed to leave open.
    this.server = createServer({ requestTimeout: 0, keepAliveTimeout: 5_000 }, (request, response) =>
      this.#pass(request, response),
    );
  }

  /** Ends: open exchanges are noted as far as they came. */
  async close(): Promise<void> {
    for (const notes of [...this.#open]) notes.finish('recorder-stopped');
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }

  #pass(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? '/';
    if (!isForUs(request)) return refuse(response, 403, 'Send the Host header of the address the recorder listens on.');
    if (!path.startsWith('/') || path.startsWith('//'))
      return refuse(response, 400, 'Send a path, such as POST /mcp; the recorder stands before one server alone.');
    const notes = this.#note(request, path);
    const { target } = this.#init;
    const outgoing = (target.protocol === 'https:' ? httpsRequest : httpRequest)({
      host: target.hostname.replace(/^\[|\]$/g, ''),
      port: target.port,
      method: request.method,
      path,
      headers: headersToServer(linesOf(request), target.host) as unknown as OutgoingHttpHeaders,
      agent: false,
      maxHeaderSize: 65_536,
    });
    request.on('data', (chunk: Buffer) => notes.request.push(chunk));
    request.pipe(outgoing);
    outgoing.once('response', (answer) => this.#answer(answer, response, notes));
    outgoing.on('error', (error) => {
      notes.finish(response.headersSent ? 'server-left' : 'no-answer');
      if (response.headersSent) response.destroy();
      else refuse(response, 502, `The server behind the recorder gave no answer: ${failureOf(error)}.`);
    });
    response.once('close', () => {
      notes.finish(response.writableFinished ? 'complete' : 'client-left');
      outgoing.destroy();
    });
  }

  #answer(answer: IncomingMessage, response: ServerResponse, notes: ExchangeNotes): void {
    const lines = linesOf(answer);
    notes.answered(answer.statusCode ?? 502, lines);
    response.writeHead(answer.statusCode ?? 502, lines.filter(([name]) => !HOP_BY_HOP.test(name)).flat());
    // A stream's head must not wait for its first event.
    response.flushHeaders();
    answer.on('data', (chunk: Buffer) => notes.response?.push(chunk));
    answer.pipe(response);
    answer.once('close', () => {
      if (answer.complete) return;
      notes.finish('server-left');
      response.destroy();
    });
  }

  #note(request: IncomingMessage, path: string): ExchangeNotes {
    const { names, keepValues, onExchange } = this.#init;
    const agent = request.headers['user-agent'] ?? '';
    const init: NotesInit = {
      n: ++this.#count,
      atMs: performance.now() - this.#began,
      client: `client-${names.bare('client', `${request.socket.remoteAddress ?? ''}\0${agent}`)}`,
      method: request.method ?? 'GET',
      path,
      headers: linesOf(request),
      names,
      keepValues,
      budget: this.#budget,
    };
    const notes = new ExchangeNotes(init, (record) => {
      this.#open.delete(notes);
      onExchange(record);
    });
    this.#open.add(notes);
    return notes;
  }
}

// Attack: a web page whose name resolves to this machine (DNS rebinding) would reach the server behind us, which sees a Host of its own.
function isForUs({ headers, socket }: IncomingMessage): boolean {
  const local = socket.localAddress ?? '';
  if (!/^(127\.|::1$|::ffff:127\.)/.test(local)) return true;
  const host = URL.parse(`http://${headers.host ?? ''}`)?.hostname;
  return host !== undefined && isLoopbackHost(host);
}

function headersToServer(lines: HeaderLines, host: string): string[] {
  const passed = lines.filter(([name]) => {
    const lower = name.toLowerCase();
    // Without Accept-Encoding, since what is compressed cannot be redacted, only left out.
    return !HOP_BY_HOP.test(lower) && lower !== 'host' && lower !== 'accept-encoding';
  });
  const isChunked = lines.some(([name]) => name.toLowerCase() === 'transfer-encoding');
  return [
    ...['Host', host],
    ...passed.flat(),
    ...(isChunked ? ['Transfer-Encoding', 'chunked'] : []),
    ...['Connection', 'close'],
  ];
}

function refuse(response: ServerResponse, status: number, message: string): void {
  const body = JSON.stringify({ error: { code: status === 502 ? 'no-answer' : 'refused', message } });
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' }).end(body);
}
