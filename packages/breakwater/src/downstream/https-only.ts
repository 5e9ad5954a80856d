import { type Arrival, baseUrlOf } from './inbound.ts';
import { splitTarget } from './paths.ts';

/**
 * Where a request that came over plain HTTP must go instead: the same path and query over https. Undefined when it may stay. Only after the Host was
 * found to be allowed: where no public URL is configured, it decides the address.
 */
export function httpsUrlFor(arrival: Arrival): string | undefined {
  const { context, req, caller } = arrival;
  if (caller.protocol === 'https' || (!context.options.httpsOnly && caller.httpsPort === undefined)) return undefined;
  const { path, query } = splitTarget(req.url ?? '/');
  const target = `${path.startsWith('/') ? path : '/'}${query === '' ? '' : `?${query}`}`;
  // The parser lets bytes above ASCII through, a header value does not hold them all.
  const escaped = target.replace(/[^\x21-\x7e]/g, encodeURIComponent);
  return `${baseUrlOf(arrival)}${escaped}`;
}
