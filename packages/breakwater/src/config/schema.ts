import { z } from 'zod';
import { HOST_PATTERN, isPublicUrl, ORIGIN_PATTERN } from './address.ts';
import { defaultHosts, defaultOrigins, defaultRoutes } from './defaults.ts';
import { count, Text } from './fields.ts';
import { Audit } from './schema-audit.ts';
import { Discovery } from './schema-discovery.ts';
import { Fleet } from './schema-fleet.ts';
import { Limits, Log, Sessions, Timeouts } from './schema-limits.ts';
import { Admin, ForwardedHeaders, Listen, TrustedProxies } from './schema-listen.ts';
import { Route } from './schema-route.ts';
import { FileUpstream, LibraryUpstream, type Upstream } from './schema-upstream.ts';
import { checkSemantics } from './semantics.ts';

const UPSTREAM_NAME = /^[A-Za-z0-9_-]{1,32}$/;

const PublicUrl = z
  .string()
  .refine(isPublicUrl, 'expected an http or https URL without query or fragment, such as "https://mcp.example.com"')
  .transform((url) => new URL(url).href.replace(/\/+$/, ''));

const head = {
  $schema: z.string().optional().meta({ description: 'Address of the JSON Schema, for editors; not read.' }),
  version: z.literal(1).default(1).meta({ description: 'Version of the configuration format.' }),
  listen: Listen.prefault({}).meta({ description: 'Where clients connect.' }),
  publicUrl: PublicUrl.optional().meta({
    description:
      'Address by which clients reach the gateway when a proxy stands before it. Request headers never decide this.',
  }),
  trustedProxies: TrustedProxies,
  forwardedHeaders: ForwardedHeaders,
  allowedHosts: z
    .array(z.string().regex(HOST_PATTERN, 'expected a host name, with a port or without, or "*"'))
    .default([])
    .meta({
      description:
        'Host headers answered besides the loopback names, `listen.host` and the host of `publicUrl`: a name alone goes with any port, `*` is any name. Others get 403 (protection against DNS rebinding).',
    }),
  allowedOrigins: z
    .array(
      z.string().regex(ORIGIN_PATTERN, 'expected an origin such as "https://app.example.com", "http://host:*", or "*"'),
    )
    .default([])
    .meta({
      description:
        'Origin headers answered besides loopback origins and the origin of `publicUrl`: exact, or with `:*` for any port; `*` is any origin. Others get 403.',
    }),
  admin: Admin.optional().meta({ description: 'Where the console and the admin API are served; off when absent.' }),
};

const tail = {
  routes: z.array(Route).optional().meta({
    description: 'Public endpoints. When absent: `/mcp` over all upstreams, and `/mcp/<name>` for each.',
  }),
  limits: Limits.prefault({}).meta({ description: 'Bounds of the downstream side.' }),
  sessions: Sessions.prefault({}).meta({ description: 'How long legacy sessions live.' }),
  timeouts: Timeouts.prefault({}).meta({ description: 'How long the gateway waits on the downstream side.' }),
  discovery: Discovery.prefault({}).meta({ description: 'What people and programs find that look for the endpoints.' }),
  log: Log.prefault({}).meta({ description: 'What is logged, and how.' }),
  store: Text.optional().meta({
    description:
      'Where the nodes of a fleet keep what they share (docs/fleet.md): `redis://`, `rediss://`, `redis+sentinel://` or `redis+cluster://`. One node without a fleet when absent.',
  }),
  fleet: Fleet.optional().meta({ description: 'How the nodes of a fleet find and trust each other (docs/fleet.md).' }),
  workers: count().max(64).default(1).meta({
    description: 'Processes that share the port of this machine, each a node of a fleet; read at the start only.',
  }),
  audit: Audit.optional().meta({ description: 'The audit log (docs/audit.md); off when absent.' }),
};

const upstreamName = () => z.string().regex(UPSTREAM_NAME, 'expected 1 to 32 letters, digits, "_" or "-" as the name');
const upstreamsMeta = { description: 'The MCP servers behind the gateway, by name.' };

/** The configuration as a file writes it, and by `z.output` as the gateway reads it. */
export const ConfigSchema = z
  .strictObject({ ...head, upstreams: z.record(upstreamName(), FileUpstream).meta(upstreamsMeta), ...tail })
  .superRefine(checkSemantics)
  .transform(complete);

/** The configuration as a program writes it: upstreams may also be in-process servers. */
export const LibraryConfigSchema = z
  .strictObject({ ...head, upstreams: z.record(upstreamName(), LibraryUpstream).meta(upstreamsMeta), ...tail })
  .superRefine(checkSemantics)
  .transform(complete);

/** What a program may pass: the same as in a file, whose upstreams may also be `{ factory }`. */
export type LibraryConfig = z.input<typeof LibraryConfigSchema>;
/** A complete, valid configuration: defaults filled, durations in ms, secrets still references. */
export type Config = z.output<typeof LibraryConfigSchema>;

type Settings = z.output<z.ZodObject<typeof head & typeof tail>>;

function complete(value: Settings & { upstreams: Record<string, Upstream> }) {
  const { $schema: _editorOnly, ...config } = value;
  const routes = config.routes ?? defaultRoutes(config.upstreams).map((route) => Route.parse(route));
  const enabled = Object.keys(config.upstreams).filter((name) => config.upstreams[name]?.disabled === false);
  return {
    ...config,
    allowedHosts: defaultHosts(config.listen.host, config.publicUrl, config.allowedHosts),
    allowedOrigins: defaultOrigins(config.publicUrl, config.allowedOrigins),
    routes: routes.map(({ path, upstreams, ...manners }) => ({ path, upstreams: upstreams ?? enabled, ...manners })),
  };
}
