import { type Arrival, baseUrlOf } from './inbound.ts';
import { splitTarget } from './paths.ts';

/**
 * Where a request that came over plain HTTP must go instead: the same path and query over https. Undefined when it may stay. Only after the Host was
 * found to be allowed: where no public URL is configured, it decides the address.
 */
export function httpsUrlFor(arrival: Arrival): string | undefined {
  const { context, req, caller } = arrival;
  const { httpsOnly, publicUrl } = context.options;
  if (caller.protocol === 'https' || (!httpsOnly && caller.httpsPort === undefined)) return undefined;
  const { path, query } = splitTarget(req.url ?? '/');
  const target = `${path.startsWith('/') ? path : '/'}${query === '' ? '' : `?${query}`}`;
  // The parser lets bytes above ASCII through, a header value does not hold them all.
  const escaped = target.replace(/[^\x21-\x7e]/g, encodeURIComponent);
  return `${publicUrl === undefined ? secureBase(arrival) : baseUrlOf(arrival)}${escaped}`;
}

function secureBase(arrival: Arrival): string {
  // A port of six digits is an allowed host and no URL.
  const url = URL.parse(baseUrlOf(arrival)) ?? new URL('http://localhost');
  const { httpsPort } = arrival.caller;
  url.port = httpsPort === undefined ? '' : String(httpsPort);
  url.protocol = 'https:';
  return url.origin;
}
