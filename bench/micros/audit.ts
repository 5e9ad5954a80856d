import type { GatewayEvent } from '../../packages/breakwater/src/core/events.ts';
import { auditKeys, sealLine } from '../../packages/breakwater/src/telemetry/audit-chain.ts';
import { AuditFold } from '../../packages/breakwater/src/telemetry/audit-fold.ts';
import type { Micro } from './micro.ts';

const keys = auditKeys('a key of at least thirty-two characters');
const fold = new AuditFold({ keys, exchanges: 'all', principals: 'hashed' });
const session = { type: 'open', resource: 'session', id: 's', owner: 'a', detail: 'streamable 2025-11-25' } as const;
fold.fold(session);

const exchange: GatewayEvent = {
  type: 'exchange',
  record: {
    id: '4eeYSY3O-1',
    route: '/mcp',
    principal: 'a',
    sessionId: 's',
    revision: '2025-11-25',
    method: 'tools/call',
    name: 'echo',
    startedAt: 0,
    durationMs: 4,
    outcome: 'ok',
    code: undefined,
    edge: false,
    upstream: 'demo',
    handle: 'ARoTaoPYOrYR-y-hpOPVGw',
  },
};
const head = '{"v":1,"seq":1,"t":"2026-11-21T06:01:12.948Z","instance":"X3LkcDFxXITc",';
let mac = '';

/** What the audit log adds to every recorded request, beside the batched write. */
export const auditMicros: readonly Micro[] = [
  { name: 'audit/fold exchange', run: () => fold.fold(exchange) },
  {
    name: 'audit/fold and chain exchange',
    run: () => {
      const text = head + (fold.fold(exchange) ?? '');
      mac = keys.mac(mac, text);
      return sealLine(text, mac);
    },
  },
];
