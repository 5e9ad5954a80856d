import { isLoopbackHost } from './config/address.ts';
import type { Principal } from './core/ports.ts';

/** The one user of a machine that listens to nobody else. */
const LOCAL: Principal = { key: 'local', personal: true };
/** All callers of an open route on a reachable address: strangers to each other. */
const ANONYMOUS: Principal = { key: 'anonymous', personal: false };

/**
 * Who calls while no authentication is configured. Listening on loopback without a public URL means one person's own programs; anything else
 * means strangers, who share nothing but what belongs to nobody.
 */
export function ambientPrincipal(host: string, publicUrl: string | undefined): Principal {
  return isLoopbackHost(host) && publicUrl === undefined ? LOCAL : ANONYMOUS;
}
