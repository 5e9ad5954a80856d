import { z } from 'zod';
import { LISTEN_HOST_PATTERN } from './address.ts';
import { duration, durationsInMs, Reference } from './fields.ts';

const host = () =>
  z.string().regex(LISTEN_HOST_PATTERN, 'expected an address or a host name, such as "10.0.0.5" or "0.0.0.0"');

const PeerListen = z.strictObject({
  host: host().default('127.0.0.1').meta({
    description: 'Address other nodes reach this one at; `0.0.0.0` or `::` for all of them.',
  }),
  port: z
    .int()
    .min(0)
    .max(65_535)
    .default(8810)
    .meta({ description: 'Port other nodes connect to; 0 takes a free one, as every worker does.' }),
});

/** How the nodes of a fleet find and trust each other. */
export const Fleet = durationsInMs(
  z.strictObject({
    secret: z.union([Reference, z.array(Reference).min(1).max(4)]).meta({
      description:
        'Where the secret that all nodes share is kept: at least 32 characters, such as `openssl rand -base64 48` prints. For a rotation a list: the first one is used, all are accepted.',
    }),
    listen: PeerListen.prefault({}).meta({
      description: 'The private port between nodes (TLS with the shared secret). Never expose it to clients.',
    }),
    advertise: z
      .string()
      .regex(
        /^([A-Za-z0-9._-]+|\[[A-Fa-f0-9:.]+\])(:\d{1,5})?$/,
        'expected an address or a host name, with a port or without',
      )
      .optional()
      .meta({
        description:
          'Address by which other nodes reach this one, such as `10.0.0.5` or `node-1.internal:8810`; `listen` when absent, with the first address of this machine where `listen.host` means all.',
      }),
    lease: duration().prefault('10s').meta({
      description:
        'How long a node that is lost keeps what exists once, such as a server program: shorter finds a dead node sooner, and gives up a slow one sooner.',
    }),
    prefix: z
      .string()
      .regex(/^[A-Za-z0-9:._-]{1,64}$/, 'expected letters, digits, ":", ".", "_" or "-"')
      .default('bw:')
      .meta({ description: 'What the keys in the store begin with: one store can serve several fleets.' }),
  }),
  ['lease'],
);

/** How the nodes of a fleet find and trust each other; secrets are still references. */
export type Fleet = z.output<typeof Fleet>;
