/**
 * `node bench/memory.ts`: what idle sessions, open streams and readers that never read cost in memory, against the floor of a server that keeps
 * ids in a set. It never fails on a figure, only when something was refused or died. See README.md.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Child, installCleanup, readAnnouncement, startChild, stopAll } from './child.ts';
import { describeMachine } from './machine.ts';
import { isAlive, openSessions, openStreams } from './memory/crowd.ts';
import { type MeasuredProcess, startDirect, startGateway, UNBOUNDED } from './memory/measured-process.ts';
import type { Reading } from './memory/reading.ts';
import { type FloodWay, openSlowReaders } from './memory/slow-readers.ts';

const USAGE = `node bench/memory.ts [options]

  --sessions N   idle sessions (100000)
  --streams N    open GET streams; two processes need a descriptor each (5000)
  --readers N    clients that ask for 1 MB/s and never read (10)
  --seconds S    how long those are watched (15)
  --json FILE    also write the figures to FILE
`;

const { values } = parseArgs({
  options: {
    sessions: { type: 'string', default: '100000' },
    streams: { type: 'string', default: '5000' },
    readers: { type: 'string', default: '10' },
    seconds: { type: 'string', default: '15' },
    json: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

const GATEWAY_CORE = 0;
const OTHER_CORE = cpus().length > 1 ? 1 : 0;
const SAMPLED = 50;
/** Sessions opened before the first reading, so that code and connections are not counted. */
const WARM_UP = 2_000;
const MIB = 2 ** 20;

interface Row {
  readonly what: string;
  readonly who: string;
  readonly count: number;
  readonly rssBytesEach: number;
  readonly heapBytesEach: number;
  readonly perSecond?: number;
  readonly alive?: number;
}

const rows: Row[] = [];
const floods: { readonly way: FloodWay; readonly rssMib: readonly number[]; readonly growthMib: number }[] = [];

async function main(): Promise<void> {
  const machine = describeMachine();
  const startedAt = new Date().toISOString();
  const upstream = startUpstream('./upstream.ts');
  const upstreamUrl = await readAnnouncement(upstream);
  await measureCrowd('direct', await startDirect(GATEWAY_CORE));
  await measureCrowd('breakwater', await startGateway(upstreamUrl, UNBOUNDED, GATEWAY_CORE));
  await upstream.stop();
  for (const way of ['call', 'get'] as const) await measureFlood(way);
  report();
  if (values.json !== undefined) {
    await mkdir(dirname(values.json), { recursive: true });
    await writeFile(values.json, `${JSON.stringify({ startedAt, machine, rows, floods }, null, 1)}\n`);
    say(`\nwrote ${values.json}`);
  }
}

async function measureCrowd(who: string, measured: MeasuredProcess): Promise<void> {
  const [sessions, streams] = [Number(values.sessions), Number(values.streams)];
  const warm = await openSessions(measured.url, WARM_UP);
  (await openStreams(measured.url, warm.slice(0, SAMPLED))).forEach((socket) => void socket.destroy());
  const before = await measured.read();
  const startedMs = performance.now();
  const ids = await openSessions(measured.url, sessions);
  const perSecond = Math.round((1_000 * sessions) / (performance.now() - startedMs));
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
  });
  const base = await measured.read();
  const sockets = await openStreams(measured.url, ids.slice(0, streams));
  rows.push({ what: 'open GET stream', who, ...each(base, await measured.read(), streams) });
  for (const socket of sockets) socket.destroy();
  await measured.close();
}

async function measureFlood(way: FloodWay): Promise<void> {
  const upstream = startUpstream('./memory/flood-upstream.ts');
  const measured = await startGateway(await readAnnouncement(upstream), {}, GATEWAY_CORE);
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
  floods.push({ way, rssMib, growthMib: Math.max(...rssMib) - (rssMib[0] ?? 0) });
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
    say(`${row.what.padEnd(16)} ${row.who.padEnd(11)} ${String(row.count).padStart(7)} × ${figures}${ratio}${rate}`);
  }
  for (const { way, rssMib, growthMib } of floods) {
    say(
      `${values.readers} readers that never read 1 MB/s each (${way}): RSS MiB ${rssMib.join(' ')}, growth ${growthMib}`,
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
