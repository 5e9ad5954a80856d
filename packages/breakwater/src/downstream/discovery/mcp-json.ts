import type { RouteOptions } from '../options.ts';
import { type Document, jsonDocument } from './document.ts';
import { documentUrls } from './document-urls.ts';
import { type Site, type SiteRoute, transportUrls } from './site.ts';

/** What catalogues read as `mcp.json`: a union of the shapes their readers look for. */
export const mcpJson: Document = {
  paths: ['/.well-known/mcp.json', '/.well-known/mcp', '/mcp.json', '/.well-known/mcp-manifest.json'],
  owner: 'site',
  render: ({ site }) => {
    const [first] = site.routes;
    return first === undefined ? undefined : jsonDocument(describeMcp(site, first));
  },
};

/** The same for one route, below its own path. */
export function routeMcpJson(route: RouteOptions): Document {
  return {
    paths: [`${route.path}/.well-known/mcp`, `${route.path}/.well-known/mcp.json`, `${route.path}/sse/.well-known/mcp`],
    owner: 'route',
    render: ({ site }) => {
      const described = site.routes.find(({ options }) => options === route);
      return described === undefined ? undefined : jsonDocument(describeMcp(site, described));
    },
  };
}

function describeMcp(site: Site, route: SiteRoute): object {
  const urls = transportUrls(route);
  const streamable = { 'streamable-http': route.url };
  return {
    name: site.title,
    description: site.description,
    version: site.version,
    documentation: site.documentation,
    url: route.url,
    mcp_endpoint: route.url,
    endpoints: streamable,
    server: { endpoints: streamable },
    // An object, not a list: readers look the transport up by its name.
    transports: urls,
    transport: urls,
    protocol_versions: route.transports[0]?.revisions,
    authentication: { required: route.auth.kind === 'protected' },
    servers: site.routes.map((each) => ({
      url: each.url,
      transports: transportUrls(each),
      server_card: `${each.url}/server-card`,
    })),
    ...(route.rest === undefined ? {} : { rest: route.rest }),
    agent_card: documentUrls(site.base).agentCard,
  };
}
