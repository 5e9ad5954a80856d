import type { HeaderLines } from '../doctor/exchange.ts';
import { hideString, placeholder } from './placeholder.ts';
import type { Pseudonyms } from './pseudonyms.ts';
import { isPlainName, scrub, scrubAddresses } from './secrets.ts';

/** Headers whose value says how, not what or who. Every other value is hidden: credentials travel in headers nobody knows. */
const KEPT =
  /^(accept|content-type|content-length|content-encoding|transfer-encoding|connection|cache-control|allow|vary|retry-after|x-accel-buffering|user-agent|www-authenticate|mcp-protocol-version|mcp-method|access-control-(allow|request|expose)-[a-z-]+|access-control-max-age)$/;
/** Headers in which proxies write where somebody is. They are not recorded at all. */
const WHERE =
  /^(forwarded|via|x-forwarded(-.*)?|x-real-ip|x-client-ip|x-cluster-client-ip|x-originating-ip|x-remote-(ip|addr)|client-ip|true-client-ip|cf-connecting-ip(v6)?|cf-ray|cf-ipcountry|fly-client-ip|fastly-client-ip|x-envoy-external-address)$/;
const SCHEMES = /^(bearer|basic|digest|negotiate|dpop)\b/i;
/** Of these methods Mcp-Name is the name of a tool or a prompt; of the others it says what somebody reads. */
const NAMED_METHODS = new Set(['tools/call', 'prompts/get']);
const SESSION_PARAMETER = /^session_?id$/i;
const MOST_CHARS = 300;
/** As many as a record may have. */
const MOST_HEADERS = 500;

/** Header lines as they may be recorded. */
export function redactHeaders(lines: HeaderLines, names: Pseudonyms, keepValues: boolean): [string, string][] {
  const methods = lines.filter(([name]) => name.toLowerCase() === 'mcp-method').map(([, method]) => method.trim());
  const isNamed = methods.length > 0 && methods.every((method) => NAMED_METHODS.has(method));
  return lines
    .filter(([name]) => !WHERE.test(name.toLowerCase()))
    .slice(0, MOST_HEADERS)
    .map(([name, value]) => {
      // A header name is a caller's text, too.
      const shown = isPlainName(name) ? name : 'x-hidden';
      return [shown, redactHeader(name.toLowerCase(), value, { names, keepValues, isNamed })];
    });
}

function redactHeader(
  name: string,
  value: string,
  {
    names,
    keepValues,
    isNamed,
  }: { readonly names: Pseudonyms; readonly keepValues: boolean; readonly isNamed: boolean },
): string {
  if (name === 'mcp-session-id') return names.of('session', value);
  if (name === 'last-event-id') return names.of('event', value);
  if (name === 'mcp-name') {
    // In the body the same name is hidden in the same way: a replay sends one that fits.
    if (isNamed && isPlainName(value) && !value.includes('://')) return value;
    return keepValues ? scrub(value) : hideString(value);
  }
  if (name.startsWith('mcp-param-')) return keepValues ? scrubAddresses(value) : placeholder('hidden');
  if (name === 'authorization' || name === 'proxy-authorization') {
    const [scheme = ''] = SCHEMES.exec(value) ?? [];
    return `${scheme} ${placeholder('secret')}`.trim();
  }
  if (!KEPT.test(name)) return placeholder('hidden');
  const clean = scrubAddresses(value);
  return clean.length > MOST_CHARS ? `${clean.slice(0, MOST_CHARS)}…` : clean;
}

/** A path as it may be recorded: segments that could be somebody's become pseudonyms, and so do all that name a resource. */
export function redactPath(path: string, names: Pseudonyms): string {
  const segments = path.split('/');
  const resource = segments.indexOf('resources') + 1;
  return segments
    .map((segment, at) => {
      const isResource = resource > 0 && at >= resource && !(segment === 'answers' && at === segments.length - 1);
      return segment === '' || (!isResource && isPlainSegment(segment)) ? segment : names.of('ref', segment);
    })
    .join('/');
}

/** Parameters of a query as they may be recorded: names, session pseudonyms, and how long the rest was. */
export function redactQuery(search: string, names: Pseudonyms): [string, string][] {
  return [...new URLSearchParams(search)].map(([name, value]) => [
    isPlainName(name) ? name : names.of('key', name),
    SESSION_PARAMETER.test(name) ? names.of('session', value) : hideString(value),
  ]);
}

/** The address in an `endpoint` event, or in another text that is a path with a query. */
export function redactAddress(address: string, names: Pseudonyms): string {
  const url = URL.parse(address, 'http://recorded.invalid');
  if (url === null) return hideString(address);
  const query = redactQuery(url.search, names).map(([name, value]) => `${name}=${value}`);
  return `${redactPath(url.pathname, names)}${query.length === 0 ? '' : `?${query.join('&')}`}`;
}

function isPlainSegment(segment: string): boolean {
  return /^[A-Za-z0-9._~-]{1,64}$/.test(segment) && isPlainName(segment);
}
