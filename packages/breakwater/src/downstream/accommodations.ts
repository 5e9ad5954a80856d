import type { Emit } from '../core/events.ts';
import type { RouteOptions } from './options.ts';

/** One named tolerance for clients outside the specification: switchable per route and counted when it made the difference. */
export interface Accommodation {
  readonly id: string;
  readonly title: string;
  /** Who was seen to need it; sections of the field notes and issue numbers. */
  readonly evidence: string;
  readonly default: boolean;
}

/** The closed table of accommodations; ids are part of the public surface. */
export const ACCOMMODATIONS = [
  {
    id: 'content-type-missing',
    title: 'A POST without Content-Type is read as JSON, unless a browser sent it.',
    evidence: 'curl scripts; MCP field notes client 8.',
    default: true,
  },
  {
    id: 'accept-missing',
    title: 'A POST without Accept is answered with JSON.',
    evidence: 'Plain HTTP clients; honojs/middleware#1799.',
    default: true,
  },
  {
    id: 'accept-wildcard',
    title: 'A POST whose Accept is a wildcard is answered with JSON.',
    evidence: 'curl, requests, mcp-spider; python-sdk#2349.',
    default: true,
  },
  {
    id: 'wildcard-2024',
    title: 'A client of 2024-11-05 whose Accept is a wildcard is answered with event streams.',
    evidence:
      'The published 20-line client reads the first "data: " line (field notes client 45). On, because nobody was seen who says 2024-11-05 with a wildcard and parses JSON; those say a later revision.',
    default: true,
  },
  {
    id: 'accept-foreign',
    title: 'A POST of the legacy era whose Accept names neither JSON nor event streams is answered with JSON.',
    evidence: 'RFC 9110 §12.5.1 allows it; no client was seen to need it, so it waits for one.',
    default: false,
  },
  {
    id: 'accept-json-only',
    title: 'A POST that accepts JSON alone gets JSON; notifications of the call are dropped.',
    evidence: 'Gemini CLI; relay-registry.',
    default: true,
  },
  {
    id: 'accept-sse-only',
    title: 'A POST that accepts event streams alone gets one.',
    evidence: 'Java SDK; claude.ai proxy.',
    default: true,
  },
  {
    id: 'liveness-probe',
    title: 'GET and HEAD that ask for no event stream get 200 with facts about the endpoint instead of 405.',
    evidence: 'AIP-1 §7.3.4; xaa-skills-index, MCPScoringEngine and relay-registry read 405 as down.',
    default: true,
  },
  {
    id: 'downgraded-post',
    title: 'A GET with a JSON Content-Type is told that a redirect turned its POST into it.',
    evidence: 'MCP field notes client 6: 301 from http to https, sent again as GET.',
    default: true,
  },
  {
    id: 'delete-idempotent',
    title: 'DELETE of a session that is unknown, already ended or not named answers 200.',
    evidence: 'AIP-1 §7.3.2; clients that repeat DELETE after a lost answer.',
    default: true,
  },
  {
    id: 'initialized-skipped',
    title: 'The first request completes a handshake whose notifications/initialized never came.',
    evidence: 'claude-code#59835; tunnel-client#45; mcp-spider.',
    default: true,
  },
  {
    id: 'initialized-doubled',
    title: 'A repeated notifications/initialized is accepted.',
    evidence: 'Clients that retry notifications.',
    default: true,
  },
  {
    id: 'initialized-sessionless',
    title: 'notifications/initialized without a session header is accepted and has no effect.',
    evidence: 'Ae/JS 0.62.0; relay-registry.',
    default: true,
  },
  {
    id: 'initialize-with-session-id',
    title: 'A session id sent with initialize is ignored and a new session is made.',
    evidence: 'OmniRoute#5957: the old id is sent again and the client loops on 404.',
    default: true,
  },
  {
    id: 'initialize-pinned-version',
    title: 'A protocol version header that disagrees with the body of initialize is ignored.',
    evidence: 'Proxies that pin the header on every request; wmcp.sh grader.',
    default: true,
  },
  {
    id: 'sessionless-requests',
    title: 'A legacy request without a session id is served with no client capabilities.',
    evidence: 'ext-apps#647 (ChatGPT); relay-registry; wmcp.sh grader; mcp-searxng#256.',
    default: true,
  },
  {
    id: 'version-mismatch',
    title: 'A protocol version header that differs from the negotiated revision is served with the negotiated one.',
    evidence: 'agentgateway#2980.',
    default: true,
  },
  {
    id: 'legacy-claim',
    title:
      'The modern version key in _meta naming a legacy revision is ignored where a session or an initialize says more.',
    evidence: 'Dual-era libraries that always add the envelope.',
    default: true,
  },
  {
    id: 'batch-unknown-version',
    title: 'A batch without session and version header is served as 2025-03-26.',
    evidence: 'Old scripts; MCP 2025-06-18 says to assume 2025-03-26.',
    default: true,
  },
  {
    id: 'duplicate-ids',
    title: 'Requests of one session may be in flight under the same JSON-RPC id.',
    evidence: 'claude.ai sends id 1 for every request of a pooled session; typescript-sdk#2433, python-sdk#3060.',
    default: true,
  },
  {
    id: 'trailing-slash',
    title: 'The endpoint also answers with a slash at its end.',
    evidence: 'Pasted URLs; catalogue bots.',
    default: true,
  },
  {
    id: 'escaped-link',
    title: 'The endpoint’s path with the rest of a markup link behind it (/mcp&quot) is redirected to the endpoint.',
    evidence: 'GPTBot, field notes client 41: links cut out of escaped markup.',
    default: true,
  },
  {
    id: 'sse-path-post',
    title: 'The 2024 stream path also serves Streamable HTTP.',
    evidence: 'MCP field notes clients 8, 9, 12, 17 and 22.',
    default: true,
  },
] as const satisfies readonly Accommodation[];

/** An id of the table. */
export type AccommodationId = (typeof ACCOMMODATIONS)[number]['id'];

const DEFAULTS: ReadonlyMap<string, boolean> = new Map(ACCOMMODATIONS.map((row) => [row.id, row.default]));

/** True for an id of the table. */
export function isAccommodationId(id: string): id is AccommodationId {
  return DEFAULTS.has(id);
}

/** Whether the accommodation is switched on for this route. */
export function hasAccommodation(id: AccommodationId, route: RouteOptions): boolean {
  return route.accommodations[id] ?? DEFAULTS.get(id) ?? false;
}

/** As {@link hasAccommodation}; call it only where it makes the difference, because it counts. */
export function useAccommodation(id: AccommodationId, route: RouteOptions, emit: Emit): boolean {
  if (!hasAccommodation(id, route)) return false;
  emit({ type: 'accommodation', id, route: route.path });
  return true;
}
