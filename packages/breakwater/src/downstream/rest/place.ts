import type { RouteOptions } from '../options.ts';

/** What a path below a route's REST door names. Names and URIs are decoded. */
export type RestTarget =
  | { readonly area: 'index' | 'docs' | 'tools' | 'resources' | 'resource-templates' | 'prompts' }
  | { readonly area: 'openapi'; readonly form: 'json' | 'yaml' | 'moved' }
  | { readonly area: 'tool' | 'prompt'; readonly name: string; readonly answers: boolean }
  | { readonly area: 'resource'; readonly uri: string }
  | { readonly area: 'resource-answers' }
  | { readonly area: 'call'; readonly id: string }
  | { readonly area: 'unknown' };

/** A path of a route's REST door. */
export interface RestPlace {
  readonly kind: 'rest';
  readonly route: RouteOptions;
  /** Where the door stands, such as `/api`. */
  readonly base: string;
  readonly target: RestTarget;
  /** False where somebody's own server around this one is to answer: nothing is here, or the path is a name that every server has. */
  readonly mounted: boolean;
}

/** Where the REST door of a route stands. */
export function restBaseOf(path: string): string {
  return path === '/mcp' ? '/api' : `${path}/api`;
}

/** Makes the function that finds REST doors; undefined is a path that belongs to none. */
export function createRestPlaces(routes: readonly RouteOptions[]): (path: string) => RestPlace | undefined {
  const doors = routes.filter(({ rest }) => rest).map((route) => ({ route, base: restBaseOf(route.path) }));
  const documents = new Map<string, RestPlace>();
  const document = (path: string, door: (typeof doors)[number], form: 'json' | 'yaml' | 'moved', mounted: boolean) => {
    if (!documents.has(path))
      documents.set(path, { kind: 'rest', ...door, target: { area: 'openapi', form }, mounted });
  };
  const [first] = doors;
  if (first !== undefined) {
    // AIP-1 §8 and the clients that probe: agents SDKs look for the versioned path first.
    document('/openapi.json', first, 'json', false);
    document('/openapi.yaml', first, 'yaml', false);
    document('/api/v1/openapi.json', first, 'moved', false);
  }
  for (const door of doors) document(`${door.route.path}/openapi.json`, door, 'json', true);
  // The longest first: `/mcp/files/api` is not a place inside the door of `/mcp/files`' neighbour.
  const byLength = doors.toSorted((a, b) => b.base.length - a.base.length);
  return (path) => {
    const found = documents.get(path);
    if (found !== undefined) return found;
    const door = byLength.find(({ base }) => path === base || path.startsWith(`${base}/`));
    if (door === undefined) return undefined;
    const target = targetOf(path.slice(door.base.length + 1));
    return { kind: 'rest', ...door, target, mounted: target.area !== 'unknown' };
  };
}

const UNKNOWN: RestTarget = { area: 'unknown' };
const LISTS = new Set(['docs', 'tools', 'resources', 'resource-templates', 'prompts'] as const);

function targetOf(below: string): RestTarget {
  const raw = below.split('/');
  if (raw.length > 1 && raw.at(-1) === '') raw.pop();
  const [area = '', ...rest] = raw;
  if (area === '') return rest.length === 0 ? { area: 'index' } : UNKNOWN;
  const decoded = rest.map(decode);
  if (decoded.some((part) => part === undefined)) return UNKNOWN;
  if (rest.length === 0) {
    if (area === 'openapi.json') return { area: 'openapi', form: 'json' };
    return isList(area) ? { area } : UNKNOWN;
  }
  const [name = ''] = decoded;
  switch (area) {
    case 'tools':
    case 'prompts': {
      const answers = rest.length === 2 && rest[1] === 'answers';
      if (name === '' || (rest.length > 1 && !answers)) return UNKNOWN;
      return { area: area === 'tools' ? 'tool' : 'prompt', name, answers };
    }
    case 'resources':
      if (rest.length === 1 && rest[0] === 'answers') return { area: 'resource-answers' };
      // A proxy that decodes %2F makes several segments of one URI.
      return { area: 'resource', uri: decoded.join('/') };
    case 'calls':
      return rest.length === 1 && name !== '' ? { area: 'call', id: name } : UNKNOWN;
    default:
      return UNKNOWN;
  }
}

function isList(area: string): area is 'docs' | 'tools' | 'resources' | 'resource-templates' | 'prompts' {
  return (LISTS as ReadonlySet<string>).has(area);
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined; // a broken escape names nothing
  }
}
