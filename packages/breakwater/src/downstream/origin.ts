/**
 * True when a Host header names one of `allowed`. A page under an attacker's name that resolves to this address (DNS rebinding)
 * sends its own name; the port says nothing about who sent it.
 */
export function isAllowedHost(host: string | undefined, allowed: readonly string[]): boolean {
  if (allowed.includes('*')) return true;
  if (host === undefined) return false;
  const name = host.toLowerCase();
  if (allowed.includes(name)) return true;
  const colon = name.startsWith('[') ? name.indexOf(':', name.indexOf(']')) : name.indexOf(':');
  return colon >= 0 && /^\d*$/.test(name.slice(colon + 1)) && allowed.includes(name.slice(0, colon));
}

/**
 * True when Host was sent more than once (RFC 9112 §3.2). Attack: Node keeps the first one, and whoever stands before us may have gone by the last.
 */
export function repeatsHost(rawHeaders: readonly string[]): boolean {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === 4 && name.toLowerCase() === 'host') count++;
  }
  return count > 1;
}

/** True when a browser's Origin is one of `allowed`; `scheme://host:*` allows any port or none. */
export function isAllowedOrigin(origin: string, allowed: readonly string[]): boolean {
  const value = origin.toLowerCase();
  for (const pattern of allowed) {
    if (pattern === '*' || pattern === value) return true;
    if (!pattern.endsWith(':*')) continue;
    const stem = pattern.slice(0, -2);
    if (value === stem || (value.startsWith(`${stem}:`) && /^\d+$/.test(value.slice(stem.length + 1)))) return true;
  }
  return false;
}

/**
 * True when the gateway is told of an address that others reach it by: what it publishes there, anybody can fetch, so any page may read it. Elsewhere a page
 * could tell its author what runs on the machine of who looks at it.
 */
export function isPublicSite(publicUrl: string | undefined): boolean {
  if (publicUrl === undefined) return false;
  const { hostname } = new URL(publicUrl);
  return hostname !== 'localhost' && hostname !== '[::1]' && !/^127(\.\d{1,3}){3}$/.test(hostname);
}
