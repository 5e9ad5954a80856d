import { LEGACY_REVISIONS, MODERN_REVISIONS } from '../../protocol/revision.ts';
import { type Arrival, baseUrlOf } from '../inbound.ts';
import type { RouteOptions } from '../options.ts';
import { MESSAGES_PATH } from '../paths.ts';
import { restBaseOf } from '../rest/place.ts';
import { OPEN, type RouteAuth } from './discovery-options.ts';

/** One way to speak MCP with a route. */
export interface SiteTransport {
  /** The name AIP-1 and catalogues use. */
  readonly name: 'streamable_http' | 'sse';
  /** The name registries and server cards use. */
  readonly type: 'streamable-http' | 'sse';
  readonly url: string;
  readonly revisions: readonly string[];
}

/** Where a route's plain HTTP interface is. */
export interface SiteRest {
  readonly index: string;
  readonly docs: string;
  readonly openapi: string;
}

/** A route as its documents describe it. */
export interface SiteRoute {
  readonly options: RouteOptions;
  readonly path: string;
  /** The endpoint. */
  readonly url: string;
  readonly transports: readonly SiteTransport[];
  /** Undefined where it is not served. */
  readonly rest: SiteRest | undefined;
  readonly auth: RouteAuth;
}

/** What the documents say, derived from the running configuration and the address the client came by. */
export interface Site {
  /** Protocol and authority, with the path prefix of a public URL. */
  readonly base: string;
  readonly title: string;
  readonly description: string;
  readonly version: string;
  readonly documentation: string;
  readonly routes: readonly SiteRoute[];
  /** Where the 2024 transport posts to, when it is served. */
  readonly messagesUrl: string | undefined;
}

/** What a site is called that was given no name. */
const DEFAULT_TITLE = 'Breakwater';
const DEFAULT_DESCRIPTION = 'MCP servers behind Breakwater, for every revision of the protocol.';

/** Describes the site for this client. */
export function describeSite(arrival: Arrival): Site {
  const { options } = arrival.context;
  const { discovery } = options;
  const base = baseUrlOf(arrival);
  return {
    base,
    title: discovery.title ?? DEFAULT_TITLE,
    description: discovery.description ?? DEFAULT_DESCRIPTION,
    version: discovery.version,
    documentation: options.documentation,
    routes: options.routes.map((route) => ({
      options: route,
      path: route.path,
      url: `${base}${route.path}`,
      transports: transportsOf(route, base),
      rest: route.rest ? restOf(route, base) : undefined,
      auth: options.authOf?.(route) ?? OPEN,
    })),
    messagesUrl: options.routes.some((route) => route.legacySse) ? `${base}${MESSAGES_PATH}` : undefined,
  };
}

/** The revisions of Streamable HTTP, newest first; 2024-11-05 is spoken over it as well. */
function streamableRevisions(): string[] {
  return [...MODERN_REVISIONS, ...[...LEGACY_REVISIONS].reverse()];
}

function transportsOf(route: RouteOptions, base: string): SiteTransport[] {
  const streamable: SiteTransport = {
    name: 'streamable_http',
    type: 'streamable-http',
    url: `${base}${route.path}`,
    revisions: streamableRevisions(),
  };
  if (!route.legacySse) return [streamable];
  return [streamable, { name: 'sse', type: 'sse', url: `${base}${route.path}/sse`, revisions: ['2024-11-05'] }];
}

function restOf({ path }: RouteOptions, base: string): SiteRest {
  const index = `${base}${restBaseOf(path)}`;
  return { index, docs: `${index}/docs`, openapi: `${index}/openapi.json` };
}

/** The transports of a route as one object: name to URL. */
export function transportUrls(route: SiteRoute): Readonly<Record<string, string>> {
  return Object.fromEntries(route.transports.map(({ name, url }) => [name, url]));
}
