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
import { isAlive, openSessions, openStreams, type StreamWay } from './memory/crowd.ts';
import type { Figures, Row } from './memory/figures.ts';
import {
  type MeasuredProcess,
  startBareProxy,
  startCivic,
  startDirect,
  startGateway,
  startSdkServer,
  UNBOUNDED,
} from './memory/measured-process.ts';
import { timeMoves } from './memory/moves.ts';
import type { Reading } from './memory/reading.ts';
import { writeFigures, writeGoals } from './memory/report.ts';
import { type FloodWay, openReaders } from './memory/slow-readers.ts';

const USAGE = `node bench/memory.ts [options]

  --sessions N   idle sessions (100000)
  --streams N    open GET streams; two processes need a descriptor each (5000)
  --proxied N    open streams that need an upstream stream of their own, so two descriptors of one process (2000)
  --readers N    clients that ask for 1 MB/s and never read (10)
  --seconds S    how long those are watched (18)
  --moves N      sessions whose next request goes to another node (2000)
  --peer N       idle sessions of a peer; half as many streams (2000)
  --only LIST    of direct, breakwater, proxied, redis, flood, peers
  --json FILE    also write the figures to FILE
`;

const { values } = parseArgs({
  options: {
    sessions: { type: 'string', default: '100000' },
    streams: { type: 'string', default: '5000' },
    proxied: { type: 'string', default: '2000' },
    readers: { type: 'string', default: '10' },
    seconds: { type: 'string', default: '18' },
    moves: { type: 'string', default: '2000' },
    peer: { type: 'string', default: '2000' },
    only: { type: 'string', default: 'direct,breakwater,proxied,redis,flood,peers' },
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
/** The bare proxy has so many upstream connections at most, like most proxies. */
const BARE_STREAMS = 1_000;
const MIB = 2 ** 20;
// What V8 lets the young generation grow to is no part of what readers hold.
const YOUNG = ['--max-semi-space-size=4'];
const WAYS: Readonly<Record<StreamWay, string>> = { get: 'GET stream', watch: 'watching stream', call: 'call stream' };

const figures: Figures = { rows: [], floods: [], moves: undefined, redisBytesEach: undefined };

async function main(): Promise<void> {
  const machine = describeMachine();
  const startedAt = new Date().toISOString();
  const only = new Set(values.only.split(','));
  const upstream = startUpstream('./upstream.ts');
  const url = await readAnnouncement(upstream);
  if (only.has('direct')) await measureAlone('direct', await startDirect(GATEWAY_CORE));
  if (only.has('breakwater')) await measureAlone('breakwater', await startGateway(url, UNBOUNDED, GATEWAY_CORE));
  if (only.has('redis')) await measureFleet(url);
  await upstream.stop();
  if (only.has('proxied')) await measureProxied();
  if (only.has('flood')) {
    for (const way of ['call', 'get'] as const) await measureFlood('breakwater', way);
    for (const way of ['call', 'get'] as const) await measureFlood('breakwater', way, { flags: YOUNG });
    for (const way of ['call', 'get'] as const) await measureFlood('breakwater', way, { reads: true });
  }
  if (only.has('peers')) await measurePeers();
  for (const line of [...writeFigures(figures), '', ...writeGoals(figures)]) say(line);
  if (values.json === undefined) return;
  await mkdir(dirname(values.json), { recursive: true });
  await writeFile(values.json, `${JSON.stringify({ startedAt, machine, ...figures }, null, 1)}\n`);
  say(`\nwrote ${values.json}`);
}

/** Sessions and their GET streams, of a process that stands alone. */
async function measureAlone(who: string, measured: MeasuredProcess, sessions = Number(values.sessions)): Promise<void> {
  await warmUp(measured, WARM_UP, 'get');
  const ids = await measureSessions(who, measured, sessions);
  await measureStreams(who, measured, ids.slice(0, Number(values.streams)), 'get');
  await measured.close();
}

async function measureFleet(upstreamUrl: string): Promise<void> {
  await using redis = await startRedis();
  const fleet = {
    ...UNBOUNDED,
    store: redis.url,
    fleet: { secret: { env: 'BENCH_SECRET' }, listen: { port: 0 } },
  };
  const start = (): Promise<MeasuredProcess> => startGateway(upstreamUrl, fleet, GATEWAY_CORE);
  const used = async (): Promise<number> =>
    Number(/used_memory:(\d+)/.exec(await redis.command('info', 'memory'))?.[1]);
  const before = await used();
  const measured = await start();
  await warmUp(measured, FLEET_WARM_UP, 'get');
  const ids = await measureSessions('redis', measured, Number(values.sessions), LET_GO_MS);
  figures.redisBytesEach = Math.round(((await used()) - before) / (ids.length + FLEET_WARM_UP));
  await wait(LET_GO_MS);
  await measureStreams('redis', measured, ids.slice(0, Number(values.streams)), 'get');
  await measured.close();
  const [one, two] = [await start(), await start()];
  // Code is compiled by those that come first.
  await timeMoves(two.url, await openSessions(one.url, Number(values.moves)));
  const moved = await openSessions(one.url, Number(values.moves));
  figures.moves = { sessions: moved.length, ...(await timeMoves(two.url, moved)), load: loadNow() };
  await one.close();
  await two.close();
}

/** Streams that need an upstream stream of their own: two descriptors of the process each. */
async function measureProxied(): Promise<void> {
  for (const who of ['bare-proxy', 'breakwater'] as const) {
    const count = Math.min(Number(values.proxied), who === 'bare-proxy' ? BARE_STREAMS : Number.POSITIVE_INFINITY);
    for (const way of ['call', 'watch'] as const) {
      const upstream = startUpstream('./memory/flood-upstream.ts');
      const url = await readAnnouncement(upstream);
      const measured = await (who === 'breakwater'
        ? startGateway(
            url,
            { ...UNBOUNDED, upstreams: { one: { url, era: 'legacy', limits: { handles: 2 * count } } } },
            GATEWAY_CORE,
          )
        : startBareProxy(url, GATEWAY_CORE));
      await warmUp(measured, SAMPLED, way);
      await measureStreams(who, measured, await openSessions(measured.url, count), way);
      await measured.close();
      await upstream.stop();
    }
  }
}

/** Programs that are built on the official SDK, for comparison: a gateway from npm, and a server without one. */
async function measurePeers(): Promise<void> {
  const upstream = startUpstream('./memory/flood-upstream.ts');
  const url = await readAnnouncement(upstream);
  const start = { civic: () => startCivic(url, GATEWAY_CORE), 'sdk-v1': () => startSdkServer(GATEWAY_CORE) };
  for (const who of ['civic', 'sdk-v1'] as const) {
    const measured = await start[who]();
    await warmUp(measured, SAMPLED, 'get');
    const ids = await measureSessions(who, measured, Number(values.peer));
    await measureStreams(who, measured, ids.slice(0, ids.length / 2), 'get');
    await measured.close();
  }
  await upstream.stop();
  for (const way of ['call', 'get'] as const) await measureFlood('civic', way);
}

/** Runs the code once that is to be measured, and leaves its sessions where they are. */
async function warmUp(measured: MeasuredProcess, count: number, way: StreamWay): Promise<void> {
  const ids = await openSessions(measured.url, count);
  for (const socket of await openStreams(measured.url, ids.slice(0, SAMPLED), way)) socket.destroy();
}

/** @param settleMs how long it takes until what is idle is let go of */
async function measureSessions(
  who: string,
  measured: MeasuredProcess,
  count: number,
  settleMs = 0,
): Promise<readonly string[]> {
  await wait(settleMs);
  const before = await measured.read();
  const startedMs = performance.now();
  const ids = await openSessions(measured.url, count);
  const perSecond = Math.round((1_000 * count) / (performance.now() - startedMs));
  await wait(settleMs);
  const after = await measured.read();
  const step = Math.max(1, Math.floor(ids.length / SAMPLED));
  const sample = ids.filter((_, index) => index % step === 0);
  let alive = 0;
  for (const id of sample) if (await isAlive(measured.url, id)) alive++;
  const more = { perSecond, alive: alive / sample.length, load: loadNow() };
  figures.rows.push({ what: 'idle session', who, ...each(before, after, count), ...more });
  return ids;
}

async function measureStreams(
  who: string,
  measured: MeasuredProcess,
  ids: readonly string[],
  way: StreamWay,
): Promise<void> {
  const before = await measured.read();
  const sockets = await openStreams(measured.url, ids, way);
  const after = await measured.read();
  figures.rows.push({ what: WAYS[way], who, ...each(before, after, ids.length), load: loadNow() });
  for (const socket of sockets) socket.destroy();
}

async function measureFlood(
  who: 'breakwater' | 'civic',
  way: FloodWay,
  { flags = [], reads = false }: { readonly flags?: readonly string[]; readonly reads?: boolean } = {},
): Promise<void> {
  const upstream = startUpstream('./memory/flood-upstream.ts');
  const url = await readAnnouncement(upstream);
  const measured = await (who === 'civic' ? startCivic(url, GATEWAY_CORE) : startGateway(url, {}, GATEWAY_CORE, flags));
  await openSessions(measured.url, WARM_UP / 4);
  const rss: number[] = [(await measured.read()).rssBytes / MIB];
  const sockets = await openReaders(measured.url, Number(values.readers), { way, reads });
  for (let second = 0; second < Number(values.seconds); second += 3) {
    await wait(3_000);
    rss.push((await measured.read()).rssBytes / MIB);
  }
  for (const socket of sockets) socket.destroy();
  await measured.close();
  await upstream.stop();
  const rssMib = rss.map((mib) => Math.round(mib));
  const growthMib = Math.max(...rssMib) - (rssMib[0] ?? 0);
  figures.floods.push({ who, way, reads, flags, rssMib, growthMib, load: loadNow() });
}

function loadNow(): number {
  return Math.round((loadavg()[0] ?? 0) * 100) / 100;
}

function startUpstream(path: string): Child {
  return startChild({ args: [fileURLToPath(new URL(path, import.meta.url))], core: OTHER_CORE });
}

function each(
  before: Reading,
  after: Reading,
  count: number,
): Pick<Row, 'count' | 'rssBytesEach' | 'heapBytesEach' | 'fdsEach'> {
  return {
    count,
    rssBytesEach: Math.round((after.rssBytes - before.rssBytes) / count),
    heapBytesEach: Math.round((after.heapBytes - before.heapBytes) / count),
    fdsEach: Math.round((10 * (after.fds - before.fds)) / count) / 10,
  };
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
