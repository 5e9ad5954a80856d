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

/** Say where a message ends and whom it is for: a sender that could have them dropped would choose what the next node takes for the next message. */
const NEVER_NAMED: ReadonlySet<string> = new Set(['content-length', 'host']);

/** The headers that go on with a message (RFC 9110 §7.6.1), names and values by turns as they came. Never one that speaks for a peer. */
export function passedHeaders(raw: readonly string[], without: readonly string[] = []): string[] {
  const dropped = new Set([...HOP_BY_HOP, ...without, PEER_HEADER]);
  for (const [name, value] of pairs(raw)) {
    if (name !== 'connection') continue;
    for (const option of value.toLowerCase().split(',')) {
      const named = option.trim();
      if (!NEVER_NAMED.has(named)) dropped.add(named);
    }
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

/** The mark of a request that is passed on: what is said of it, to be sealed. */
export function writeMark({ node, principal, remoteAddress, protocol, host }: Forwarded): string {
  const { key, personal } = principal;
  return JSON.stringify({ node, principal: { key, personal }, remoteAddress, protocol, host });
}

/** Reads a mark; undefined for anything else. */
export function readMark(mark: string): Forwarded | undefined {
  let value: unknown;
  try {
    value = JSON.parse(mark);
  } catch {
    return undefined; // a peer of another version
  }
  if (!isObject(value) || !isObject(value['principal'])) return undefined;
  const { node, remoteAddress, protocol, host } = value;
  const { key, personal } = value['principal'];
  const isMark =
    typeof node === 'string' &&
    typeof remoteAddress === 'string' &&
    (protocol === 'http' || protocol === 'https') &&
    (host === undefined || typeof host === 'string') &&
    typeof key === 'string' &&
    typeof personal === 'boolean';
  return isMark ? { node, remoteAddress, protocol, host, principal: { key, personal } } : undefined;
}
