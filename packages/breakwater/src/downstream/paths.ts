import type { RouteOptions } from './options.ts';

/** What a path means here. */
export type Place =
  /** A route's endpoint; `slash` when it was written with a slash at its end. */
  | { readonly kind: 'endpoint'; readonly route: RouteOptions; readonly slash: boolean }
  /** The 2024 stream of a route; `alias` when it is that route's own path and not the server-wide `/sse`. */
  | { readonly kind: 'sse'; readonly route: RouteOptions; readonly alias: boolean; readonly slash: boolean }
  /** Where clients of the 2024 transport post. */
  | { readonly kind: 'messages' }
  /** A place where clients look for an MCP endpoint although none is there. */
  | { readonly kind: 'probe' }
  | { readonly kind: 'unknown' };

/** Where the 2024 transport posts to; the trailing slash is what its reference servers use. */
export const MESSAGES_PATH = '/messages/';

/** Paths under which catalogue bots and clients probe for an endpoint (field notes clients 6, 27, 28). */
const PROBES: ReadonlySet<string> = new Set([
  '/sse',
  '/message',
  '/messages',
  '/mcp',
  '/mcp/mcp',
  '/mcp/sse',
  '/mcp/sse/mcp',
  '/mcp/stream',
  '/mcp/mcp/stream',
  '/mcp/v1/mcp',
  '/mcp/api/mcp',
  '/mcp/message',
  '/mcp/messages',
  '/api/mcp',
  '/api/sse',
  '/api/llm/mcp',
  '/v1',
  '/v1/mcp',
  '/v1/messages',
  '/v1/sse',
  '/stream',
  '/rpc',
  '/jsonrpc',
]);

const UNKNOWN: Place = { kind: 'unknown' };
const PROBE: Place = { kind: 'probe' };
const MESSAGES: Place = { kind: 'messages' };

/** Makes the function that says what a path (without query) means under these routes. */
export function createPlaces(routes: readonly RouteOptions[]): (path: string) => Place {
  const places = new Map<string, Place>();
  const first = routes.find((route) => route.legacySse);
  if (first !== undefined) {
    places.set('/sse', { kind: 'sse', route: first, alias: false, slash: false });
    places.set(MESSAGES_PATH, MESSAGES);
    places.set('/messages', MESSAGES);
  }
  for (const route of routes) places.set(`${route.path}/sse`, { kind: 'sse', route, alias: true, slash: false });
  // Last: a route that is itself called …/sse or /messages is what its operator named it.
  for (const route of routes) places.set(route.path, { kind: 'endpoint', route, slash: false });
  return (path) => {
    const exact = places.get(path);
    if (exact !== undefined) return exact;
    const bare = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
    const near = places.get(bare);
    if (near?.kind === 'endpoint' || near?.kind === 'sse') return { ...near, slash: true };
    if (near !== undefined) return near;
    if (PROBES.has(bare)) return PROBE;
    for (const route of routes) if (bare.startsWith(`${route.path}/`)) return PROBE;
    return UNKNOWN;
  };
}

/** A request target split into path and query; an absolute-form target also says its host. */
export interface Target {
  readonly path: string;
  readonly query: string;
  readonly host?: string;
}

/** Splits a request target. What is no target at all becomes a path that nothing is served on. */
export function splitTarget(target: string): Target {
  if (!target.startsWith('/')) {
    const url = URL.canParse(target) ? new URL(target) : undefined;
    return url === undefined
      ? { path: target, query: '' }
      : { path: url.pathname, query: url.search.slice(1), host: url.host };
  }
  const mark = target.indexOf('?');
  return mark < 0 ? { path: target, query: '' } : { path: target.slice(0, mark), query: target.slice(mark + 1) };
}
