import type { RouteOptions } from '../options.ts';
import { type Document, jsonDocument } from './document.ts';
import { documentUrls } from './document-urls.ts';
import { type Site, type SiteRoute, transportUrls } from './site.ts';

const SCHEMA = 'https://static.modelcontextprotocol.io/schemas/v1/server-card.schema.json';
const CARD_TYPE = 'application/mcp-server-card+json';
/** What the schema allows for names and descriptions. */
const MAX_TEXT = 100;

/** The MCP server card (SEP-2127) of the first route, where crawlers look for one without being told. */
export const serverCard: Document = {
  paths: ['/.well-known/mcp/server-card.json', '/.well-known/mcp/server-card', '/.well-known/mcp-server-card.json'],
  owner: 'site',
  render: ({ site }) => {
    const [first] = site.routes;
    return first === undefined ? undefined : jsonDocument(cardOf(site, first));
  },
};

/** A route's own server card, at the place SEP-2127 reserves for it. */
export function routeServerCard(route: RouteOptions): Document {
  return {
    paths: [`${route.path}/server-card`],
    owner: 'route',
    render: ({ site }) => {
      const described = site.routes.find(({ options }) => options === route);
      return described === undefined ? undefined : jsonDocument(cardOf(site, described), CARD_TYPE);
    },
  };
}

/** The catalogue that leads to the cards of all routes; in the form of MCP and of the AI catalogue that is to follow it. */
export const catalog: Document = {
  paths: ['/.well-known/mcp/catalog.json', '/.well-known/ai-catalog.json'],
  owner: 'site',
  render: ({ site }) =>
    jsonDocument({
      specVersion: 'draft',
      entries: site.routes.map((route) => ({
        identifier: `urn:mcp:server:${cardName(site, route)}`,
        displayName: titleOf(site, route),
        mediaType: CARD_TYPE,
        type: CARD_TYPE,
        url: `${route.url}/server-card`,
      })),
    }),
};

function cardOf(site: Site, route: SiteRoute): object {
  return {
    $schema: SCHEMA,
    name: cardName(site, route),
    title: titleOf(site, route),
    description: clip(site.description),
    version: site.version,
    websiteUrl: documentUrls(site.base).page,
    remotes: route.transports.map(({ type, url, revisions }) => ({
      type,
      url,
      supportedProtocolVersions: revisions,
    })),
    // What readers of earlier drafts look for.
    serverInfo: { name: site.title, version: site.version },
    endpoints: transportUrls(route),
    authentication: {
      required: route.auth.kind === 'protected',
      schemes: route.auth.kind === 'protected' ? ['bearer'] : [],
    },
    handshakeContract: `${documentUrls(site.base).agentCard}#/transport/protocols/0/handshake`,
  };
}

/** Reverse DNS with one slash, such as `com.example.mcp/mcp`. */
function cardName({ base }: Site, { path }: SiteRoute): string {
  // A Host header may name a port of six digits, which no URL has.
  const hostname = URL.parse(base)?.hostname ?? 'localhost';
  const labels = /^[\d.]+$|:/.test(hostname) ? [hostname] : hostname.split('.').reverse();
  const host = labels.join('.').replace(/[^A-Za-z0-9.-]+/g, '-');
  return `${host}/${path.slice(1).replaceAll('/', '.').replaceAll('~', '-')}`.slice(0, 200);
}

function titleOf(site: Site, { path }: SiteRoute): string {
  return site.routes.length === 1 ? clip(site.title) : clip(`${site.title} ${path}`);
}

function clip(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT - 1)}…`;
}
