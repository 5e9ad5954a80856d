/**
 * The MCP server every contender stands in front of: raw `node:http`, prebuilt bodies, counts per method. It serves both eras at `/mcp` and one of
 * them alone at `/legacy` and `/modern`. Run alone with `node bench/upstream.ts [port [ms]]`, where idle connections end after so many ms; it prints `listening <url>`. Counts are at `/__counts`.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { announce } from './announce.ts';
import {
  CAPABILITIES,
  LEGACY_REVISION,
  LIST_RESULTS,
  MODERN_REVISION,
  REVISION_KEY,
  SERVER_INFO,
  writeBigText,
} from './upstream-bodies.ts';
import {
  type Call,
  type Message,
  sendError,
  sendJson,
  sendResult,
  writeEnvelopeStart,
  writeEvent,
} from './upstream-replies.ts';

/** A running upstream. */
export interface Upstream {
  /** The MCP endpoint. */
  readonly url: string;
  /** Requests seen since the start, by JSON-RPC method, and `GET`, `DELETE`. */
  readonly counts: ReadonlyMap<string, number>;
  /** Stops listening and cuts every connection. */
  close(): Promise<void>;
}

interface State {
  readonly counts: Map<string, number>;
  readonly sessions: Set<string>;
  readonly feeds: Set<ServerResponse>;
}

const LEGACY_PATH = '/legacy';
const MODERN_PATH = '/modern';
const MAX_BODY_BYTES = 4 * 1024 * 1024;
const MODERN_FIELDS = { resultType: 'complete', _meta: { 'io.modelcontextprotocol/serverInfo': SERVER_INFO } };
const MODERN_TAIL = JSON.stringify(MODERN_FIELDS).slice(1);
const LEGACY_LISTS = serialise((result) => result);
const MODERN_LISTS = serialise((result) => ({ ...result, ...MODERN_FIELDS, ttlMs: 60_000, cacheScope: 'public' }));
const BIG_CONTENT = JSON.stringify([{ type: 'text', text: writeBigText() }]);
const LEGACY_BIG = Buffer.from(`{"content":${BIG_CONTENT}}`);
const MODERN_BIG = Buffer.from(`{"content":${BIG_CONTENT},${MODERN_TAIL}`);

