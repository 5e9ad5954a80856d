import { z } from 'zod';

/** Documents and the page by which people and programs find the endpoints. */
export const Discovery = z.strictObject({
  enabled: z.boolean().default(true).meta({
    description:
      'Whether the page at `/`, agent and server cards, `mcp.json`, `llms.txt` and the others are served (docs/discovery.md).',
  }),
  title: z.string().trim().min(1).max(100).optional().meta({
    description: 'Name of this installation for people. The name of the server behind the first route when absent.',
  }),
  description: z
    .string()
    .trim()
    .min(1)
    .max(300)
    .optional()
    .meta({ description: 'One sentence on what is offered here.' }),
  openResource: z.enum(['none', 'declare', 'declare-empty']).default('none').meta({
    description:
      '`/.well-known/oauth-protected-resource` of a route without sign-in: `none` is 404, `declare` says that no bearer token is used, `declare-empty` has empty lists (AIP-1 §9.1).',
  }),
  mounted: z.enum(['none', 'routes']).default('none').meta({
    description:
      'Inside another program’s server: `routes` answers documents below or about a route’s own path; `none` leaves all to that program. Metadata of a route with sign-in is always answered.',
  }),
});

/** What a route says of itself that declares AIP-1, the profile of agent bounty boards. */
export const Oabp = z.strictObject({
  contact: z
    .string()
    .regex(/^(mailto:[^\s@]+@[^\s@]+|https:\/\/\S+)$/, 'expected a mailto: or https: address')
    .meta({ description: 'Who runs the board: a `mailto:` or `https:` address.' }),
  chain: z
    .string()
    .min(1)
    .default('off-chain')
    .meta({ description: 'Where rewards settle, such as `base` or `off-chain`.' }),
  endpoints: z
    .record(
      z.string().regex(/^[a-z_]{1,40}$/, 'expected a name of lower-case letters and "_"'),
      z.string().regex(/^\/\S*$/, 'expected a path that begins with "/"'),
    )
    .default({})
    .meta({
      description: 'Paths of the board’s own REST surface by the names of AIP-1 §9, such as `missions: /missions`.',
    }),
});
