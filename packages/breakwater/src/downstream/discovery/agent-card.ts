import { LATEST_LEGACY } from '../../protocol/revision.ts';
import type { Arrival } from '../inbound.ts';
import { discoverRecipe, initializeRecipe, modernRecipe } from '../recipe.ts';
import { describeRefusal } from '../refusal.ts';
import { type Document, jsonDocument } from './document.ts';
import { documentUrls } from './document-urls.ts';
import type { Site, SiteRest, SiteRoute } from './site.ts';
import { transportPaths } from './transport-paths.ts';

const A2A_VERSION = '0.3.0';
const TEXT_MODES = ['application/json', 'text/plain'];

/** The agent card (A2A 0.3) with the transport block of AIP-1 §7.4: every transport with requests to copy. */
export const agentCard: Document = {
  paths: ['/.well-known/agent-card.json', '/.well-known/agent.json', '/agent-card.json'],
  owner: 'site',
  render: ({ arrival, site }) => jsonDocument(cardOf(arrival, site)),
};

/** Directories of the agents of this host: the card, once. */
export const agentDirectory: Document = {
  paths: ['/.well-known/agents.json', '/.well-known/agent-directory.json', '/agents.json', '/agent-directory.json'],
  owner: 'site',
  render: ({ site }) => {
    const { agentCard: card } = documentUrls(site.base);
    const agents = site.routes.map((route) => ({
      name: `${site.title} ${route.path}`,
      description: site.description,
      agentCard: card,
      mcpEndpoint: route.url,
      protocols: ['MCP/1.0'],
    }));
    return jsonDocument({ agents, host: site.base.replace(/^https?:\/\//, ''), count: agents.length });
  },
};

function cardOf(arrival: Arrival, site: Site): object {
  const [first] = site.routes;
  return {
    protocolVersion: A2A_VERSION,
    name: site.title,
    description: site.description,
    version: site.version,
    url: first?.url ?? site.base,
    preferredTransport: 'MCP',
    additionalInterfaces: site.routes.map(({ url }) => ({ url, transport: 'MCP' })),
    documentationUrl: site.documentation,
    // What A2A means by these is not spoken here: the card announces MCP endpoints.
    capabilities: { streaming: false, pushNotifications: false, stateTransitionHistory: false },
    defaultInputModes: TEXT_MODES,
    defaultOutputModes: TEXT_MODES,
    ...securityOf(site),
    skills: site.routes.map(({ path, url }) => ({
      id: `mcp${path.replaceAll('/', '.')}`,
      name: `MCP tools at ${path}`,
      description: `Tools, prompts and resources of the MCP endpoint ${url}; tools/list names them.`,
      tags: ['mcp'],
      examples: ['tools/list'],
    })),
    protocols: ['mcp', ...(hasProfile(site) ? ['oabp'] : [])],
    ...(hasProfile(site) ? { oabp_manifest: '/.well-known/oabp.json' } : {}),
    ...(first === undefined ? {} : { transport: transportBlock(arrival, site, first) }),
  };
}

function securityOf(site: Site): object {
  if (site.routes.every(({ auth }) => auth.kind === 'open')) return { securitySchemes: {}, security: [] };
  return { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } }, security: [{ bearer: [] }] };
}

function hasProfile(site: Site): boolean {
  return site.routes.some(({ options }) => options.oabp !== undefined);
}

function transportBlock(arrival: Arrival, site: Site, route: SiteRoute): object {
  const { served, compatibilityServed, notServed } = transportPaths(site, route);
  return {
    primary: 'mcp-streamable-http',
    protocols: [
      streamableBlock(arrival, route),
      {
        id: 'mcp-streamable-http-2026',
        url: route.url,
        spec: 'https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http',
        session: 'none',
        exampleCall: discoverRecipe(route.url),
        exampleNextCall: modernRecipe(route.url, 'tools/list', 2),
      },
      ...(route.options.legacySse ? [sseBlock(site, route)] : []),
      ...(route.rest === undefined ? [] : [restBlock(route.rest)]),
    ],
    discoveryNote:
      'POST handshake.body with handshake.headers, read the Mcp-Session-Id header of the answer, and repeat it on every later request.',
    transportPaths: { served, compatibilityServed, notServed },
  };
}

function streamableBlock(arrival: Arrival, route: SiteRoute): object {
  const { body, method } = initializeRecipe(route.url, { name: 'discovery-crawler', version: '0.1.0' });
  const headers = {
    'Content-Type': 'application/json',
    Accept: 'application/json, text/event-stream',
    'MCP-Protocol-Version': LATEST_LEGACY,
  };
  const inSession = { ...headers, 'Mcp-Session-Id': '<value-from-initialize-response>' };
  const refusal = (code: 'session.missing' | 'session.unknown') =>
    describeRefusal({ ...arrival, route: route.options }, code);
  return {
    id: 'mcp-streamable-http',
    url: route.url,
    spec: 'https://modelcontextprotocol.io/specification/2025-11-25/basic/transports',
    handshake: {
      method,
      url: route.url,
      headers,
      body,
      responseSessionHeader: {
        name: 'Mcp-Session-Id',
        lifetime: 'until DELETE with this header, or until the session has been idle for long',
      },
      postInitializeNotification: {
        method,
        headers: inSession,
        body: { jsonrpc: '2.0', method: 'notifications/initialized' },
      },
      exampleNextCall: { method, headers: inSession, body: { jsonrpc: '2.0', id: 2, method: 'tools/list' } },
    },
    sessionRequired: !route.options.sessionless,
    errorShape: {
      format: 'json-rpc-2.0',
      missingInitialize: refusal('session.missing'),
      unknownSession: refusal('session.unknown'),
    },
  };
}

function restBlock({ index, docs, openapi }: SiteRest): object {
  return {
    id: 'rest',
    url: index,
    spec: openapi,
    documentation: docs,
    endpoints: [
      { url: `${index}/tools`, method: 'GET' },
      { url: `${index}/tools/{name}`, method: 'POST' },
      { url: openapi, method: 'GET' },
    ],
  };
}

function sseBlock(site: Site, route: SiteRoute): object {
  return {
    id: 'mcp-http-sse-2024',
    url: `${route.url}/sse`,
    spec: 'https://modelcontextprotocol.io/specification/2024-11-05/basic/transports',
    sseTransport: {
      sseEndpoint: `${route.url}/sse`,
      messageEndpoint: site.messagesUrl,
      sessionIdLocation: 'url_param',
    },
    open: { method: 'GET', headers: { Accept: 'text/event-stream' } },
  };
}
