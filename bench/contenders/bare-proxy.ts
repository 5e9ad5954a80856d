/**
 * The Node limit: the cheapest honest reverse proxy one can write with `node:http` and undici's `Pool.dispatch`. It passes bytes,
 * honours backpressure and disconnects, and knows nothing of MCP. Every other contender is read as a multiple of this one.
 * Run alone with `node bench/contenders/bare-proxy.ts <upstream-url> [port]`.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import type { Dispatcher, Pool } from 'undici';
import { announce } from '../announce.ts';

/** Request bodies are collected before dispatch, as any MCP gateway must do to know the method; a larger one is cut. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'te',
  'trailer',
  'upgrade',
  'proxy-authorization',
  'proxy-authenticate',
  'proxy-connection',
]);
const REQUEST_ONLY = new Set([...HOP_BY_HOP, 'host', 'content-length', 'expect']);

/** Starts the proxy on 127.0.0.1 and returns its MCP endpoint. */
async function startProxy(upstreamUrl: string, port: number): Promise<string> {
  const upstream = new URL(upstreamUrl);
  const pool = createPool(upstream.origin);
  const server = createServer({ keepAliveTimeout: 120_000 }, (req, res) => forwardRequest(pool, req, res));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', 1024, resolve);
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}${upstream.pathname}`;
}

/** The undici the gateway itself resolves, not whichever version npm hoisted to the root. */
function createPool(origin: string): Pool {
  const gatewayRequire = createRequire(new URL('../../packages/breakwater/package.json', import.meta.url));
  const undici = gatewayRequire('undici') as typeof import('undici');
  return new undici.Pool(origin, { connections: 1024, keepAliveTimeout: 60_000, headersTimeout: 0, bodyTimeout: 0 });
}

function forwardRequest(pool: Pool, req: IncomingMessage, res: ServerResponse): void {
  if (req.method === 'GET' || req.method === 'HEAD') {
    dispatch(pool, req, res, null);
    return;
  }
  const chunks: Buffer[] = [];
  let size = 0;
  req.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) res.destroy();
    else chunks.push(chunk);
  });
  req.on('end', () => {
    const [first] = chunks;
    dispatch(pool, req, res, first === undefined ? null : chunks.length === 1 ? first : Buffer.concat(chunks));
  });
}

function dispatch(pool: Pool, req: IncomingMessage, res: ServerResponse, body: Buffer | null): void {
  pool.dispatch(
    { path: req.url ?? '/', method: req.method ?? 'GET', headers: copyRequestHeaders(req.rawHeaders), body },
    createReplyHandler(res),
  );
}

function copyRequestHeaders(raw: readonly string[]): string[] {
  const headers: string[] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] ?? '';
    if (!REQUEST_ONLY.has(name.toLowerCase())) headers.push(name, raw[index + 1] ?? '');
  }
  return headers;
}

function createReplyHandler(res: ServerResponse): Dispatcher.DispatchHandler {
  let control: Dispatcher.DispatchController | undefined;
  let hasData = false;
  res.once('close', () => {
    if (!res.writableFinished) control?.abort(new Error('The client went away'));
  });
  res.on('drain', () => control?.resume());
  return {
    onRequestStart(controller) {
      control = controller;
      if (res.destroyed) controller.abort(new Error('The client went away'));
    },
    onResponseStart(_controller, status, headers) {
      for (const name in headers) if (HOP_BY_HOP.has(name)) delete headers[name];
      res.writeHead(status, headers);
      // A feed may stay silent for minutes: its head must not wait for the first event. A microtask later, so that a
      // body that came in the same read still leaves in the same write.
      if (headers['content-length'] === undefined) queueMicrotask(() => hasData || res.flushHeaders());
    },
    onResponseData(controller, chunk) {
      hasData = true;
      if (!res.write(chunk)) controller.pause();
    },
    onResponseEnd() {
      res.end();
    },
    onResponseError(_controller, error) {
      if (res.headersSent || res.destroyed) res.destroy();
      else res.writeHead(502, { 'content-type': 'text/plain' }).end(`${error.message}\n`);
    },
  };
}

const [, , upstreamUrl, port] = process.argv;
if (upstreamUrl === undefined) throw new TypeError('usage: node bench/contenders/bare-proxy.ts <upstream-url> [port]');
announce(await startProxy(upstreamUrl, Number(port ?? 0)));
