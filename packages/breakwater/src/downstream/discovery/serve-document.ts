import { entityTag, hasEntity, varyOf } from '../entity.ts';
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
  const etag = entityTag(bytes);
  // What anybody can fetch, any page may read.
  if (freshness === 'shared' && isPublicSite(context.options.publicUrl))
    res.setHeader('access-control-allow-origin', '*');
  const vary = varyOf(res, negotiated === true ? 'Accept' : undefined);
  const common = {
    etag,
    ...(vary === undefined ? {} : { vary }),
    'cache-control': freshness === 'shared' ? SHARED : 'no-cache',
    link: discoveryLinks(site.base),
    'x-content-type-options': 'nosniff',
    ...headers,
  };
  if (hasEntity(req, etag)) {
    res.writeHead(304, common);
    res.end();
    return;
  }
  res.writeHead(200, { ...common, 'content-type': type, 'content-length': String(bytes.length) });
  res.end(req.method === 'HEAD' ? undefined : bytes);
}
