import { z } from 'zod';
import { isNetwork, LISTEN_HOST_PATTERN } from './address.ts';

const port = () => z.int().min(0).max(65_535);
const host = () =>
  z.string().regex(LISTEN_HOST_PATTERN, 'expected an address or a host name, such as "127.0.0.1" or "0.0.0.0"');
const file = () => z.string().min(1);

const Tls = z.strictObject({
  cert: file().meta({
    description:
      'PEM file of the certificate, followed by those that lead to its authority; relative to the configuration file. Read again when it changes.',
  }),
  key: file().meta({
    description:
      'PEM file of the private key, without a passphrase; relative to the configuration file. Read again when it changes.',
  }),
  minVersion: z
    .enum(['TLSv1.2', 'TLSv1.3'])
    .default('TLSv1.2')
    .meta({ description: 'Oldest version of TLS that is spoken.' }),
  redirectPort: port().optional().meta({
    description:
      'Port on which plain HTTP is answered with 308 to the https address, which keeps the method and the body; health paths are served there. Off when absent.',
  }),
});

export const Listen = z.strictObject({
  host: host().default('127.0.0.1').meta({ description: 'Address to listen on; `0.0.0.0` or `::` for all of them.' }),
  port: port().default(8808).meta({ description: 'Port to listen on; 0 takes a free one.' }),
  tls: Tls.optional().meta({ description: 'Serves https itself (docs/tls-and-proxies.md); off when absent.' }),
  hsts: z.boolean().default(true).meta({
    description: 'Sends Strict-Transport-Security (one year) where `tls` is on or `publicUrl` is https.',
  }),
  httpsOnly: z.boolean().default(false).meta({
    description:
      'Answers requests that did not come over https, as the proxies of `trustedProxies` tell it, with 308 to `publicUrl`. For proxies that pass on both.',
  }),
  proxyProtocol: z.boolean().default(false).meta({
    description:
      'Expects a PROXY protocol header (version 1 or 2) on every connection from `trustedProxies`, and on no other.',
  }),
});

export const Admin = z.strictObject({
  host: host().default('127.0.0.1').meta({ description: 'Address the console and the admin API listen on.' }),
  port: port().default(8809).meta({ description: 'Port the console and the admin API listen on.' }),
});

export const TrustedProxies = z
  .array(
    z
      .string()
      .refine(
        isNetwork,
        'expected an IP address, a network such as "10.0.0.0/8", or "loopback", "linklocal" or "uniquelocal"',
      ),
  )
  .default([])
  .meta({
    description:
      'Proxies that are believed when they say who sent a request, over which protocol and to which host: addresses, networks, `loopback`, `linklocal`, `uniquelocal` (private networks). From all others such headers are ignored.',
  });

export const ForwardedHeaders = z.enum(['x-forwarded', 'forwarded']).default('x-forwarded').meta({
  description:
    'Which headers the proxies of `trustedProxies` write: `X-Forwarded-For`, `-Proto` and `-Host`, or `Forwarded` (RFC 7239). The others are never read: clients could have sent them.',
});

/** Where clients connect; certificates are still paths. */
export type Listen = z.output<typeof Listen>;
/** How https is served; the certificate and its key are still paths. */
export type Tls = z.output<typeof Tls>;
