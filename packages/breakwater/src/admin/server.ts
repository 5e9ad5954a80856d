import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

// Not by import: that would load all of Node's `fetch` (listen/listener.ts).
const { createServer } = process.getBuiltinModule('node:http');

/** What the admin listener tells. */
export interface AdminFacts {
  /** Prometheus metrics in the text format. */
  metrics(): string | Promise<string>;
  /** Counters, upstream states and load, as plain data. */
  status(): object | Promise<object>;
}

/** A listening admin server. */
export interface AdminServer {
  readonly address: { readonly host: string; readonly port: number };
  close(): Promise<void>;
}

const TEXT = 'text/plain; version=0.0.4; charset=utf-8';
const JSON_TYPE = 'application/json';
const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Serves `/metrics`, `/healthz` and `/api/status` on a port of its own. Rejects with the system's error when the address cannot be had. */
export async function serveAdmin(
  listen: { readonly host: string; readonly port: number },
  facts: AdminFacts,
): Promise<AdminServer> {
  const host = listen.host.replace(/^\[|\]$/g, '');
  const isOpen = host === '0.0.0.0' || host === '::';
  const server = createServer(async (request, response) => {
    const refusal = refusalOf(request, isOpen ? undefined : host);
    if (refusal !== undefined) return send(response, refusal.status, JSON_TYPE, JSON.stringify(refusal.body));
    const path = (request.url ?? '/').split('?')[0];
    if (path === '/metrics') return send(response, 200, TEXT, await facts.metrics());
    if (path === '/healthz') return send(response, 200, JSON_TYPE, '{"status":"ok"}');
    if (path === '/api/status') return send(response, 200, JSON_TYPE, JSON.stringify(await facts.status()));
    send(
      response,
      404,
      JSON_TYPE,
      JSON.stringify({ error: 'not_found', paths: ['/metrics', '/healthz', '/api/status'] }),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port: listen.port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const { port } = server.address() as AddressInfo;
  return {
    address: { host, port },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Refusal {
  readonly status: number;
  readonly body: object;
}

function refusalOf({ method, headers }: IncomingMessage, host: string | undefined): Refusal | undefined {
  if (method !== 'GET' && method !== 'HEAD')
    return { status: 405, body: { error: 'method_not_allowed', allow: 'GET' } };
  // Attack: a page in the operator's browser reads this port under a name that resolves to it (DNS rebinding).
  const name = (headers.host ?? '').toLowerCase().replace(/:\d+$/, '');
  const own = host?.includes(':') === true ? `[${host}]` : host?.toLowerCase();
  if (own !== undefined && name !== own && !LOOPBACK.has(name))
    return { status: 403, body: { error: 'host_not_allowed' } };
  return undefined;
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}
