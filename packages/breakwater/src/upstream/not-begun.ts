import { GatewayError } from '../core/errors.ts';

/** What becomes of a call that waited for its turn on a handle that has ended: where another node has it now, it is made there. */
export function notBegunError(reason: string): GatewayError {
  return new GatewayError(reason === 'lease-lost' ? 'fleet.owner-gone' : 'upstream.unavailable', { cause: reason });
}
