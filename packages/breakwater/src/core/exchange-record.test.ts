import { expect, it } from 'vitest';
import { NO_QUESTIONS } from '../protocol/capabilities.ts';
import type { Exchange } from './exchange.ts';
import { exchangeRecord } from './exchange-record.ts';

const EXCHANGE: Exchange = {
  id: 'x',
  route: '/mcp',
  principal: { key: 'alice', personal: true },
  client: { revision: '2025-11-25', info: undefined, capabilities: {}, profile: NO_QUESTIONS },
  sessionId: undefined,
  method: 'ping',
  traits: undefined,
  params: undefined,
  name: undefined,
  progress: false,
  logLevel: undefined,
  startedAt: 5_000,
};

// Attack: a clock that is set back while a call runs. A sum of durations that goes back is a counter that was reset, to whoever reads it.
it('took no time below none, however the clock was set meanwhile', () => {
  const end = { outcome: 'ok', code: undefined, edge: true, upstream: undefined } as const;
  expect(exchangeRecord(EXCHANGE, 5_070, end).durationMs).toBe(70);
  expect(exchangeRecord(EXCHANGE, 5_000 - 3_600_000, end).durationMs).toBe(0);
});
