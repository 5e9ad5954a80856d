import { createPlaces, MESSAGES_PATH, PROBES } from '../paths.ts';
import type { Site, SiteRoute } from './site.ts';

/** Which paths of this origin speak MCP, as AIP-1 §7.1.1 sorts them. No path is in two lists. */
export function transportPaths(
  site: Site,
  route: SiteRoute,
): {
  readonly served: readonly string[];
  readonly compatibilityServed: readonly string[];
  readonly notServed: readonly string[];
} {
  const placeOf = createPlaces(site.routes.map(({ options }) => options));
  const served = [route.path, ...site.routes.map(({ path }) => path).filter((path) => path !== route.path)];
  // The path of the 2024 stream takes Streamable HTTP as well, whether or not the stream itself is served.
  const compatible = site.routes.map(({ path }) => `${path}/sse`).filter((path) => !served.includes(path));
  const compatibilityServed = [
    ...compatible,
    ...['/sse', MESSAGES_PATH].filter((path) => placeOf(path).kind === 'sse' || placeOf(path).kind === 'messages'),
  ];
  return { served, compatibilityServed, notServed: [...PROBES].filter((path) => placeOf(path).kind === 'probe') };
}
