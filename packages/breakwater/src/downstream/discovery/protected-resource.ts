import type { RouteOptions } from '../options.ts';
import type { OpenResource } from './discovery-options.ts';
import type { Document, Rendered } from './document.ts';
import { jsonDocument } from './document.ts';
import type { Site, SiteRoute } from './site.ts';

/** Where RFC 9728 puts the metadata of a protected resource; its path goes behind. */
export const RESOURCE_METADATA_PATH = '/.well-known/oauth-protected-resource';

/**
 * The protected-resource metadata of a route (RFC 9728), under every spelling clients look for it: inserted before the endpoint's path and its 2024 path,
 * with a slash at the end and without, and below the endpoint. Each says the resource it was asked for: clients compare.
 */
export function resourceMetadata(route: RouteOptions, prefix: string): Document {
  const resources = [route.path, `${route.path}/`, ...(route.legacySse ? [`${route.path}/sse`] : [])];
  const places = new Map<string, string>();
  for (const resource of resources) {
    places.set(`${RESOURCE_METADATA_PATH}${resource}`, resource);
    // Behind a proxy that takes a path prefix off, the path of the resource's public address still has it.
    if (prefix !== '') places.set(`${RESOURCE_METADATA_PATH}${prefix}${resource}`, resource);
    if (!resource.endsWith('/')) places.set(`${resource}${RESOURCE_METADATA_PATH}`, resource);
  }
  return {
    paths: [...places.keys()],
    owner: 'route',
    render: ({ arrival, site, path }) => {
      const resource = places.get(path);
      const described = site.routes.find((each) => each.options === route);
      if (resource === undefined || described === undefined) return undefined;
      return metadataOf(
        described,
        `${site.base}${resource}`,
        site,
        openForm(arrival.context.options.discovery.openResource, route),
      );
    },
  };
}

/** The metadata at the root: of the one protected route, or of the first open one that declares anything. Two protected routes have none. */
export const rootResourceMetadata: Document = {
  paths: [RESOURCE_METADATA_PATH],
  owner: 'site',
  render: ({ arrival, site }) => {
    const guarded = site.routes.filter((route) => route.auth.kind === 'protected');
    const route = guarded.length === 0 ? site.routes[0] : guarded.length === 1 ? guarded[0] : undefined;
    if (route === undefined) return undefined;
    return metadataOf(route, route.url, site, openForm(arrival.context.options.discovery.openResource, route.options));
  },
};

/** The form for an open route: AIP-1 §9.1 wants its empty document where its profile is declared. */
function openForm(configured: OpenResource, route: RouteOptions): OpenResource {
  return configured === 'none' && route.oabp !== undefined ? 'declare-empty' : configured;
}

function metadataOf(route: SiteRoute, resource: string, site: Site, form: OpenResource): Rendered | undefined {
  const about = { resource_name: `${site.title} ${route.path}`, resource_documentation: site.documentation };
  if (route.auth.kind === 'protected') {
    const { authorizationServers, scopes } = route.auth;
    return jsonDocument({
      resource,
      authorization_servers: authorizationServers,
      bearer_methods_supported: ['header'],
      // RFC 9728 §3.2: what is empty is left out.
      ...(scopes.length === 0 ? {} : { scopes_supported: scopes }),
      ...about,
    });
  }
  if (form === 'none') return undefined;
  if (form === 'declare') return jsonDocument({ resource, bearer_methods_supported: [], ...about });
  return jsonDocument({
    resource,
    authorization_servers: [],
    bearer_methods_supported: [],
    scopes_supported: [],
    ...about,
  });
}
