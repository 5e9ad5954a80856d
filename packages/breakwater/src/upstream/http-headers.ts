const OWNED: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'keep-alive',
  'last-event-id',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** True for a header that the gateway sets on the upstream leg itself: configuration cannot override it. */
export function isOwnedHeader(name: string): boolean {
  const lower = name.toLowerCase();
  return OWNED.has(lower) || lower.startsWith('mcp-');
}

// Field values as RFC 9110 allows them; undici would fail each request on anything else, at a place that says less.
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** The configured headers that may be sent, names and values by turns. A name the gateway owns is dropped; an impossible value is a TypeError. */
export function ownHeaders(configured: Readonly<Record<string, string>>): readonly string[] {
  const headers: string[] = [];
  let isNamed = false;
  for (const [name, value] of Object.entries(configured)) {
    if (isOwnedHeader(name)) continue;
    if (!HEADER_VALUE.test(value))
      throw new TypeError(`The configured header "${name}" holds characters that no header may hold.`);
    isNamed ||= name.toLowerCase() === 'user-agent';
    headers.push(name, value);
  }
  if (!isNamed) headers.push('user-agent', 'breakwater');
  return headers;
}

/** What every POST of a message carries. Both types, always: servers refuse one alone. */
export const POST_HEADERS: readonly string[] = [
  'content-type',
  'application/json',
  'accept',
  'application/json, text/event-stream',
];

/** What every GET of a stream carries. */
export const GET_HEADERS: readonly string[] = ['accept', 'text/event-stream'];
