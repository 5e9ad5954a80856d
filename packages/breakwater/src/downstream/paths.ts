import type { RouteOptions } from './options.ts';
import { createRestPlaces, type RestPlace } from './rest/place.ts';

/** What a path means here. */
export type Place =
  /** A route's endpoint; `slash` when it was written with a slash at its end. */
  | { readonly kind: 'endpoint'; readonly route: RouteOptions; readonly slash: boolean }
  /** The 2024 stream of a route; `alias` when it is that route's own path and not the server-wide `/sse`. */
  | { readonly kind: 'sse'; readonly route: RouteOptions; readonly alias: boolean; readonly slash: boolean }
  /** Where clients of the 2024 transport post. */
  | { readonly kind: 'messages' }
  /** A discovery document. */
  | { readonly kind: 'document' }
  /** An endpoint with the rest of a markup link behind it. */
  | { readonly kind: 'escaped'; readonly route: RouteOptions }
  /** A place where clients look for an MCP endpoint although none is there. */
  | { readonly kind: 'probe' }
  /** A place where clients look for a document although none is there. */
  | { readonly kind: 'probed-document' }
  | RestPlace
  | { readonly kind: 'unknown' };

/** Where the 2024 transport posts to; the trailing slash is what its reference servers use. */
export const MESSAGES_PATH = '/messages/';

/** Paths under which catalogue bots and clients probe for an endpoint (field notes clients 6, 27, 28). */
export const PROBES: ReadonlySet<string> = new Set([
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

/** What a link keeps that was cut out of markup: a quote, a bracket, escaped once or twice (field notes client 41). */
const MARKUP_REST = /(?:&(?:amp;)?(?:quot|amp|apos|lt|gt|#39|#34)|%22|%27|%60|%3E|%29|["'`>)\],;.])+$/i;

const MOST_LINK = 256;

/** Documents that clients look for by name and nobody here has: agent cards below a prefix, login pages, boards (field notes clients 15, 22, 34, 37 to 40). */
const DOCUMENT_PROBES =
  /^\/(?:(?:.+\/)?\.well-known\/.*|(?:v\d\/|api\/)?(?:agent|agent-card|agents|a2a|openapi)(?:\.(?:json|yaml|txt))?|agents?\/.+|a2a\/.+|api\/(?:a2a|v1\/.+|agents?(?:\/.+)?|missions(?:\/.+)?|tasks?(?:\/.+)?|submissions|leaderboard|stats|explore|list_missions|task_board)|missions(?:\/.+)?|m\/.+|tasks\/.+|specs(?:\/.+|\.zip)|authorize|consent|callback|login|register|token|docs|feed\.xml|missions\.rss|llms-full\.txt|x402(?:\.json)?)$/;

/** True for a path under which clients are known to look for a document. */
function isDocumentProbe(path: string): boolean {
  return DOCUMENT_PROBES.test(path);
}

const UNKNOWN: Place = { kind: 'unknown' };
const PROBE: Place = { kind: 'probe' };
const DOCUMENT: Place = { kind: 'document' };
const PROBED_DOCUMENT: Place = { kind: 'probed-document' };
const MESSAGES: Place = { kind: 'messages' };

/** Makes the function that says what a path (without query) means under these routes, with documents on these paths. */
export function createPlaces(
  routes: readonly RouteOptions[],
  documents: Iterable<string> = [],
): (path: string) => Place {
  const places = new Map<string, Place>();
  for (const path of documents) places.set(path, DOCUMENT);
  const first = routes.find((route) => route.legacySse);
  if (first !== undefined) {
    places.set('/sse', { kind: 'sse', route: first, alias: false, slash: false });
    places.set(MESSAGES_PATH, MESSAGES);
    places.set('/messages', MESSAGES);
  }
  for (const route of routes) places.set(`${route.path}/sse`, { kind: 'sse', route, alias: true, slash: false });
  // Last: a route that is itself called …/sse or /messages is what its operator named it.
  for (const route of routes) places.set(route.path, { kind: 'endpoint', route, slash: false });
  const restPlaceOf = createRestPlaces(routes);
  return (path) => {
    const exact = places.get(path);
    if (exact !== undefined) return exact;
    const bare = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
    const near = places.get(bare);
    if (near?.kind === 'endpoint' || near?.kind === 'sse') return { ...near, slash: true };
    // A document with a slash behind it is another address, and not one of ours.
    if (near?.kind === 'document') return PROBED_DOCUMENT;
    if (near !== undefined) return near;
    const rest = restPlaceOf(path);
    if (rest !== undefined && rest.target.area !== 'unknown') return rest;
    if (PROBES.has(bare)) return PROBE;
    if (isDocumentProbe(bare)) return PROBED_DOCUMENT;
    // Bounded: the search for the rest's beginning is quadratic.
    const unescaped = bare.length > MOST_LINK ? undefined : places.get(bare.replace(MARKUP_REST, ''));
    if (unescaped?.kind === 'endpoint') return { kind: 'escaped', route: unescaped.route };
    if (rest !== undefined) return rest;
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
