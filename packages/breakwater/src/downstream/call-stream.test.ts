import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import type { Clock } from '../core/ports.ts';
import { makeId } from '../jsonrpc/id.ts';
import { scanObject } from '../jsonrpc/raw.ts';
import { progressText } from '../protocol/bridge/notification.ts';
import { CallStream } from './call-stream.ts';
import type { Context } from './inbound.ts';
import { SessionLog } from './session-log.ts';

const CLOCK: Clock = { now: () => 0, after: () => ({ clear: () => undefined }) };

// Attack: progress in the middle of much else, to a client that went away and may come back: its log must hold what it counts, not all that came beside it.
test('what is logged for a client that is away keeps nothing that came with it', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const limits = { eventLogEvents: 1_000, eventLogBytes: 1_000_000 };
  const context = { options: { limits, resumeMs: 60_000 }, deps: { clock: CLOCK, random: { id: () => 'stream' } } };
  const log = new SessionLog(context as unknown as Context, 'session');
  const stream = new CallStream([makeId(1)], log);
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let step = 0; step < 500; step++) {
    const params = `{"progressToken":${step},"progress":${step},"message":"as long as a message may well be"}`;
    const view = `${'x'.repeat(20_000)}${params}`;
    const bytes = Buffer.from(view, 'latin1');
    const text = progressText('notifications/progress', scanObject(bytes, 20_000, bytes.toString('latin1')), '"t"');
    stream.publish(text ?? '');
  }
  collect();
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(2_000_000);
  const resumed = log.resume(`${stream.id}-0`);
  expect(resumed.kind === 'known' && resumed.events.at(-1)?.data.toString()).toContain(
    '"progressToken":"t","progress":499',
  );
  log.close(false);
});
