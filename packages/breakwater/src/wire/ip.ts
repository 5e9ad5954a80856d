const OCTET = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const IPV4 = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`);
const GROUP = /^[0-9a-f]{1,4}$/i;
const GROUPS = 8;

/**
 * The one text of an IP address: lower case, shortest form, without zone, an IPv4-mapped address as the IPv4 address it is. Undefined for what is no
 * address. Two spellings of one address must not be two callers.
 */
export function readIp(text: string): string | undefined {
  if (IPV4.test(text)) return text;
  const zone = text.indexOf('%');
  const groups = readGroups(zone < 0 ? text : text.slice(0, zone));
  return groups === undefined ? undefined : writeIpv6(groups);
}

/** True for the text of an IPv4 address. */
export function isIpv4(text: string): boolean {
  return IPV4.test(text);
}

/** The text of the address in 16 bytes of the network's order. */
export function ipv6Of(bytes: Buffer): string {
  return writeIpv6(Array.from({ length: GROUPS }, (_, index) => bytes.readUInt16BE(index * 2)));
}

/** The first 64 bits of an IPv6 address, which one customer has to himself; the text itself for what is no such address. */
export function networkOf(text: string): string {
  const groups = readGroups(text);
  return groups === undefined ? text : writeIpv6([...groups.slice(0, 4), 0, 0, 0, 0]);
}

function readGroups(text: string): number[] | undefined {
  const [head = '', tail, ...more] = text.split('::');
  if (more.length > 0) return undefined;
  const before = splitGroups(head, tail === undefined);
  const after = tail === undefined ? [] : splitGroups(tail, true);
  if (before === undefined || after === undefined) return undefined;
  const missing = GROUPS - before.length - after.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  return [...before, ...Array<number>(missing).fill(0), ...after];
}

function splitGroups(text: string, isLast: boolean): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const last = parts.at(-1) ?? '';
  const dotted = isLast && IPV4.test(last) ? last.split('.').map(Number) : undefined;
  if (dotted !== undefined) parts.pop();
  if (!parts.every((part) => GROUP.test(part))) return undefined;
  const groups = parts.map((part) => Number.parseInt(part, 16));
  if (dotted === undefined) return groups;
  const [a = 0, b = 0, c = 0, d = 0] = dotted;
  return [...groups, a * 256 + b, c * 256 + d];
}

function writeIpv6(groups: readonly number[]): string {
  const [high = 0, low = 0] = groups.slice(6);
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return [high >> 8, high & 255, low >> 8, low & 255].join('.');
  }
  const texts = groups.map((group) => group.toString(16));
  const { start, length } = longestZeros(groups);
  // RFC 5952 §4.2.2: a single group is not shortened.
  if (length < 2) return texts.join(':');
  return `${texts.slice(0, start).join(':')}::${texts.slice(start + length).join(':')}`;
}

function longestZeros(groups: readonly number[]): { readonly start: number; readonly length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (const [index, group] of groups.entries()) {
    if (group !== 0) start = index + 1;
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start };
  }
  return best;
}
