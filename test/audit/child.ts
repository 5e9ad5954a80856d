/** Records a session and 5,000 refusals, then waits to be killed (`wait`) or exits at once (`exit`). Arguments: file, how. */
import { systemClock } from '../../packages/breakwater/src/clock.ts';
import { openAudit } from '../../packages/breakwater/src/telemetry/audit.ts';

const [file = '', how] = process.argv.slice(2);
const settings = {
  file,
  key: 'a key of at least thirty-two characters',
  mode: 'best-effort',
  maxBytes: 1e9,
  keepFiles: 0,
  exchanges: 'all',
  principals: 'hashed',
  flushMs: 1_000,
  queueBytes: 1e9,
  anchorEvery: 1e9,
} as const;
const log = await openAudit(settings, { clock: systemClock, instance: 'child', version: '0', notice: () => undefined });
log.record({ type: 'open', resource: 'session', id: 's', owner: 'a', detail: 'streamable 2025-11-25' });
if (how === 'wait') {
  await log.flush();
  process.stdout.write('written\n');
  setInterval(() => undefined, 1_000);
} else {
  for (let n = 0; n < 5_000; n += 1) log.record({ type: 'refusal', code: 'request.path', route: undefined });
  // A batch is under way in another thread now, and the rest waits behind it.
  process.exit(130);
}
