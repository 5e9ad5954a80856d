import { isWildcardHost } from './address.ts';

/** Names by which a machine reaches itself; a Host header that says one of them cannot come from DNS rebinding. */
const LOOPBACK_HOSTS = ['localhost', '127.0.0.1', '[::1]'];

/** The routes of a configuration that names none: `/mcp` over all enabled upstreams, and `/mcp/<name>` for each. */
export function defaultRoutes(
  upstreams: Readonly<Record<string, { readonly disabled: boolean }>>,
): { path: string; upstreams: string[] }[] {
  const names = Object.keys(upstreams).filter((name) => upstreams[name]?.disabled === false);
  if (names.length === 0) return [];
  return [{ path: '/mcp', upstreams: names }, ...names.map((name) => ({ path: `/mcp/${name}`, upstreams: [name] }))];
}

/** The whole Host allow-list: loopback names, the listening host, the public host, and what the file adds. */
export function defaultHosts(host: string, publicUrl: string | undefined, added: readonly string[]): string[] {
  const own = isWildcardHost(host) ? [] : [host.includes(':') && !host.startsWith('[') ? `[${host}]` : host];
  const open = publicUrl === undefined ? [] : [new URL(publicUrl).hostname];
  return [...new Set([...LOOPBACK_HOSTS, ...own, ...open, ...added].map((name) => name.toLowerCase()))];
}

/** The whole Origin allow-list: loopback origins on any port, the public origin, and what the file adds. */
export function defaultOrigins(publicUrl: string | undefined, added: readonly string[]): string[] {
  const loopback = LOOPBACK_HOSTS.flatMap((host) => [`http://${host}:*`, `https://${host}:*`]);
  const open = publicUrl === undefined ? [] : [new URL(publicUrl).origin];
  return [...new Set([...loopback, ...open, ...added].map((origin) => origin.toLowerCase()))];
}
