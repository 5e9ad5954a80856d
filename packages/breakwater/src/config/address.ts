import { isIP } from 'node:net';

/** What an entry of `allowedHosts` looks like. */
export const HOST_PATTERN = /^(\*|\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?$/;
/** What an entry of `allowedOrigins` looks like. */
export const ORIGIN_PATTERN = /^(\*|null|[a-z][a-z0-9+.-]*:\/\/[^/\s*]+(:\*)?)$/;
/** What an address to listen on looks like. */
export const LISTEN_HOST_PATTERN = /^[A-Za-z0-9._:[\]-]+$/;

const WILDCARD_HOSTS = new Set(['0.0.0.0', '::', '[::]']);

/** Whether listening on this host means listening on every interface. */
export function isWildcardHost(host: string): boolean {
  return WILDCARD_HOSTS.has(host);
}

/** Whether only this machine reaches who listens on this host. */
export function isLoopbackHost(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '').toLowerCase();
  return name === 'localhost' || name === '::1' || /^127(\.\d{1,3}){3}$/.test(name);
}

/** Whether a text is an absolute http or https URL. */
export function isHttpUrl(text: string): boolean {
  const protocol = URL.parse(text)?.protocol;
  return protocol === 'http:' || protocol === 'https:';
}

/** Whether a text can be the gateway's public address: http or https, without query, fragment or credentials. */
export function isPublicUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && isHttpUrl(text) && url.search + url.hash + url.username + url.password === '';
}

/** Whether a text can be sent as a header value; a line break in one would let it smuggle further headers. */
export function isHeaderValue(text: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(text);
}

/** What an HTTP header name looks like (RFC 9110 token). */
export const HEADER_NAME_PATTERN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

const NAMED_NETWORKS = new Set(['loopback', 'linklocal', 'uniquelocal']);

/** Whether a text names a network: an IP address, one with a prefix length, or one of the known names. */
export function isNetwork(text: string): boolean {
  if (NAMED_NETWORKS.has(text)) return true;
  const [address = '', bits, ...more] = text.split('/');
  const version = isIP(address);
  // A zone is a place on one machine, not part of an address that a socket or a header tells.
  if (version === 0 || address.includes('%') || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}
