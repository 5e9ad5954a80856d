/** Where one server listens. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** What a store URL says. */
export interface RedisUrl {
  readonly kind: 'single' | 'sentinel' | 'cluster';
  /** The server, the Sentinels, or some nodes of the cluster. */
  readonly nodes: readonly [RedisAddress, ...RedisAddress[]];
  /** Name of the master that the Sentinels watch; empty for the other kinds. */
  readonly master: string;
  readonly db: number;
  readonly isTls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

const FORM = /^redis(s?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/?#]*)@)?([^@/?#]+)(?:\/([^?#]*))?(?:\?([^#]*))?$/;
const HOST = /^(?:\[([0-9a-fA-F:.]+)\]|([\w.-]+))(?::(\d{1,5}))?$/;
const DEFAULT_PORT = 6379;
const SENTINEL_PORT = 26379;
const EXAMPLES =
  'redis://host:6379/0, redis+sentinel://host:26379,host2:26379/mymaster?db=0 or redis+cluster://host:7000,host2:7001 ' +
  '(rediss for TLS; user:password@ before the hosts, percent-encoded)';

/**
 * Reads a store URL. Throws a TypeError that says what is wrong and how such a URL looks, and repeats nothing of it that could be a password.
 */
export function parseRedisUrl(url: string): RedisUrl {
  const form = FORM.exec(url);
  if (form === null) throw wrong('it has not the form of one');
  const [, tls, kind = 'single', userinfo, hosts = '', path = '', query = ''] = form;
  const port = kind === 'sentinel' ? SENTINEL_PORT : DEFAULT_PORT;
  const [first, ...others] = hosts.split(',').map((host) => parseHost(host, port));
  if (first === undefined || (kind === 'single' && others.length > 0)) throw wrong('it needs exactly one host');
  return {
    kind: kind as RedisUrl['kind'],
    nodes: [first, ...others],
    isTls: tls === 's',
    ...parsePath(kind as RedisUrl['kind'], path, new URLSearchParams(query)),
    ...parseUserinfo(userinfo),
  };
}

/** The URL as it may be shown: without credentials. */
export function describeRedisUrl({ kind, nodes, master, db, isTls }: RedisUrl): string {
  const scheme = `redis${isTls ? 's' : ''}${kind === 'single' ? '' : `+${kind}`}`;
  const hosts = nodes.map(describeAddress).join(',');
  if (kind === 'sentinel') return `${scheme}://${hosts}/${encodeURIComponent(master)}?db=${db}`;
  return kind === 'cluster' ? `${scheme}://${hosts}` : `${scheme}://${hosts}/${db}`;
}

/** `host:port`, with the brackets that an IPv6 address needs. */
export function describeAddress({ host, port }: RedisAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function parseHost(text: string, defaultPort: number): RedisAddress {
  const [, v6, name, port] = HOST.exec(text) ?? [];
  const host = v6 ?? name;
  const number = port === undefined ? defaultPort : Number(port);
  if (host === undefined || number < 1 || number > 65_535) throw wrong('a host is not HOST, HOST:PORT or [IPv6]:PORT');
  return { host, port: number };
}

function parsePath(
  kind: RedisUrl['kind'],
  path: string,
  query: URLSearchParams,
): { readonly master: string; readonly db: number } {
  for (const name of query.keys()) if (name !== 'db') throw wrong('the only parameter it may have is db');
  if (kind === 'sentinel') {
    const master = decode(path, 'the name of the master');
    if (master === '') throw wrong('the name of the master is missing after the hosts');
    return { master, db: parseDb(query.get('db') ?? '') };
  }
  if (path !== '' && query.has('db')) throw wrong('the database stands in it twice');
  const db = parseDb(query.get('db') ?? path);
  if (kind === 'cluster' && db !== 0) throw wrong('a cluster has only database 0');
  return { master: '', db };
}

function parseDb(text: string): number {
  if (!/^\d{0,5}$/.test(text)) throw wrong('the database is not a number');
  return Number(text);
}

function parseUserinfo(userinfo: string | undefined): Pick<RedisUrl, 'username' | 'password'> {
  if (userinfo === undefined) return { username: undefined, password: undefined };
  const colon = userinfo.indexOf(':');
  const [username, password] = colon < 0 ? [userinfo, ''] : [userinfo.slice(0, colon), userinfo.slice(colon + 1)];
  return {
    username: decode(username, 'the user name') || undefined,
    password: decode(password, 'the password') || undefined,
  };
}

function decode(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw wrong(`${what} is not percent-encoded`);
  }
}

function wrong(what: string): TypeError {
  return new TypeError(`the URL of the store is wrong: ${what}; write ${EXAMPLES}`);
}
