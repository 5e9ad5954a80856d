import { type Document, jsonDocument } from './document.ts';
import type { Site, SiteRoute } from './site.ts';
import { transportPaths } from './transport-paths.ts';

/** How long a session id that ended is surely not given again; ours are random and never are. */
const COOLING_S = 10;

/** The manifest of AIP-1 §9, where a route declares that profile. */
export const oabpManifest: Document = {
  paths: ['/.well-known/oabp.json', '/.well-known/agent-bounty.json'],
  owner: 'site',
  render: ({ arrival, site }) => {
    const route = site.routes.find(({ options }) => options.oabp !== undefined);
    if (route?.options.oabp === undefined) return undefined;
    const { contact, chain, endpoints } = route.options.oabp;
    return jsonDocument({
      protocol: 'OABP',
      name: site.title,
      description: site.description,
      implementation: 'breakwater',
      version: site.version,
      aip_supported: [1],
      chain,
      contact,
      // Relative: the published client library puts them behind the address it was given.
      endpoints: { ...endpoints, mcp: route.path },
      transport: 'streamable_http',
      mcp: mcpObject(site, route, arrival.context.options.handshakeMs),
    });
  },
};

function mcpObject(site: Site, route: SiteRoute, handshakeMs: number): object {
  const { served, compatibilityServed, notServed } = transportPaths(site, route);
  return {
    url: route.url,
    transport: 'streamable_http',
    session_required: !route.options.sessionless,
    supported_methods: ['GET', 'POST', 'DELETE', 'HEAD', 'OPTIONS'],
    not_implemented: route.options.legacySse ? ['stdio'] : ['sse', 'stdio'],
    handshake_timeout_seconds: Math.ceil(handshakeMs / 1_000),
    session_id_cooling_period_seconds: COOLING_S,
    lifecycle: {
      initialize: 'POST an initialize request; the answer carries the Mcp-Session-Id header.',
      initialized_notification: 'POST notifications/initialized with that header; answered 202.',
      tool_calls: 'POST every later request with that header.',
      teardown: 'DELETE with that header; answered 200 with an empty body, as often as it is sent.',
      liveness_probe: 'GET without Accept: text/event-stream, or HEAD; answered 200.',
    },
    transport_paths: { served, compatibility_served: compatibilityServed, not_served: notServed },
  };
}
