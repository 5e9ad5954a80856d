/**
 * `node bench/memory.ts`: what idle sessions, open streams and readers that never read cost in memory, against the floor of a server that keeps
 * ids in a set; alone, and as a node of a fleet with Redis. It never fails on a figure, only when something was refused or died. See README.md.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startRedis } from '../test/fixtures/redis.ts';
import { type Child, installCleanup, readAnnouncement, startChild, stopAll } from './child.ts';
import { describeMachine } from './machine.ts';
import { isAlive, openSessions, openStreams } from './memory/crowd.ts';
import { type MeasuredProcess, startDirect, startGateway, UNBOUNDED } from './memory/measured-process.ts';
import { type MoveTimes, timeMoves } from './memory/moves.ts';
import type { Reading } from './memory/reading.ts';
import { type FloodWay, openSlowReaders } from './memory/slow-readers.ts';

const USAGE = `node bench/memory.ts [options]

  --sessions N   idle sessions (100000)
  --streams N    open GET streams; two processes need a descriptor each (5000)
  --readers N    clients that ask for 1 MB/s and never read (10)
  --seconds S    how long those are watched (15)
  --moves N      sessions whose next request goes to another node (2000)
  --only LIST    of direct, breakwater, redis, flood
  --json FILE    also write the figures to FILE
`;

const { values } = parseArgs({
  options: {
    sessions: { type: 'string', default: '100000' },
    streams: { type: 'string', default: '5000' },
    readers: { type: 'string', default: '10' },
    seconds: { type: 'string', default: '15' },
    moves: { type: 'string', default: '2000' },
    only: { type: 'string', default: 'direct,breakwater,redis,flood' },
    json: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

const GATEWAY_CORE = 0;
const OTHER_CORE = cpus().length > 1 ? 1 : 0;
const SAMPLED = 50;
/** A node lets go of an idle session after 5 s, and looks every second. */
const LET_GO_MS = 8_000;
/** Sessions opened before the first reading, so that code and connections are not counted. */
const WARM_UP = 2_000;
/** In a fleet a node has the sessions of the last seconds: so many come before the first reading that it has as many then as later. */
const FLEET_WARM_UP = 100_000;
const MIB = 2 ** 20;

interface Row {
  readonly what: string;
  readonly who: string;
  readonly count: number;
  readonly rssBytesEach: number;
  readonly heapBytesEach: number;
  readonly perSecond?: number;
  readonly alive?: number;
  /** Of the machine, over the last minute, when it was read. */
  readonly load: number;
}

interface Flood {
  readonly way: FloodWay;
  /** Of Node, beside its defaults. */
  readonly flags: readonly string[];
  readonly rssMib: readonly number[];
  readonly growthMib: number;
  readonly load: number;
}

interface Moves {
  readonly sessions: number;
  readonly first: MoveTimes;
  readonly next: MoveTimes;
  readonly load: number;
}

const rows: Row[] = [];
const floods: Flood[] = [];
let moves: Moves | undefined;
let redisBytesEach: number | undefined;

async function main(): Promise<void> {
  const machine = describeMachine();
  const startedAt = new Date().toISOString();
  const only = new Set(values.only.split(','));
  const upstream = startUpstream('./upstream.ts');
  const upstreamUrl = await readAnnouncement(upstream);
  if (only.has('direct')) await measureCrowd('direct', await startDirect(GATEWAY_CORE));
  if (only.has('breakwater')) {
    await measureCrowd('breakwater', await startGateway(upstreamUrl, UNBOUNDED, GATEWAY_CORE));
  }
  if (only.has('redis')) await measureFleet(upstreamUrl);
  await upstream.stop();
  if (only.has('flood')) {
    for (const way of ['call', 'get'] as const) await measureFlood(way, []);
    // What V8 lets the young generation grow to is no part of what readers hold.
    for (const way of ['call', 'get'] as const) await measureFlood(way, ['--max-semi-space-size=4']);
  }
  report();
  if (values.json !== undefined) {
    await mkdir(dirname(values.json), { recursive: true });
    await writeFile(
      values.json,
      `${JSON.stringify({ startedAt, machine, rows, redisBytesEach, moves, floods }, null, 1)}\n`,
    );
    say(`\nwrote ${values.json}`);
  }
}

async function measureFleet(upstreamUrl: string): Promise<void> {
  await using redis = await startRedis();
  const fleet = {
    ...UNBOUNDED,
    store: redis.url,
    fleet: { secret: { env: 'BENCH_SECRET' }, listen: { port: 0 } },
  };
  const used = async (): Promise<number> =>
    Number(/used_memory:(\d+)/.exec(await redis.command('info', 'memory'))?.[1]);
  const before = await used();
  await measureCrowd('redis', await startGateway(upstreamUrl, fleet, GATEWAY_CORE), LET_GO_MS, FLEET_WARM_UP);
  redisBytesEach = Math.round(((await used()) - before) / (Number(values.sessions) + FLEET_WARM_UP));
  const [one, two] = [
    await startGateway(upstreamUrl, fleet, GATEWAY_CORE),
    await startGateway(upstreamUrl, fleet, GATEWAY_CORE),
  ];
  // Code is compiled by those that come first.
  await timeMoves(two.url, await openSessions(one.url, Number(values.moves)));
  const ids = await openSessions(one.url, Number(values.moves));
  moves = { sessions: ids.length, ...(await timeMoves(two.url, ids)), load: loadNow() };
  await one.close();
  await two.close();
}

