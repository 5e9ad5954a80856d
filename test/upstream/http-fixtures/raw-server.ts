import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A JSON-RPC message as a raw server reads it. */
export interface RawMessage {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: unknown;
  readonly error?: { code: number; message: string };
}

/** One request that reached a raw server. */
export interface RawRequest {
  readonly verb: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** The body as JSON; an empty object when there is none. */
  readonly message: RawMessage;
}

/** Answers one request, however badly. */
export type RawHandler = (request: RawRequest, response: ServerResponse) => unknown;

/** A running raw server and everything it was sent. */
export interface RawServer extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly RawRequest[];
  /** The JSON-RPC methods it was sent, in order; `DELETE` and `GET` for those verbs, `answer` for responses. */
  readonly methods: readonly string[];
}

/** Starts a server without any SDK, which does exactly what `handler` does. */
export async function startRawServer(handler: RawHandler): Promise<RawServer> {
  const requests: RawRequest[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    const message = body === '' ? {} : (JSON.parse(body) as RawMessage);
    const raw = { verb: request.method ?? '', path: request.url ?? '', headers: request.headers, message };
    requests.push(raw);
    await handler(raw, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    requests,
    get methods() {
      return requests.map(({ verb, message }) => (verb === 'POST' ? (message.method ?? 'answer') : verb));
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Answers JSON. */
export function sendJson(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Record<string, string> = {},
) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
}

/** Answers a JSON-RPC result. */
export function sendResult(response: ServerResponse, { message }: RawRequest, result: unknown, headers = {}): void {
  sendJson(response, 200, { jsonrpc: '2.0', id: message.id, result }, headers);
}

/** Answers a JSON-RPC error. */
export function sendError(
  response: ServerResponse,
  status: number,
  request: RawRequest | undefined,
  error: object,
): void {
  sendJson(response, status, { jsonrpc: '2.0', id: request?.message.id ?? null, error });
}

/** Begins an event stream. */
export function openStream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.flushHeaders();
}

/** Writes an event with a JSON value, or, without one, an event with nothing but an id. */
export function sendEvent(
  response: ServerResponse,
  value: unknown,
  fields: { id?: string; retry?: number } = {},
): void {
  const id = fields.id === undefined ? '' : `id: ${fields.id}\n`;
  const retry = fields.retry === undefined ? '' : `retry: ${fields.retry}\n`;
  response.write(`${id}${retry}data: ${value === undefined ? '' : JSON.stringify(value)}\n\n`);
}

/** Breaks the connection off once what was written has left. */
export function cut(response: ServerResponse): void {
  response.write(': cut\n\n', () => response.destroy());
}

/** What a raw legacy server declares of itself. */
export interface LegacyTraits {
  readonly revision?: string;
  readonly capabilities?: object;
  /** False for a server without session ids. */
  readonly sessions?: boolean;
}

/**
 * Does the handshake of a legacy server (a new session id for each `initialize`, `s1`, `s2`, …) and refuses the modern probe; the rest is
 * up to `handler`, which gets GET and DELETE too.
 */
export function legacyHandler(handler: RawHandler, traits: LegacyTraits = {}): RawHandler {
  let sessions = 0;
  return (request, response) => {
    const { verb, message, headers } = request;
    if (verb === 'POST' && message.method === 'server/discover') {
      return sendError(response, 400, undefined, { code: -32000, message: 'Bad Request: Server not initialized' });
    }
    if (verb === 'POST' && message.method === 'initialize') {
      const { revision = '2025-11-25', capabilities = { tools: {} } } = traits;
      const result = { protocolVersion: revision, capabilities, serverInfo: { name: 'raw', version: '1' } };
      return sendResult(
        response,
        request,
        result,
        traits.sessions === false ? {} : { 'mcp-session-id': `s${++sessions}` },
      );
    }
    if (message.method === 'notifications/initialized') return response.writeHead(202).end();
    if (verb === 'DELETE' && headers['mcp-session-id'] !== undefined) return response.writeHead(200).end();
    return handler(request, response);
  };
}

/** Answers `server/discover` as a modern server; the rest is up to `handler`. */
export function modernHandler(handler: RawHandler, capabilities: object = { tools: {} }): RawHandler {
  return (request, response) => {
    if (request.message.method !== 'server/discover') return handler(request, response);
    const result = {
      resultType: 'complete',
      supportedVersions: ['2026-07-28'],
      capabilities,
      ttlMs: 0,
      cacheScope: 'private',
    };
    return sendResult(response, request, result);
  };
}
