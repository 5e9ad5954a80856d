import { isWildcardHost } from '../config/address.ts';
import type { Config } from '../config/schema.ts';
import { clientSnippets } from './client-snippets.ts';
import { paint } from './paint.ts';

/** More endpoints than this are counted, not listed: the banner is for one glance. */
const MOST_ENDPOINTS = 8;

/** What the banner says. */
export interface BannerFacts {
  readonly version: string;
  readonly endpoints: readonly { readonly url: string; readonly upstreams: readonly string[] }[];
  /** Where the 2024 transport is, if it is served. */
  readonly sseUrl?: string;
  readonly healthUrl: string;
  /** Where plain HTTP is sent to https, if it is. */
  readonly redirectUrl?: string;
  /** Where metrics and status are, and later the console, if they are served. */
  readonly adminUrl?: string;
}

/** The facts of a gateway that listens at an address. */
export function bannerFacts(
  config: Pick<Config, 'routes' | 'publicUrl'>,
  address: {
    readonly host: string;
    readonly port: number;
    readonly isTls?: boolean;
    readonly redirectPort?: number | undefined;
  },
  version: string,
  admin?: { readonly host: string; readonly port: number },
): BannerFacts {
  const here = originOf(address);
  const base = config.publicUrl ?? here;
  return {
    version,
    endpoints: config.routes.map(({ path, upstreams }) => ({ url: base + path, upstreams })),
    ...(config.routes.some(({ legacySse }) => legacySse) && { sseUrl: `${base}/sse` }),
    healthUrl: `${here}/health`,
    ...(address.redirectPort !== undefined && {
      redirectUrl: originOf({ host: address.host, port: address.redirectPort }),
    }),
    ...(admin !== undefined && { adminUrl: originOf(admin) }),
  };
}

function originOf({ host, port, isTls }: Parameters<typeof bannerFacts>[1]): string {
  const bare = host.replace(/^\[|\]$/g, '');
  const name = isWildcardHost(bare) ? 'localhost' : bare.includes(':') ? `[${bare}]` : bare;
  return `http${isTls === true ? 's' : ''}://${name}:${port}`;
}

/** What a person reads when the gateway has started: where everything is, and what to paste into which client. */
export function renderBanner(facts: BannerFacts, { color }: { readonly color: boolean }): string {
  const { bold, dim, accent } = paint(color);
  const rows: (readonly [label: string, url: string, note: string])[] = [
    ...facts.endpoints
      .slice(0, MOST_ENDPOINTS)
      .map(({ url, upstreams }, index) => [index === 0 ? 'MCP' : '', url, upstreams.join(', ')] as const),
    ...(facts.endpoints.length > MOST_ENDPOINTS
      ? [['', `and ${facts.endpoints.length - MOST_ENDPOINTS} more`, ''] as const]
      : []),
    ...(facts.sseUrl === undefined ? [] : [['SSE', facts.sseUrl, 'for clients of 2024'] as const]),
    ['Health', facts.healthUrl, ''],
    ...(facts.redirectUrl === undefined ? [] : [['HTTP', facts.redirectUrl, 'goes to https'] as const]),
    ...(facts.adminUrl === undefined ? [] : [['Console', facts.adminUrl, 'for now /metrics and /api/status'] as const]),
  ];
  const width = Math.max(...rows.map(([, url]) => url.length));
  const places = rows.map(([label, url, note]) => {
    const gap = note === '' ? '' : ' '.repeat(width - url.length + 3);
    return `  ${dim(label.padEnd(8))} ${accent(url)}${gap}${dim(note)}`;
  });
  const lines = ['', `  ${accent('≋')} ${bold('breakwater')} ${dim(facts.version)}`, '', ...places, ''];
  const [first] = facts.endpoints;
  if (first !== undefined) lines.push(...renderClients(nameFor(first.upstreams), first.url, { bold, dim }));
  return `${lines.join('\n')}\n`;
}

function renderClients(
  name: string,
  url: string,
  { bold, dim }: Pick<ReturnType<typeof paint>, 'bold' | 'dim'>,
): string[] {
  return clientSnippets(name, url).flatMap(({ client, file, text }) => [
    `  ${bold(client)}${file === undefined ? '' : `  ${dim(file)}`}`,
    `    ${text}`,
    '',
  ]);
}

function nameFor(upstreams: readonly string[]): string {
  const [only] = upstreams;
  return upstreams.length === 1 && only !== undefined ? only : 'breakwater';
}
