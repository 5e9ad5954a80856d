import type { ExchangeRecord } from './events.ts';
import type { Exchange } from './exchange.ts';

/** How an exchange ended. */
export type ExchangeEnd = Pick<ExchangeRecord, 'outcome' | 'code' | 'edge' | 'upstream' | 'handle'>;

/** The record of an exchange that ended at `endedAt` (Clock.now). */
export function exchangeRecord(exchange: Exchange, endedAt: number, end: ExchangeEnd): ExchangeRecord {
  return {
    id: exchange.id,
    route: exchange.route,
    principal: exchange.principal.key,
    address: exchange.address,
    sessionId: exchange.sessionId,
    revision: exchange.client.revision,
    method: exchange.method,
    name: exchange.name,
    startedAt: exchange.startedAt,
    // The clock may have been set back meanwhile; what is summed up must not go back with it.
    durationMs: Math.max(0, endedAt - exchange.startedAt),
    outcome: end.outcome,
    code: end.code,
    edge: end.edge,
    upstream: end.upstream,
    handle: end.handle,
  };
}
