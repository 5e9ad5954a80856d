import { z } from 'zod';
import { Oabp } from './schema-discovery.ts';
import { SessionKind } from './schema-limits.ts';

/** One public endpoint path with its upstreams and its manners. */
export const Route = z.strictObject({
  path: z
    .string()
    .regex(
      /^(\/[A-Za-z0-9._~-]+)+$/,
      'expected a path such as "/mcp": letters, digits, ".", "_", "~", "-" between slashes',
    )
    .meta({ description: 'Path of the endpoint, such as `/mcp`.' }),
  upstreams: z.array(z.string()).min(1, 'expected at least one upstream').optional().meta({
    description:
      'Names of the upstreams whose tools, prompts and resources are served here, in this order. All of them when absent.',
  }),
  handshake: z.enum(['lenient', 'strict']).default('lenient').meta({
    description:
      '`lenient` serves a client that skips `notifications/initialized`; `strict` refuses it and discards the session after 30 s (AIP-1 §7.3.1).',
  }),
  sessionless: z.boolean().default(true).meta({
    description: 'Whether legacy requests without a session are served.',
  }),
  legacySse: z.boolean().default(true).meta({
    description: 'Whether the 2024 HTTP+SSE transport is served for this route.',
  }),
  rest: z.boolean().default(true).meta({
    description:
      'Whether every tool, resource and prompt is served over plain HTTP as well (docs/rest.md): at `/api` for the route `/mcp`, at `<path>/api` for others.',
  }),
  sessions: SessionKind.optional().meta({
    description: 'Kind of this route’s sessions, instead of what behaviour shows: `interactive` or `ephemeral`.',
  }),
  oabp: Oabp.optional().meta({
    description:
      'Declares AIP-1, the profile of agent bounty boards: `/.well-known/oabp.json` is served and refusals use its words.',
  }),
  accommodations: z.record(z.string().min(1), z.boolean()).default({}).meta({
    description: 'Switches for single accommodations by id: `{ <id>: false }` turns that tolerance off.',
  }),
});

/** One public endpoint path; its `upstreams` are always named once the configuration is complete. */
export type Route = Omit<z.output<typeof Route>, 'upstreams'> & { upstreams: string[] };
