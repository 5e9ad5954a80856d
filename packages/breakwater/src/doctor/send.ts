import type { HeaderLines } from './exchange.ts';
import type { Outgoing } from './messages.ts';

/** `Accept` of a client of the book. */
export const BOTH = 'application/json, text/event-stream';
/** `Accept` of who asks for a stream alone. */
export const SSE = 'text/event-stream';
/** What a script may say of a request; what it leaves out is what a client of the book sends. */
export interface Send {
  /** GET, or POST when there is a body. */
  readonly method?: string;
  /** Path and query on the server's origin; the endpoint when absent. */
  readonly path?: string;
  /** Content-Type of a body; `null` sends none. */
  readonly type?: string | null;
  /** `null` sends none. */
  readonly accept?: string | null;
  readonly sid?: string | undefined;
  /** `MCP-Protocol-Version`. */
  readonly version?: string | undefined;
  /** Header lines after the usual ones. */
  readonly headers?: HeaderLines;
  /** Leaves out what the operator adds to every request. */
  readonly withoutExtra?: true;
  /** The whole head, by the length of the body, in place of everything above but method and path. */
  readonly headFor?: (bytes: number) => HeaderLines;
  readonly body?: Outgoing | readonly unknown[] | string;
  /** Longest wait for this answer, where it is shorter than usual. */
  readonly waitMs?: number;
}

/** What a head is written from beside what a script says. */
export interface HeadInit {
  readonly url: URL;
  /** Length of the body; undefined when there is none. */
  readonly bytes: number | undefined;
  readonly agent: string | undefined;
  /** Lines the operator adds to every request. */
  readonly extra: HeaderLines;
}

/** The header lines of a request, all of them, in order. */
export function headOf(send: Send, { url, bytes, agent, extra }: HeadInit): HeaderLines {
  if (send.headFor !== undefined) return send.headFor(bytes ?? 0);
  const { type = 'application/json', accept = BOTH, sid, version, headers = [], method } = send;
  const lines: [string, string][] = [['Host', url.host]];
  if (agent !== undefined) lines.push(['User-Agent', agent]);
  if (accept !== null) lines.push(['Accept', accept]);
  if (bytes !== undefined && type !== null) lines.push(['Content-Type', type]);
  if (version !== undefined) lines.push(['MCP-Protocol-Version', version]);
  if (sid !== undefined) lines.push(['Mcp-Session-Id', sid]);
  const own = new Set(headers.map(([name]) => name.toLowerCase()));
  for (const [name, value] of extra) {
    if (send.withoutExtra !== true && !own.has(name.toLowerCase())) lines.push([name, value]);
  }
  for (const [name, value] of headers) lines.push([name, value]);
  if (bytes !== undefined || method === 'POST') lines.push(['Content-Length', String(bytes ?? 0)]);
  lines.push(['Connection', 'close']);
  return lines;
}
