import { expect } from 'vitest';
import type { MeasuredProcess } from '../../bench/memory/measured-process.ts';
import type { Reading } from '../../bench/memory/reading.ts';
import { at } from '../requirements/support/json.ts';
import { send } from '../requirements/support/wire.ts';
import { sendClients, type Tally } from './fleet-of-clients.ts';

/** `SOAK_SECONDS=600 npx vitest run test/soak` is the long run: as many sessions as come in that time. */
const LONG_SECONDS = process.env['SOAK_SECONDS'];
/** How long clients come. */
export const SECONDS = Number(LONG_SECONDS ?? 70);
const SESSIONS = LONG_SECONDS === undefined ? 14_000 : Number.POSITIVE_INFINITY;
/** Parts of the run. The first is the warm-up: code is compiled, and pools and arenas find their size. */
const ROUNDS = [0.5, 0.25, 0.25];
const WORKERS = 24;
/** Descriptors that a gateway which has worked keeps beside those it began with: to the admin port, to Redis, to the other node, to the server. */
const SPARE_FDS = 12;
/** Long enough for everything that ends by itself to have ended. */
export const SETTLE_MS = 60_000;
const MIB = 2 ** 20;
/** What a process may grow over its level after warm-up, in parts and at least: below that it is the allocator's noise. */
const GROWTH = 1.1;
// The young generation grows with the rate at which clients come, which is the machine's, not with what is held.
export const YOUNG = '--max-semi-space-size=8';
/** Minutes become fractions of a second; everything else is as in the field. */
export const HASTY = {
  sessions: { idle: '1s', ephemeralIdle: '500ms', handshake: '500ms' },
  timeouts: { read: '1s', write: '1s', heartbeat: '500ms' },
  limits: { sessions: 50_000, sessionsPerPrincipal: 50_000 },
} as const;

/** A gateway under soak, and the port that tells of it. */
export interface Soaked {
  readonly process: MeasuredProcess;
  readonly adminPort: number;
}

/** One part of a run: what came, and what each process holds afterwards. */
export interface Round {
  readonly tally: Tally;
  readonly after: readonly Reading[];
}

/** Sends clients in rounds, to all gateways alike, and after each waits until nothing of them is left. `settle` is waited for besides. */
export async function play(gateways: readonly Soaked[], settle: () => Promise<void> = async () => undefined) {
  const rounds: Round[] = [];
  const before = await Promise.all(gateways.map(({ process }) => process.read()));
  for (const share of ROUNDS) {
    const each = share / gateways.length;
    const bounds = { sessions: Math.ceil(SESSIONS * each), ms: 1_000 * SECONDS * share };
    const tallies = await Promise.all(
      gateways.map(({ process: { url } }) => sendClients(url, bounds, WORKERS / gateways.length)),
    );
    const tally = tallies.reduce(sum);
    expect(tally.sessions).toBeGreaterThan(500);
    for (const gateway of gateways) {
      await expect.poll(() => openOf(gateway), { timeout: SETTLE_MS, interval: 250 }).toEqual(NOTHING_OF_CLIENTS);
    }
    await settle();
    // Connections to the server that a burst needed end a moment after it.
    for (const [index, { process }] of gateways.entries()) {
      const fds = async (): Promise<number> => (await process.read()).fds;
      const most = (before[index]?.fds ?? 0) + SPARE_FDS;
      await expect.poll(fds, { timeout: SETTLE_MS, interval: 1_000 }).toBeLessThanOrEqual(most);
    }
    rounds.push({ tally, after: await Promise.all(gateways.map(({ process }) => process.read())) });
  }
  for (const gateway of gateways) expect(at(await statusOf(gateway), 'counters', 'orphans')).toBe(0);
  expect(rounds.reduce((refused, { tally }) => refused + tally.refused, 0)).toBe(0);
  return rounds;
}

/** Reports what each gateway held after each round, and expects the last to be as the first. */
export function judge(rounds: readonly Round[]): void {
  for (const index of rounds[0]?.after.keys() ?? []) {
    report(rounds, index);
    const [warm, last] = [rounds[0]?.after[index], rounds.at(-1)?.after[index]];
    // Timers: as many as before, whatever was opened meanwhile.
    expect(last?.resources['Timeout'] ?? 0).toBeLessThanOrEqual((warm?.resources['Timeout'] ?? 0) + 4);
    expect(last?.heapBytes).toBeLessThan((warm?.heapBytes ?? 0) * GROWTH + 4 * MIB);
    expect(last?.rssBytes).toBeLessThan((warm?.rssBytes ?? 0) * GROWTH);
  }
}

/** Stops a gateway and expects its process to be gone. */
export async function endsClean({ process: measured }: Soaked): Promise<void> {
  await measured.close();
  expect(() => process.kill(measured.pid, 0)).toThrow();
}

/** Handles outlive their sessions until they are idle: they belong to the principal. */
const NOTHING_OF_CLIENTS = { session: 0, stream: 0, subscription: 0, park: 0 };

async function openOf(gateway: Soaked): Promise<unknown> {
  const { session, stream, subscription, park } = at(await statusOf(gateway), 'counters', 'open') as Record<
    string,
    number
  >;
  return { session, stream, subscription, park };
}

async function statusOf({ adminPort }: Soaked): Promise<unknown> {
  return (await send('GET', `http://127.0.0.1:${adminPort}/api/status`, {})).json();
}

function sum(one: Tally, other: Tally): Tally {
  return { sessions: one.sessions + other.sessions, refused: one.refused + other.refused, behaviours: one.behaviours };
}

function report(rounds: readonly Round[], index: number): void {
  let sessions = 0;
  const lines = rounds.map(({ tally, after }) => {
    sessions += tally.sessions;
    const { rssBytes = 0, heapBytes = 0, fds = 0, resources = {} } = after[index] ?? {};
    return `${String(sessions).padStart(7)} sessions  RSS ${(rssBytes / MIB).toFixed(1)} MiB  heap ${(heapBytes / MIB).toFixed(1)} MiB  fds ${fds}  ${JSON.stringify(resources)}`;
  });
  const [warm, last] = [rounds[0]?.after[index], rounds.at(-1)?.after[index]];
  const since = rounds.slice(1).reduce((count, { tally }) => count + tally.sessions, 0);
  const slope = ((last?.heapBytes ?? 0) - (warm?.heapBytes ?? 0)) / Math.max(1, since);
  const rssSlope = ((last?.rssBytes ?? 0) - (warm?.rssBytes ?? 0)) / Math.max(1, since);
  process.stdout.write(
    `${lines.join('\n')}\nslope ${slope.toFixed(1)} B heap, ${rssSlope.toFixed(1)} B RSS per session\n`,
  );
}
