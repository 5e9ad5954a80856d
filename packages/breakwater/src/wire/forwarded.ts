import { readIp } from './ip.ts';

/** How a request came in, as the socket and a PROXY header say it. */
export interface Connection {
  /** Address of whoever connected; undefined where there is none any more. */
  readonly peer: string | undefined;
  readonly protocol: 'http' | 'https';
  /** A proxy carries the bytes of somebody it does not name: forwarding headers are that somebody's. */
  readonly isUnnamed: boolean;
  /** Where https is served, on a port that only sends people there. */
  readonly httpsPort: number | undefined;
}

/** Who sent a request and how, as far as it can be believed. */
export interface Caller {
  /** The client's IP address, for logs and limits; never proof of who it is. */
  readonly address: string | undefined;
  readonly protocol: 'http' | 'https';
  /** The authority the client asked for, as a listed proxy tells it. */
  readonly host: string | undefined;
  readonly httpsPort: number | undefined;
}

/** Which headers the listed proxies write. The other family is never read: a client may have sent it. */
export type ForwardedFamily = 'x-forwarded' | 'forwarded';

/** What {@link readCaller} must know beside the request. */
export interface ForwardedOptions {
  readonly family: ForwardedFamily;
  /** Whether what this address says of others is believed. */
  readonly isTrusted: (address: string) => boolean;
}

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/** What one proxy says of the client it got the request from. */
interface Hop {
  readonly node: string | undefined;
  readonly protocol: string | undefined;
  readonly host: string | undefined;
}

/** More proxies in a row than anybody has. */
const MOST_HOPS = 32;

/**
 * Finds the caller behind listed proxies: the rightmost hop that is not listed. Headers of anybody else are not looked at, for whoever is reached first
 * can write there what it likes.
 */
export function readCaller(connection: Connection, headers: Headers, options: ForwardedOptions): Caller {
  const { protocol, httpsPort } = connection;
  const peer = connection.peer === undefined ? undefined : readIp(connection.peer);
  if (peer === undefined || connection.isUnnamed || !options.isTrusted(peer)) {
    return { address: peer, protocol, host: undefined, httpsPort };
  }
  const hops = options.family === 'forwarded' ? readForwarded(headers) : readXForwarded(headers);
  let address = peer;
  let said: Hop | undefined;
  for (const hop of hops) {
    if (said !== undefined && !options.isTrusted(address)) break;
    said = hop;
    const next = hop.node === undefined ? undefined : readNode(hop.node);
    // "unknown", a pseudonym or nonsense: the client is not further away than this, and has no address.
    if (next === undefined) break;
    address = next;
  }
  const told = said?.protocol?.toLowerCase();
  return { address, protocol: told === 'http' || told === 'https' ? told : protocol, host: said?.host, httpsPort };
}

/** The hops from the nearest on. */
function readXForwarded(headers: Headers): Hop[] {
  const nodes = listOf(headers['x-forwarded-for']);
  const protocols = listOf(headers['x-forwarded-proto']);
  const hosts = listOf(headers['x-forwarded-host']);
  // Each proxy may add to all three or replace the latter two. Only lists of one length belong together hop by hop; otherwise the nearest proxy has the word.
  const pick = (values: readonly string[], index: number): string | undefined =>
    values.length === nodes.length ? values[index] : values[0];
  if (nodes.length === 0) return [{ node: undefined, protocol: protocols[0], host: hosts[0] }];
  return nodes
    .slice(0, MOST_HOPS)
    .map((node, index) => ({ node, protocol: pick(protocols, index), host: pick(hosts, index) }));
}

/** The values of a list, the last one first. */
function listOf(header: Headers[string]): string[] {
  const text = textOf(header);
  return text === undefined
    ? []
    : text
        .split(',')
        .map((value) => value.trim())
        .reverse();
}

function textOf(header: Headers[string]): string | undefined {
  return header === undefined || typeof header === 'string' ? header : header.join(',');
}

/** The elements of RFC 7239 from the last one on. */
function readForwarded(headers: Headers): Hop[] {
  const hops: Hop[] = [];
  for (const element of elementsFromRight(textOf(headers['forwarded']) ?? '')) {
    const pairs = readPairs(element);
    hops.push({ node: pairs.get('for'), protocol: pairs.get('proto'), host: pairs.get('host') });
    if (hops.length === MOST_HOPS) break;
  }
  return hops;
}

// From the right: an open quote that a client sends must not swallow what the proxy appended to it.
function* elementsFromRight(text: string): Generator<string> {
  let end = text.length;
  let isQuoted = false;
  for (let at = text.length - 1; at >= 0; at--) {
    if (text[at] === '"') isQuoted = !isQuoted;
    if (text[at] !== ',' || isQuoted) continue;
    yield text.slice(at + 1, end);
    end = at;
  }
  yield text.slice(0, end);
}

const PAIR = /^([a-z]+)=(?:"([^"\\]*)"|([^\s",;=]+))$/i;

/** The parameters of one element; none when it is malformed. */
function readPairs(element: string): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (const text of element.split(';')) {
    const [, name = '', quoted, token] = PAIR.exec(text.trim()) ?? [];
    if (name === '' || pairs.has(name.toLowerCase())) return new Map();
    pairs.set(name.toLowerCase(), quoted ?? token ?? '');
  }
  return pairs;
}

/** The address of `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` and `[2001:db8::1]:80`. */
function readNode(text: string): string | undefined {
  const [, bracketed, v4] = /^(?:\[([^\]]*)\]|([\d.]+))(?::[\w.-]+)?$/.exec(text) ?? [];
  return readIp(bracketed ?? v4 ?? text);
}