/** @param settleMs how long it takes until what is idle is let go of */
async function measureCrowd(who: string, measured: MeasuredProcess, settleMs = 0, warmUp = WARM_UP): Promise<void> {
  const [sessions, streams] = [Number(values.sessions), Number(values.streams)];
  const warm = await openSessions(measured.url, warmUp);
  (await openStreams(measured.url, warm.slice(0, SAMPLED))).forEach((socket) => void socket.destroy());
  await wait(settleMs);
  const before = await measured.read();
  const startedMs = performance.now();
  const ids = await openSessions(measured.url, sessions);
  const perSecond = Math.round((1_000 * sessions) / (performance.now() - startedMs));
  await wait(settleMs);
  const withSessions = await measured.read();
  const step = Math.max(1, Math.floor(ids.length / SAMPLED));
  const sample = ids.filter((_, index) => index % step === 0);
  let alive = 0;
  for (const id of sample) if (await isAlive(measured.url, id)) alive++;
  rows.push({
    what: 'idle session',
    who,
    ...each(before, withSessions, sessions),
    perSecond,
    alive: alive / sample.length,
    load: loadNow(),
  });
  await wait(settleMs);
  const base = await measured.read();
  const sockets = await openStreams(measured.url, ids.slice(0, streams));
  rows.push({ what: 'open GET stream', who, ...each(base, await measured.read(), streams), load: loadNow() });
  for (const socket of sockets) socket.destroy();
  await measured.close();
}

async function measureFlood(way: FloodWay, flags: readonly string[]): Promise<void> {
  const upstream = startUpstream('./memory/flood-upstream.ts');
  const measured = await startGateway(await readAnnouncement(upstream), {}, GATEWAY_CORE, flags);
  await openSessions(measured.url, WARM_UP / 4);
  const rss: number[] = [(await measured.read()).rssBytes / MIB];
  const sockets = await openSlowReaders(measured.url, Number(values.readers), way);
  for (let second = 0; second < Number(values.seconds); second += 3) {
    await wait(3_000);
    rss.push((await measured.read()).rssBytes / MIB);
  }
  for (const socket of sockets) socket.destroy();
  await measured.close();
  await upstream.stop();
  const rssMib = rss.map((mib) => Math.round(mib));
  const growthMib = Math.max(...rssMib) - (rssMib[0] ?? 0);
  floods.push({ way, flags, rssMib, growthMib, load: loadNow() });
}

function loadNow(): number {
  return Math.round((loadavg()[0] ?? 0) * 100) / 100;
}

function startUpstream(path: string): Child {
  return startChild({ args: [fileURLToPath(new URL(path, import.meta.url))], core: OTHER_CORE });
}

function each(before: Reading, after: Reading, count: number): Pick<Row, 'count' | 'rssBytesEach' | 'heapBytesEach'> {
  return {
    count,
    rssBytesEach: Math.round((after.rssBytes - before.rssBytes) / count),
    heapBytesEach: Math.round((after.heapBytes - before.heapBytes) / count),
  };
}

function report(): void {
  for (const row of rows) {
    const floor = rows.find((other) => other.what === row.what && other.who === 'direct');
    const ratio = floor === undefined ? '' : `  × direct ${(row.rssBytesEach / floor.rssBytesEach).toFixed(2)}`;
    const rate =
      row.perSecond === undefined
        ? ''
        : `  ${row.perSecond}/s, ${Math.round(100 * (row.alive ?? 0))} % of a sample alive`;
    const figures = `${String(row.rssBytesEach).padStart(7)} B RSS ${String(row.heapBytesEach).padStart(7)} B heap`;
    say(
      `${row.what.padEnd(16)} ${row.who.padEnd(11)} ${String(row.count).padStart(7)} × ${figures}${ratio}${rate}  (load ${row.load})`,
    );
  }
  if (redisBytesEach !== undefined) say(`idle session     in Redis ${redisBytesEach} B`);
  if (moves !== undefined) {
    const { first, next, sessions, load } = moves;
    say(
      `request on another node, ms: p50 ${first.p50} p99 ${first.p99}; the next one there: p50 ${next.p50} p99 ${next.p99}  (${sessions} sessions, load ${load})`,
    );
  }
  for (const { way, flags, rssMib, growthMib, load } of floods) {
    say(
      `${values.readers} readers that never read 1 MB/s each (${[way, ...flags].join(' ')}): RSS MiB ${rssMib.join(' ')}, growth ${growthMib}  (load ${load})`,
    );
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

if (values.help) say(USAGE);
else {
  installCleanup();
  try {
    await main();
  } finally {
    await stopAll();
  }
}
