import type { z } from 'zod';
import { isHeaderValue, isHttpUrl } from './address.ts';
import { defaultRoutes } from './defaults.ts';
import type { Text } from './fields.ts';
import type { Listen } from './schema-listen.ts';
import { suggest } from './suggest.ts';

/** The part of a configuration that the cross-checks read. */
interface Checked {
  readonly listen: Listen;
  readonly publicUrl?: string | undefined;
  readonly trustedProxies: readonly string[];
  readonly store?: Text | undefined;
  readonly fleet?: object | undefined;
  readonly upstreams: Readonly<Record<string, CheckedUpstream>>;
  readonly routes?:
    | readonly { readonly path: string; readonly upstreams?: readonly string[] | undefined }[]
    | undefined;
}

interface CheckedUpstream {
  readonly disabled: boolean;
  readonly prefix?: string | false | undefined;
  readonly url?: Text;
  readonly headers?: Readonly<Record<string, Text>>;
  readonly restart?: { readonly minDelayMs: number; readonly maxDelayMs: number };
}

type Report = (path: readonly PropertyKey[], message: string) => void;

/** First path segments the gateway answers itself on every node. */
const RESERVED_ROOTS = new Set([
  '.well-known',
  'health',
  'healthz',
  'livez',
  'message',
  'messages',
  'metrics',
  'ping',
  'ready',
  'readyz',
  'sse',
]);
/** Last path segments that belong to the 2024 transport of the route above them. */
const RESERVED_TAILS = new Set(['sse', 'messages', 'message']);

/** Reports what single fields cannot show: unknown upstreams, clashing paths, clashing name prefixes, bad addresses. */
export function checkSemantics(config: Checked, context: z.RefinementCtx): void {
  const report: Report = (path, message) => context.addIssue({ code: 'custom', path: [...path], message });
  const names = Object.keys(config.upstreams);
  if (names.length === 0) report(['upstreams'], 'expected at least one upstream');
  for (const name of names) {
    const upstream = config.upstreams[name];
    if (upstream !== undefined) checkUpstream(name, upstream, report);
  }
  checkRoutes(config, report);
  checkListen(config, report);
  if (config.store !== undefined && config.fleet === undefined) {
    report(
      ['store'],
      'expected fleet.secret beside the store: what nodes keep there and say to each other is sealed by it',
    );
  }
}

function checkListen({ listen, publicUrl, trustedProxies }: Checked, report: Report): void {
  const { tls, port, httpsOnly, proxyProtocol } = listen;
  const isPublicPlain = publicUrl?.startsWith('http:') === true;
  if (proxyProtocol && trustedProxies.length === 0) {
    report(
      ['listen', 'proxyProtocol'],
      'expected trustedProxies to name the proxies: from nobody else a header is accepted',
    );
  }
  if (httpsOnly && publicUrl?.startsWith('https:') !== true) {
    report(['listen', 'httpsOnly'], 'expected publicUrl to be the https address that clients are sent to');
  }
  if (tls?.redirectPort === undefined) return;
  if (tls.redirectPort === port && port !== 0) {
    report(['listen', 'tls', 'redirectPort'], 'expected another port than listen.port');
  }
  // Attack on oneself: such a redirect would lead back to where it came from, for ever.
  if (isPublicPlain) report(['listen', 'tls', 'redirectPort'], 'expected publicUrl to be an https address');
}

function checkUpstream(name: string, upstream: CheckedUpstream, report: Report): void {
  if (typeof upstream.url === 'string' && !isHttpUrl(upstream.url)) {
    report(['upstreams', name, 'url'], 'expected an http or https URL');
  }
  for (const [header, value] of Object.entries(upstream.headers ?? {})) {
    if (typeof value === 'string' && !isHeaderValue(value)) {
      report(['upstreams', name, 'headers', header], 'expected a header value: no line breaks or control characters');
    }
  }
  if (upstream.restart !== undefined && upstream.restart.minDelayMs > upstream.restart.maxDelayMs) {
    report(['upstreams', name, 'restart'], 'expected minDelay to be at most maxDelay');
  }
}

function checkRoutes(config: Checked, report: Report): void {
  const enabled = Object.keys(config.upstreams).filter((name) => config.upstreams[name]?.disabled === false);
  const written = config.routes !== undefined;
  const clashes = new Set<string>();
  const firstWithPath = new Map<string, number>();
  for (const [index, route] of (config.routes ?? defaultRoutes(config.upstreams)).entries()) {
    const own = route.upstreams ?? enabled;
    // A default route has no place in the file: its faults are those of the upstream that it is named after.
    const at = (...rest: PropertyKey[]) => (written ? ['routes', index, ...rest] : ['upstreams', own[0] ?? '']);
    if (isReserved(route.path)) report(at('path'), `"${route.path}" is reserved for the gateway's own answers`);
    const earlier = firstWithPath.get(route.path);
    if (earlier !== undefined) report(at('path'), `"${route.path}" is already the path of routes[${earlier}]`);
    else firstWithPath.set(route.path, index);
    checkNames(config, own, at, report);
    checkPrefixes(config, own, at, clashes, report);
  }
}

function isReserved(path: string): boolean {
  const segments = path.split('/').slice(1);
  return RESERVED_ROOTS.has(segments[0] ?? '') || RESERVED_TAILS.has(segments.at(-1) ?? '');
}

function checkNames(
  config: Checked,
  names: readonly string[],
  at: (...rest: PropertyKey[]) => PropertyKey[],
  report: Report,
): void {
  for (const [position, name] of names.entries()) {
    // hasOwn: "constructor" names no upstream, although every object has one.
    if (!Object.hasOwn(config.upstreams, name)) {
      report(
        at('upstreams', position),
        `no upstream is named "${name}"${suggest(name, Object.keys(config.upstreams))}`,
      );
    } else if (names.indexOf(name) !== position) {
      report(at('upstreams', position), `"${name}" stands twice in this route`);
    }
  }
}

/** Reports pairs of upstreams whose public names could be the same; each pair once, however many routes serve both. */
function checkPrefixes(
  config: Checked,
  names: readonly string[],
  at: (...rest: PropertyKey[]) => PropertyKey[],
  reported: Set<string>,
  report: Report,
): void {
  const seen: { name: string; head: string }[] = [];
  for (const [position, name] of names.entries()) {
    if (!Object.hasOwn(config.upstreams, name) || names.indexOf(name) !== position) continue;
    const prefix = config.upstreams[name]?.prefix ?? (names.length > 1 ? name : false);
    if (prefix === false) continue;
    const head = `${prefix}__`;
    // "a" and "a__b" clash as well: tool "b__x" of the one and tool "x" of the other would both be "a__b__x".
    const clash = seen.find((other) => head.startsWith(other.head) || other.head.startsWith(head));
    seen.push({ name, head });
    if (clash === undefined || reported.has(JSON.stringify([name, clash.name].sort()))) continue;
    reported.add(JSON.stringify([name, clash.name].sort()));
    const shared = head.length > clash.head.length ? head : clash.head;
    report(at('upstreams', position), `names of "${clash.name}" and "${name}" clash: both can begin with "${shared}"`);
  }
}
