import type { Context } from './inbound.ts';

/** Reports a fault of the gateway's own code and returns the id under which an operator finds it. */
export function reportFault(context: Context, error: unknown): string {
  const exchange = context.exchangeIds.next();
  const detail = { exchange, error };
  context.deps.emit({ type: 'notice', level: 'error', message: 'A request failed inside the gateway.', detail });
  return exchange;
}