/** Starts the upstream on 127.0.0.1; port 0 lets the system choose. */
export async function startUpstream(port = 0, keepAliveTimeout = 120_000): Promise<Upstream> {
  const state: State = { counts: new Map(), sessions: new Set(), feeds: new Set() };
  const server = createServer({ keepAliveTimeout }, (req, res) => answerRequest(state, req, res));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', 1024, resolve);
  });
  const address = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${address.port}/mcp`, counts: state.counts, close: () => closeServer(server) };
}

function answerRequest(state: State, req: IncomingMessage, res: ServerResponse): void {
  if (req.method === 'POST') {
    collectBody(req, res, (body) => answerPost(state, req, res, body));
  } else if (req.url === '/__counts') {
    const counts = Object.fromEntries(state.counts);
    sendJson(res, 200, JSON.stringify({ counts, sessions: state.sessions.size, feeds: state.feeds.size }));
  } else if (req.url === MODERN_PATH) {
    sendJson(res, 405, '');
  } else if (req.method === 'GET') {
    openFeed(state, req, res);
  } else if (req.method === 'DELETE') {
    count(state, 'DELETE');
    sendJson(res, state.sessions.delete(String(req.headers['mcp-session-id'])) ? 200 : 404, '');
  } else {
    sendJson(res, 405, '');
  }
}

function collectBody(req: IncomingMessage, res: ServerResponse, done: (body: Buffer) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  req.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) res.destroy();
    else chunks.push(chunk);
  });
  req.on('end', () => done(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
}

function answerPost(state: State, req: IncomingMessage, res: ServerResponse, body: Buffer): void {
  let message: Message;
  try {
    message = JSON.parse(body.toString()) as Message;
  } catch {
    // Not JSON: the answer is the protocol's own, and the load generator counts it as an error.
    sendJson(res, 400, '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Not JSON"}}');
    return;
  }
  const method = message.method ?? 'response';
  count(state, method);
  const modern = req.url !== LEGACY_PATH && message.params?._meta?.[REVISION_KEY] !== undefined;
  if (!modern && req.url === MODERN_PATH) {
    sendError(res, 400, message, -32602, 'Every request needs its envelope');
    return;
  }
  if (modern && !hasMatchingHeaders(req, message)) {
    sendError(res, 400, message, -32020, 'Headers and body differ');
    return;
  }
  if (!modern && method !== 'initialize' && !hasLiveSession(state, req, message, res)) return;
  if (message.id === undefined || message.method === undefined) {
    sendJson(res, 202, '');
    return;
  }
  answerMethod(state, method, { message, modern, res });
}

function answerMethod(state: State, method: string, call: Call): void {
  const list = (call.modern ? MODERN_LISTS : LEGACY_LISTS).get(method);
  if (list) {
    sendResult(call, list);
    return;
  }
  switch (method) {
    case 'tools/call':
      callTool(call);
      break;
    case 'initialize':
      openSession(state, call);
      break;
    case 'ping':
    case 'logging/setLevel':
      sendResult(call, '{}');
      break;
    case 'server/discover':
      sendResult(
        call,
        JSON.stringify({
          supportedVersions: [MODERN_REVISION],
          capabilities: CAPABILITIES,
          ...MODERN_FIELDS,
          ttlMs: 60_000,
          cacheScope: 'public',
        }),
      );
      break;
    case 'subscriptions/listen':
      acceptListen(state, call);
      break;
    default:
      sendError(call.res, call.modern ? 404 : 200, call.message, -32601, `No method ${method}`);
  }
}

function callTool(call: Call): void {
  const { name, arguments: input, _meta: meta } = call.message.params ?? {};
  if (name === 'big') {
    sendResult(call, call.modern ? MODERN_BIG : LEGACY_BIG);
    return;
  }
  const content = `{"content":[{"type":"text","text":${JSON.stringify(String(input?.text))}}]`;
  const result = call.modern ? `${content},${MODERN_TAIL}` : `${content}}`;
  if (name === 'echo') {
    sendResult(call, result);
    return;
  }
  if (name !== 'echo_sse' && name !== 'echo_progress') {
    sendError(call.res, 200, call.message, -32602, `No tool ${name}`);
    return;
  }
  call.res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  if (name === 'echo_progress') {
    const params = { progressToken: meta?.['progressToken'], progress: 1, total: 2 };
    call.res.write(writeEvent(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/progress', params })));
  }
  call.res.end(writeEvent(`${writeEnvelopeStart(call)}${result}}`));
}

function openSession(state: State, call: Call): void {
  const session = randomUUID();
  state.sessions.add(session);
  call.res.setHeader('mcp-session-id', session);
  sendResult(
    call,
    JSON.stringify({ protocolVersion: LEGACY_REVISION, capabilities: CAPABILITIES, serverInfo: SERVER_INFO }),
  );
}

/** A legacy GET feed: opened, kept, never written to; its end is the client's. */
function openFeed(state: State, req: IncomingMessage, res: ServerResponse): void {
  count(state, 'GET');
  if (!state.sessions.has(String(req.headers['mcp-session-id']))) {
    sendJson(res, 405, '');
    return;
  }
  keepFeed(state, res, ': open\n\n');
}

function acceptListen(state: State, call: Call): void {
  const params = {
    notifications: call.message.params?.notifications ?? {},
    _meta: { 'io.modelcontextprotocol/subscriptionId': call.message.id },
  };
  const method = 'notifications/subscriptions/acknowledged';
  keepFeed(state, call.res, writeEvent(JSON.stringify({ jsonrpc: '2.0', method, params })));
}

function keepFeed(state: State, res: ServerResponse, first: string): void {
  res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  res.write(first);
  state.feeds.add(res);
  res.once('close', () => state.feeds.delete(res));
}

function hasLiveSession(state: State, req: IncomingMessage, message: Message, res: ServerResponse): boolean {
  const session = req.headers['mcp-session-id'];
  if (typeof session === 'string' && state.sessions.has(session)) return true;
  sendError(res, session === undefined ? 400 : 404, message, -32001, 'No such session');
  return false;
}

function hasMatchingHeaders(req: IncomingMessage, message: Message): boolean {
  const { headers } = req;
  const nameAgrees = message.method !== 'tools/call' || headers['mcp-name'] === message.params?.name;
  return nameAgrees && headers['mcp-method'] === message.method && headers['mcp-protocol-version'] === MODERN_REVISION;
}

function serialise(finish: (result: object) => object): ReadonlyMap<string, Buffer> {
  return new Map(
    Object.entries(LIST_RESULTS).map(([method, result]) => [method, Buffer.from(JSON.stringify(finish(result)))]),
  );
}

function count(state: State, what: string): void {
  state.counts.set(what, (state.counts.get(what) ?? 0) + 1);
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

if (import.meta.main) {
  const [port = '0', keepAliveMs = '120000'] = process.argv.slice(2);
  announce((await startUpstream(Number(port), Number(keepAliveMs))).url);
}
