import { expect, test } from 'vitest';
import { readAnnouncement, startChild, stopAll } from '../../bench/child.ts';
import { findFreePort } from '../../bench/free-port.ts';
import { type MeasuredProcess, startGateway } from '../../bench/memory/measured-process.ts';
import type { Reading } from '../../bench/memory/reading.ts';
import { at } from '../requirements/support/json.ts';
import { send } from '../requirements/support/wire.ts';
import { sendClients, type Tally } from './fleet-of-clients.ts';

/** `SOAK_SECONDS=600 npx vitest run test/soak` is the long run: as many sessions as come in that time. */
const LONG_SECONDS = process.env['SOAK_SECONDS'];
const SECONDS = Number(LONG_SECONDS ?? 70);
const SESSIONS = LONG_SECONDS === undefined ? 22_000 : Number.POSITIVE_INFINITY;
/** Parts of the run. The first is the warm-up: code is compiled, and pools and arenas find their size. */
const ROUNDS = [0.5, 0.25, 0.25];
// The young generation grows with the rate at which clients come, which is the machine's, not with what is held.
const YOUNG = '--max-semi-space-size=8';
const WORKERS = 24;
const MIB = 2 ** 20;
/** What a process may grow over its level after warm-up, in parts and at least: below that it is the allocator's noise. */
const GROWTH = 1.1;
const SETTLE_MS = 60_000;

// Field-shaped: 93 of 100 sessions never say DELETE, streams are left open by dead clients, uploads stop half-way, readers do not read.
test('after all the clients are gone, so is everything they left', { timeout: SECONDS * 4_000 + 120_000 }, async () => {
  const upstream = startChild({ args: [new URL('../../bench/upstream.ts', import.meta.url).pathname], core: 1 });
  const adminPort = await findFreePort();
  const gateway = await startGateway(
    await readAnnouncement(upstream),
    {
      admin: { port: adminPort },
      // Minutes become fractions of a second; everything else is as in the field.
      sessions: { idle: '1s', ephemeralIdle: '500ms', handshake: '500ms' },
      timeouts: { read: '1s', write: '1s', heartbeat: '500ms' },
      limits: { sessions: 50_000, sessionsPerPrincipal: 50_000 },
    },
    0,
    [YOUNG],
  );
  const status = async () => (await send('GET', `http://127.0.0.1:${adminPort}/api/status`, {})).json();
  try {
    const rounds: { readonly tally: Tally; readonly after: Reading }[] = [];
    for (const share of ROUNDS) {
      const bounds = { sessions: Math.ceil(SESSIONS * share), ms: 1_000 * SECONDS * share };
      const tally = await sendClients(gateway.url, bounds, WORKERS);
      expect(tally.sessions).toBeGreaterThan(500);
      await expect
        .poll(async () => openOf(await status()), { timeout: SETTLE_MS, interval: 250 })
        .toEqual(NOTHING_OF_CLIENTS);
      rounds.push({ tally, after: await gateway.read() });
    }
    report(rounds);
    const [warm, , last] = rounds;
    expect(at(await status(), 'counters', 'orphans')).toBe(0);
    expect(rounds.reduce((sum, { tally }) => sum + tally.refused, 0)).toBe(0);
    // Descriptors, handles and timers: as many as before, whatever was opened meanwhile. A few connections of ours are kept alive.
    expect(last?.after.fds).toBeLessThanOrEqual((warm?.after.fds ?? 0) + 8);
    expect(last?.after.resources['Timeout'] ?? 0).toBeLessThanOrEqual((warm?.after.resources['Timeout'] ?? 0) + 4);
    expect(last?.after.heapBytes).toBeLessThan((warm?.after.heapBytes ?? 0) * GROWTH + 4 * MIB);
    expect(last?.after.rssBytes).toBeLessThan((warm?.after.rssBytes ?? 0) * GROWTH);
    await endsClean(gateway);
  } finally {
    await stopAll();
  }
});

/** Handles outlive their sessions until they are idle: they belong to the principal. */
const NOTHING_OF_CLIENTS = { session: 0, stream: 0, subscription: 0, park: 0 };

function openOf(told: unknown): unknown {
  const { session, stream, subscription, park } = at(told, 'counters', 'open') as Record<string, number>;
  return { session, stream, subscription, park };
}

async function endsClean(gateway: MeasuredProcess): Promise<void> {
  await gateway.close();
  expect(() => process.kill(gateway.pid, 0)).toThrow();
}

function report(rounds: readonly { readonly tally: Tally; readonly after: Reading }[]): void {
  let sessions = 0;
  const lines = rounds.map(({ tally, after }) => {
    sessions += tally.sessions;
    const { rssBytes, heapBytes, fds } = after;
    return `${String(sessions).padStart(7)} sessions  RSS ${(rssBytes / MIB).toFixed(1)} MiB  heap ${(heapBytes / MIB).toFixed(1)} MiB  fds ${fds}`;
  });
  const [warm, last] = [rounds[0], rounds.at(-1)];
  const since = rounds.slice(1).reduce((sum, { tally }) => sum + tally.sessions, 0);
  const slope = ((last?.after.heapBytes ?? 0) - (warm?.after.heapBytes ?? 0)) / Math.max(1, since);
  const rssSlope = ((last?.after.rssBytes ?? 0) - (warm?.after.rssBytes ?? 0)) / Math.max(1, since);
  process.stdout.write(
    `${lines.join('\n')}\nslope ${slope.toFixed(1)} B heap, ${rssSlope.toFixed(1)} B RSS per session\n`,
  );
}
