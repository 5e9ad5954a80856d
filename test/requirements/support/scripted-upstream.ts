import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One HTTP request that the gateway sent. */
export interface SeenRequest {
  readonly verb: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Names and values by turns, as they were on the wire. */
  readonly rawHeaders: readonly string[];
  readonly body: string;
  /** The body parsed; undefined where there is none. */
  readonly message: Readonly<Record<string, unknown>> | undefined;
}

/** Answers one request; whatever it does with the response is what the gateway gets. */
export type Script = (request: SeenRequest, response: ServerResponse) => void;

/** A real HTTP server that does what a test tells it, and remembers what it was asked. */
export interface ScriptedUpstream extends AsyncDisposable {
  readonly url: string;
  readonly seen: readonly SeenRequest[];
  /** The requests with this JSON-RPC method. */
  calls(method: string): SeenRequest[];
  /** Resolves with the next request, seen or still to come, that fits. */
  until(fits: (request: SeenRequest) => boolean): Promise<SeenRequest>;
  close(): Promise<void>;
}

/** Starts a scripted upstream on a free port. */
export async function startScripted(script: Script): Promise<ScriptedUpstream> {
  const seen: SeenRequest[] = [];
  const waiting = new Set<(request: SeenRequest) => void>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      const { method: verb = '', url: path = '', headers, rawHeaders } = request;
      const made: SeenRequest = { verb, path, headers, rawHeaders, body, message: parse(body) };
      seen.push(made);
      for (const tell of waiting) tell(made);
      script(made, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    seen,
    calls: (method) => seen.filter(({ message }) => message?.['method'] === method),
    until: (fits) => {
      const known = seen.find(fits);
      if (known !== undefined) return Promise.resolve(known);
      return new Promise((resolve) => {
        const tell = (request: SeenRequest): void => {
          if (!fits(request)) return;
          waiting.delete(tell);
          resolve(request);
        };
        waiting.add(tell);
      });
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Sends one JSON body. */
export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text);
}

/** The response to a request as text, its id repeated as it was written. */
export function resultOf(request: SeenRequest, result: unknown): string {
  const text = typeof result === 'string' ? result : JSON.stringify(result);
  return `{"jsonrpc":"2.0","id":${JSON.stringify(request.message?.['id'])},"result":${text}}`;
}

/** The error response to a request. */
export function errorOf(request: SeenRequest, code: number, message: string, data?: unknown): object {
  const error = data === undefined ? { code, message } : { code, message, data };
  return { jsonrpc: '2.0', id: request.message?.['id'] ?? null, error };
}

/** Begins an event stream. */
export function beginStream(response: ServerResponse, headers: Record<string, string> = {}): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', ...headers });
}

/** Writes one message into an event stream. */
export function writeEvent(response: ServerResponse, message: unknown, id?: string): void {
  const text = typeof message === 'string' ? message : JSON.stringify(message);
  response.write(`${id === undefined ? '' : `id: ${id}\n`}data: ${text}\n\n`);
}

function parse(body: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined; // a GET or DELETE
  }
}
