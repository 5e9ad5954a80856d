/** Plain-text tables of the figures of a run. */
import type { Load } from './loads/load.ts';
import { isCrowded, type LatencyRow, type Row } from './report.ts';
import type { Spread } from './stats.ts';

/** Writes the table of one load. */
export function writeLoadTable(load: Load, rows: readonly Row[]): string {
  const perUnit = `CPU µs/${load.unit}`;
  const head = [
    '',
    perUnit,
    '× bare',
    'of minima',
    '× direct',
    `${load.unit}s/s`,
    'upstream µs',
    'upstream req',
    'core 0 own/all',
    'RSS MB',
    'errors',
  ];
  const lines = rows.map((row) => [
    row.contender,
    writeSpread(row.cpuMicrosPerUnit, 1),
    writeSpread(row.timesBare, 2),
    row.minimaTimesBare?.toFixed(2) ?? '–',
    writeSpread(row.timesDirect, 2),
    writeSpread(row.unitsPerSecond, 0),
    writeMedian(row.upstreamMicrosPerUnit, 1),
    writeMedian(row.upstreamRequestsPerUnit, 2),
    `${isCrowded(row) ? '! ' : ''}${writeMedian(row.ownCoreShare, 2)}/${writeMedian(row.coreShare, 2)}`,
    writeMedian(row.rssBytes, 0, 1 / 2 ** 20),
    `${row.errors} of ${row.requests}`,
  ]);
  return `${load.name}: ${load.title}; ${load.clients} clients\n${writeTable([head, ...lines])}`;
}

/** Writes the table of the paired latency test. */
export function writeLatencyTable(rows: readonly LatencyRow[]): string {
  const head = ['', 'load', 'p50 ms', 'p90 ms', 'added p50', 'added p90', 'turns'];
  const lines = rows.map((row) => [
    row.contender,
    row.load,
    row.p50Ms.toFixed(3),
    row.p90Ms.toFixed(3),
    row.addedP50Ms.toFixed(3),
    row.addedP90Ms.toFixed(3),
    String(row.turns),
  ]);
  return `paired latency: one request in flight, turn by turn; "added" is the median of the difference to direct\n${writeTable([head, ...lines])}`;
}

/** Aligns columns; the first to the left, the others to the right. */
export function writeTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function writeSpread(spread: Spread | undefined, digits: number): string {
  if (spread === undefined) return '–';
  return `${spread.median.toFixed(digits)} [${spread.min.toFixed(digits)}–${spread.max.toFixed(digits)}]`;
}

function writeMedian(spread: Spread | undefined, digits: number, scale = 1): string {
  return spread === undefined ? '–' : (spread.median * scale).toFixed(digits);
}
