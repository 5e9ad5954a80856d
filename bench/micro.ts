/**
 * Micro-benchmarks of pure functions: `node bench/micro.ts [--only TEXT] [--rounds N] [--warmup MS] [--json FILE]`.
 * Prints µs per call, median [min–max]. It never fails on a time, only when a function throws.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { describeMachine } from './machine.ts';
import type { Micro } from './micros/micro.ts';
import { MICROS } from './micros/table.ts';
import { type Spread, summarise } from './stats.ts';
import { writeTable } from './table.ts';

interface Prepared {
  readonly micro: Micro;
  /** Calls per batch, so that a batch is long against the clock and short against the neighbours. */
  readonly batch: number;
  readonly microsPerCall: number[];
}

const BATCH_MS = 10;

/** Holds the last result, so that no call is dead code. */
let sink: unknown;

/** Runs every micro in turn, round by round and every other round backwards, so that a slow moment hits all of them. */
function runMicros(micros: readonly Micro[], rounds: number, warmupMs: number): readonly Prepared[] {
  const prepared = micros.map((micro) => warmUp(micro, warmupMs));
  for (let round = 0; round < rounds; round += 1) {
    for (const each of round % 2 === 0 ? prepared : prepared.toReversed()) {
      each.microsPerCall.push((timeBatch(each.micro, each.batch) * 1000) / each.batch);
    }
  }
  return prepared;
}

/** Lets the function be compiled, and finds the batch that takes about 10 ms. */
function warmUp(micro: Micro, warmupMs: number): Prepared {
  const end = performance.now() + warmupMs;
  let batch = 1;
  while (performance.now() < end) {
    const tookMs = timeBatch(micro, batch);
    batch = Math.max(1, Math.min(batch * 4, Math.round((batch * BATCH_MS) / Math.max(tookMs, 0.001))));
  }
  return { micro, batch, microsPerCall: [] };
}

function timeBatch(micro: Micro, calls: number): number {
  const start = performance.now();
  for (let call = 0; call < calls; call += 1) sink = micro.run();
  return performance.now() - start;
}

async function loadMicros(): Promise<readonly Micro[]> {
  const lists = await Promise.allSettled(MICROS.map((load) => load()));
  return lists.flatMap((list) => {
    if (list.status === 'fulfilled') return list.value;
    process.stderr.write(`! some are left out: ${String(list.reason)}\n`);
    return [];
  });
}

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    rounds: { type: 'string', default: '30' },
    warmup: { type: 'string', default: '300' },
    json: { type: 'string' },
  },
});
const chosen = (await loadMicros()).filter((micro) => micro.name.includes(values.only));
const machine = describeMachine();
process.stdout.write(`${machine.cpu}, ${machine.kernel}, node ${machine.node}\n`);
const rows = runMicros(chosen, Number(values.rounds), Number(values.warmup)).map(({ micro, batch, microsPerCall }) => ({
  name: micro.name,
  callsPerBatch: batch,
  microsPerCall: summarise(microsPerCall),
}));
const write = (spread: Spread | undefined, key: 'median' | 'min' | 'max'): string => spread?.[key].toFixed(3) ?? '–';
const lines = rows.map((row) => [
  row.name,
  ...(['median', 'min', 'max'] as const).map((key) => write(row.microsPerCall, key)),
]);
process.stdout.write(`${writeTable([['µs per call', 'median', 'min', 'max'], ...lines])}\n`);
if (values.json !== undefined) {
  await writeFile(values.json, `${JSON.stringify({ startedAt: new Date().toISOString(), machine, rows }, null, 1)}\n`);
}
if (sink === undefined && rows.length === 0) process.stdout.write('no micro has this in its name\n');
