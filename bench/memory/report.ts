import type { Figures, Flood, Row } from './figures.ts';

/** A bound on what one of something costs the gateway (issue 4). */
const EACH: readonly { readonly what: string; readonly who: string; readonly bytes: number }[] = [
  { what: 'idle session', who: 'breakwater', bytes: 2_048 },
  { what: 'idle session', who: 'redis', bytes: 205 },
  { what: 'GET stream', who: 'breakwater', bytes: 15_360 },
  { what: 'call stream', who: 'breakwater', bytes: 25_600 },
  { what: 'watching stream', who: 'breakwater', bytes: 25_600 },
];
const FLOOD_MIB = 50;
/** What the second half of a flood may add: the allocator's own steps. */
const FLAT_MIB = 8;

/** What a run found, a line for each figure. `floorOf`: what the figure of one thing is compared with. */
export function writeFigures({ rows, floods, moves, redisBytesEach }: Figures): readonly string[] {
  const lines = rows.map((row) => writeRow(row, rows));
  if (redisBytesEach !== undefined) lines.push(`idle session     in Redis ${redisBytesEach} B`);
  if (moves !== undefined) {
    const { first, next, sessions, load } = moves;
    const ratio = (first.p50 / next.p50).toFixed(2);
    lines.push(
      `request on another node, ms: p50 ${first.p50} p99 ${first.p99}; the next one there: p50 ${next.p50} p99 ${next.p99}; p50 ${ratio} × warm  (${sessions} sessions, load ${load})`,
    );
  }
  return [...lines, ...floods.map(writeFlood)];
}

function writeRow(row: Row, rows: readonly Row[]): string {
  const figures = `${String(row.rssBytesEach).padStart(7)} B RSS ${String(row.heapBytesEach).padStart(7)} B heap`;
  const ratios = rows
    .filter(({ what, who }) => what === row.what && who !== row.who && FLOORS.has(who))
    .map(({ who, rssBytesEach }) => `  × ${who} ${(row.rssBytesEach / rssBytesEach).toFixed(2)}`);
  const rate =
    row.perSecond === undefined
      ? ''
      : `  ${row.perSecond}/s, ${Math.round(100 * (row.alive ?? 0))} % of a sample alive`;
  const count = String(row.count).padStart(7);
  return `${row.what.padEnd(16)} ${row.who.padEnd(11)} ${count} × ${figures} ${row.fdsEach} fd${ratios.join('')}${rate}  (load ${row.load})`;
}

const FLOORS: ReadonlySet<string> = new Set(['direct', 'bare-proxy']);

function writeFlood({ who, way, reads, flags, rssMib, growthMib, load }: Flood): string {
  const readers = reads ? 'readers that read' : 'readers that never read';
  return `1 MB/s each to ${readers}, ${[who, way, ...flags].join(' ')}: RSS MiB ${rssMib.join(' ')}, growth ${growthMib}  (load ${load})`;
}

/** Says of each goal that this run can tell about what came out; a run never fails on one. */
export function writeGoals({ rows, floods }: Figures): readonly string[] {
  const each = EACH.flatMap(({ what, who, bytes }) => {
    const row = rows.find((other) => other.what === what && other.who === who);
    if (row === undefined) return [];
    return `${verdict(row.rssBytesEach <= bytes)}  ${what}, ${who}: ${row.rssBytesEach} B (goal: ≤ ${bytes})`;
  });
  const bounded = floods.flatMap((flood) => {
    if (flood.who !== 'breakwater' || flood.reads) return [];
    const { way, flags, rssMib, growthMib } = flood;
    const late = rssMib.slice(Math.ceil(rssMib.length / 2));
    const rise = Math.max(...late) - Math.min(...late);
    const named = ['unread flood', way, ...flags].join(' ');
    return [
      `${verdict(growthMib <= FLOOD_MIB)}  ${named}: growth ${growthMib} MiB (goal: ≤ ${FLOOD_MIB})`,
      `${verdict(rise <= FLAT_MIB)}  ${named}: ${rise} MiB of it in the second half (goal: flat)`,
    ];
  });
  return [...each, ...bounded];
}

function verdict(isMet: boolean): string {
  return isMet ? 'met   ' : 'missed';
}
