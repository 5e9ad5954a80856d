import type { Principal } from '../core/ports.ts';
import type { Caller } from '../wire/forwarded.ts';
import { isIpv4, networkOf } from '../wire/ip.ts';

/** Who holds something here: as far as a request tells. */
export interface SlotHolder {
  readonly principal: Principal;
  readonly caller: Pick<Caller, 'address'>;
}

/**
 * Whose share it counts to. Attack: strangers have one principal between them, so one of them would hold what is there for all; they are told apart by address,
 * in IPv6 by network, because everybody has 2^64 addresses there.
 */
export function holderOf({ principal: { key, personal }, caller: { address } }: SlotHolder): string {
  if (personal || address === undefined) return key;
  return `${key}\n${isIpv4(address) ? address : networkOf(address)}`;
}
