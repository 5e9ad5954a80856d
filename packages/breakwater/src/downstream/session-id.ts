import type { Inbound } from './inbound.ts';
import { refuse } from './refusal.ts';

const HEADER = 'mcp-session-id';
/** The ids of a fleet carry the session. */
const LONGEST = 2_048;

/** The session id of a request; undefined when it names none, null when it was refused for naming too much. */
export function readSessionId(inbound: Inbound): string | undefined | null {
  const value = inbound.req.headers[HEADER];
  if (typeof value !== 'string') return undefined;
  if (value.length > LONGEST) {
    refuse(inbound, 'session.missing', { message: 'The Mcp-Session-Id header is too long.' });
    return null;
  }
  if (!value.includes(',')) return value;
  // Node joins repeated headers. Attack: two ids, of which a proxy in front checked the first and we would serve the second.
  const [first, ...others] = inbound.req.headersDistinct[HEADER] ?? [];
  if (others.every((other) => other === first)) return first;
  refuse(inbound, 'session.missing', {
    message: 'The Mcp-Session-Id header occurs more than once with different values.',
  });
  return null;
}
