import { expect, test } from 'vitest';
import { ManualClock } from '../../../../test/downstream/manual-clock.ts';
import type { ExchangeRecord } from '../core/events.ts';
import { Metrics } from './metrics.ts';

const READING = {
  version: '0.0.0',
  open: { session: 0, stream: 0, subscription: 0, handle: 0, park: 0, call: 0 },
  orphans: 0,
  eventLoopDelayMs: 0,
  rssBytes: 0,
  upstreams: [],
};
const RECORD: ExchangeRecord = {
  id: 'x',
  route: '/mcp',
  principal: 'alice',
  sessionId: undefined,
  revision: '2025-11-25',
  method: 'tools/call',
  name: 'a tool',
  startedAt: 0,
  durationMs: 70,
  outcome: 'ok',
  code: undefined,
  edge: false,
  upstream: 'one',
};

// Attack: somebody fills the memory of the gateway and of whoever scrapes it with names of their own choice.
test('no caller-sent text is a label, and every family is bounded even if one became one', () => {
  const metrics = new Metrics(new ManualClock());
  for (let index = 0; index < 5_000; index++) {
    metrics.record({ type: 'exchange', record: { ...RECORD, method: `evil-${index}`, name: `evil-${index}` } });
    const client = Buffer.from(`{"name":"evil-${index}"}`);
    metrics.record({ type: 'open', resource: 'session', id: `s${index}`, owner: 'a', detail: 'streamable', client });
    // Not caller text, but more values than a family has room for.
    metrics.record({ type: 'accommodation', id: `accommodation-${index}`, route: '/mcp' });
  }
  const text = metrics.render(READING);
  expect(text).not.toContain('evil');
  expect(text.split('\n').length).toBeLessThan(300);
  expect(text).toContain('mcpgw_messages_total{method="other",era="legacy"} 5000');
  expect(text).toContain('mcpgw_accommodations_total{id="_overflow"} 4940');
  expect(text).toContain('mcpgw_telemetry_overflow_total{family="mcpgw_accommodations_total"} 4940');
});

test('each observation that finds a full family is counted, also the same one again', () => {
  const metrics = new Metrics(new ManualClock());
  for (let i = 0; i < 100; i++) metrics.record({ type: 'accommodation', id: `id ${i}`, route: '/mcp' });
  const overflow = () => /mcpgw_telemetry_overflow_total\{.*\} (\d+)/.exec(metrics.render(READING))?.[1];
  const before = Number(overflow());
  for (let i = 0; i < 10; i++) metrics.record({ type: 'accommodation', id: 'the same', route: '/mcp' });
  expect(overflow()).toBe(String(before + 10));
});

test('a histogram counts what is at or below each bound', () => {
  const metrics = new Metrics(new ManualClock());
  metrics.record({ type: 'exchange', record: RECORD });
  metrics.record({ type: 'exchange', record: { ...RECORD, durationMs: 1_000_000 } });
  const text = metrics.render(READING);
  const line = (le: string) =>
    new RegExp(`mcp_server_operation_duration_seconds_bucket\\{.*le="${le}"\\} (\\d+)`).exec(text)?.[1];
  expect([line('0.05'), line('0.1'), line('300'), line('\\+Inf')]).toEqual(['0', '1', '1', '2']);
});
