import type { IncomingMessage, ServerResponse } from 'node:http';

const METHODS = 'GET, POST, DELETE, HEAD, OPTIONS';
const HEADERS = [
  'Accept',
  'Authorization',
  'Content-Type',
  'If-None-Match',
  'Last-Event-ID',
  'MCP-Protocol-Version',
  'Mcp-Method',
  'Mcp-Name',
  'Mcp-Session-Id',
  'Prefer',
];
const KNOWN: ReadonlySet<string> = new Set(HEADERS.map((name) => name.toLowerCase()));
const EXPOSED =
  'Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate, Retry-After, ETag, Location, Preference-Applied';
const MAX_AGE_S = 600;

/** Lets the page of an allowed origin read the answer. */
export function allowOrigin(res: ServerResponse, origin: string, any: boolean): void {
  res.setHeader('access-control-allow-origin', any ? '*' : origin);
  if (!any) res.setHeader('vary', 'Origin');
  res.setHeader('access-control-expose-headers', EXPOSED);
}

/** Answers OPTIONS: what a page may send. CORS knows no prefixes, so requested `Mcp-*` names are repeated. */
export function answerPreflight(req: IncomingMessage, res: ServerResponse): void {
  const asked = String(req.headers['access-control-request-headers'] ?? '').split(',');
  const extra = asked.map((name) => name.trim().toLowerCase()).filter((name) => /^mcp-[a-z0-9-]{1,64}$/.test(name));
  const unknown = extra.filter((name) => !KNOWN.has(name));
  res.writeHead(204, {
    allow: METHODS,
    'access-control-allow-methods': METHODS,
    'access-control-allow-headers': [...HEADERS, ...unknown].join(', '),
    'access-control-expose-headers': EXPOSED,
    'access-control-max-age': String(MAX_AGE_S),
  });
  res.end();
}
