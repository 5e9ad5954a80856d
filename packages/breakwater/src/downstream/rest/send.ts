import { entityTag, hasEntity, varyOf } from '../entity.ts';
import { PacedWriter } from '../paced-writer.ts';
import type { RestRequest } from './request.ts';

// Larger bodies are written in pieces, so that a client that does not read them is noticed.
const PACED_BYTES = 65_536;

/** Headers of everything that a server's words or bytes stand in: a browser must take them for what they are announced as. */
const SAFE = { 'x-content-type-options': 'nosniff', 'cross-origin-resource-policy': 'same-origin' } as const;

/** Sends a whole body that nobody may keep. Does nothing when an answer was begun or nobody is left. */
export function sendBody(
  { req, res, context }: RestRequest,
  status: number,
  body: Buffer,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (res.headersSent || res.destroyed) return;
  const vary = varyOf(res, headers['vary']);
  res.writeHead(status, {
    'content-type': 'application/json',
    'content-length': String(body.length),
    'cache-control': 'no-store',
    ...SAFE,
    ...headers,
    ...(vary === undefined ? {} : { vary }),
  });
  if (req.method === 'HEAD') res.end();
  else if (body.length <= PACED_BYTES) res.end(body);
  else {
    const { options, deps, backlog } = context;
    new PacedWriter(res, options, { clock: deps.clock, backlog }, noteNothing).end('ended', body);
  }
}

/** Sends what GET describes: kept by nobody but its caller, and asked for again each time by its tag. */
export function sendDescription(
  request: RestRequest,
  type: string,
  body: Buffer,
  headers: Readonly<Record<string, string>> = {},
  etag = entityTag(body),
): void {
  const { req, res } = request;
  const common = { etag, vary: 'Accept, Authorization', 'cache-control': 'private, no-cache', ...headers };
  if (hasEntity(req, etag)) {
    if (res.headersSent || res.destroyed) return;
    res.writeHead(304, { ...common, vary: varyOf(res, common.vary) });
    res.end();
  } else sendBody(request, 200, body, { 'content-type': type, ...common });
}

/** Sends a JSON value as {@link sendDescription} does. */
export function sendDescribed(request: RestRequest, value: object | Buffer): void {
  sendDescription(request, 'application/json', Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value)));
}

function noteNothing(): void {
  // A large body has no ledger entry: its exchange is over and its socket closes with it.
}
