import { createHash } from 'node:crypto';
import type { Arrival } from '../inbound.ts';
import { isPublicSite } from '../origin.ts';
import { refusePlace } from '../refusal.ts';
import type { Document, Rendered } from './document.ts';
import { discoveryLinks } from './document-urls.ts';
import { describeSite, type Site } from './site.ts';

const ALLOW = 'GET, HEAD, OPTIONS';
/** As oauth.md E12 recommends: long enough for a scan, short enough for a reload. */
const SHARED = 'public, max-age=300';

/** Answers a request for a document by its verb; 404 when it has nothing to say here. */
export async function serveDocument(arrival: Arrival, document: Document, path: string): Promise<void> {
  const { method } = arrival.req;
  if (method !== 'GET' && method !== 'HEAD') return refusePlace(arrival, 'request.method', 'document', ALLOW);
  const site = describeSite(arrival);
  const rendered = await document.render({ arrival, site, path });
  if (rendered === undefined) return refusePlace(arrival, 'request.path', 'document');
  sendDocument(arrival, rendered, site);
}

function sendDocument(arrival: Arrival, { type, body, freshness, negotiated, headers }: Rendered, site: Site): void {
  const { req, res, context } = arrival;
  // The client may have left while the document was made.
  if (res.headersSent || res.destroyed) return;
  const bytes = Buffer.from(body);
  const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
  // What anybody can fetch, any page may read.
  if (freshness === 'shared' && isPublicSite(context.options.publicUrl))
    res.setHeader('access-control-allow-origin', '*');
  // Beside what the answer may vary with already: the Origin.
  if (negotiated === true) res.appendHeader('vary', 'Accept');
  const common = {
    etag,
    'cache-control': freshness === 'shared' ? SHARED : 'no-cache',
    link: discoveryLinks(site.base),
    'x-content-type-options': 'nosniff',
    ...headers,
  };
  if (isKnown(req.headers['if-none-match'], etag)) {
    res.writeHead(304, common);
    res.end();
    return;
  }
  res.writeHead(200, { ...common, 'content-type': type, 'content-length': String(bytes.length) });
  res.end(req.method === 'HEAD' ? undefined : bytes);
}

/** Whether If-None-Match names this entity; compared weakly (RFC 9110 §13.1.2): a proxy that compresses makes it weak. */
function isKnown(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((tag) => {
    const name = tag.trim();
    return name === '*' || name.replace(/^W\//, '') === etag;
  });
}
