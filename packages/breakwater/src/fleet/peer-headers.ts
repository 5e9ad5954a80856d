import type { Forwarded } from '../core/fleet.ts';
import { isObject } from '../protocol/capabilities.ts';

/** What a peer says of a request, in a header that means something on the peer port alone. */
export const PEER_HEADER = 'breakwater-peer';

const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'expect',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** The headers that go on with a message (RFC 9110 §7.6.1), names and values by turns as they came. Never one that speaks for a peer. */
export function passedHeaders(raw: readonly string[], without: readonly string[] = []): string[] {
  const dropped = new Set([...HOP_BY_HOP, ...without, PEER_HEADER]);
  for (const [name, value] of pairs(raw)) {
    if (name === 'connection') for (const named of value.split(',')) dropped.add(named.trim().toLowerCase());
  }
  const passed: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] ?? '';
    if (!dropped.has(name.toLowerCase())) passed.push(name, raw[at + 1] ?? '');
  }
  return passed;
}

function* pairs(raw: readonly string[]): Generator<readonly [name: string, value: string]> {
  for (let at = 0; at + 1 < raw.length; at += 2) yield [(raw[at] ?? '').toLowerCase(), raw[at + 1] ?? ''];
}

/** The mark of a request that is passed on, as a header value. */
export function writeMark(forwarded: Forwarded): string {
  const { node, principal, remoteAddress } = forwarded;
  const { key, personal } = principal;
  return Buffer.from(JSON.stringify({ node, principal: { key, personal }, remoteAddress })).toString('base64url');
}

/** Reads a mark; undefined for anything else. */
export function readMark(header: unknown): Forwarded | undefined {
  if (typeof header !== 'string') return undefined;
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(header, 'base64url').toString());
  } catch {
    return undefined; // a peer that speaks otherwise is no peer
  }
  if (!isObject(value) || !isObject(value['principal'])) return undefined;
  const { node, remoteAddress } = value;
  const { key, personal } = value['principal'];
  const isMark =
    typeof node === 'string' &&
    typeof remoteAddress === 'string' &&
    typeof key === 'string' &&
    typeof personal === 'boolean';
  return isMark ? { node, remoteAddress, principal: { key, personal } } : undefined;
}
