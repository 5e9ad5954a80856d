/**
 * `npm run bench`: what a request costs through each contender, as a multiple of the bare proxy of the same run. See README.md.
 * It never fails on a time, only when a contender answered wrongly or not at all.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CAN_PIN, type Child, installCleanup, readAnnouncement, startChild, stopAll } from './child.ts';
import {
  CONTENDER_CORE,
  type Contender,
  type RunningContender,
  suits,
  type UpstreamAddress,
} from './contenders/contender.ts';
import { writeGoals } from './goals.ts';
import { LoadProcess } from './load-process.ts';
import type { Load } from './loads/load.ts';
import { describeMachine } from './machine.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import { HAS_PROC } from './proc.ts';
import { type Failure, isCrowded, type LatencyRow, type Sample, summariseSamples } from './report.ts';
import { writeLatencyTable, writeLoadTable } from './table.ts';

/** Upstream and load generator share the other core; with one core there is no other. */
const OTHER_CORE = cpus().length > 1 ? 1 : 0;
const PAIR_WINDOW_MS = 6000;
const STDIO_UPSTREAM = fileURLToPath(new URL('./stdio-upstream.ts', import.meta.url));

interface Bench {
  readonly options: Options;
  readonly upstream: UpstreamAddress;
  readonly load: LoadProcess;
  readonly samples: Sample[];
  readonly failures: Failure[];
  readonly latencies: LatencyRow[];
}

async function prepareAll(contenders: readonly Contender[]): Promise<readonly Contender[]> {
  const ready: Contender[] = [];
  for (const contender of contenders.filter(isPresent)) {
    try {
      await contender.prepare?.();
      ready.push(contender);
    } catch (error) {
      say(`! ${contender.name} is left out: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return ready;
}

async function main(options: Options): Promise<void> {
  const machine = describeMachine();
  const startedAt = new Date().toISOString();
  say(
    `${startedAt}  ${machine.cpu}, ${machine.cores} cores, ${machine.kernel}, node ${machine.node}, undici ${machine.undici}`,
  );
  if (!CAN_PIN) say('! taskset does not work here: nothing is pinned, contender, upstream and load disturb each other');
  if (!HAS_PROC) say('! no /proc here: CPU and memory columns stay empty');
  const contenders = await prepareAll(options.contenders);
  const upstreamChild = startUpstreamChild();
  const upstream = { url: await readAnnouncement(upstreamChild), pid: upstreamChild.pid, program: [STDIO_UPSTREAM] };
  const load = new LoadProcess(OTHER_CORE);
  const bench: Bench = { options, upstream, load, samples: [], failures: [], latencies: [] };
  await measureAll(bench, contenders);
  await measureLatencies(bench, contenders);
  const rows = summariseSamples(options.loads, bench.samples);
  printReport(bench, rows);
  if (options.jsonFile !== undefined) {
    const { samples, failures, latencies } = bench;
    const { rounds, windowMs, warmupMs } = options;
    const goals = writeGoals(rows);
    const report = {
      startedAt,
      machine,
      options: { rounds, windowMs, warmupMs },
      goals,
      rows,
      latencies,
      failures,
      samples,
    };
    await mkdir(dirname(options.jsonFile), { recursive: true });
    await writeFile(options.jsonFile, `${JSON.stringify(report, null, 1)}\n`);
    say(`\nwrote ${options.jsonFile}`);
  }
  if (bench.failures.length > 0 || rows.some((row) => row.errors > 0)) process.exitCode = 1;
}

function startUpstreamChild(): Child {
  return startChild({ args: [fileURLToPath(new URL('./upstream.ts', import.meta.url))], core: OTHER_CORE });
}

function isPresent(contender: Contender): boolean {
  const reason = contender.missing?.();
  if (reason !== undefined) say(`! ${contender.name} is left out: ${reason}`);
  return reason === undefined;
}

/** A B C … C B A, a fresh process for every window. */
async function measureAll(bench: Bench, contenders: readonly Contender[]): Promise<void> {
  const { loads, rounds } = bench.options;
  for (const load of loads) {
    for (let round = 0; round < rounds; round += 1) {
      const order = round % 2 === 0 ? contenders : contenders.toReversed();
      for (const contender of order) {
        if (!suits(contender, load)) continue;
        await measureOne(bench, load, contender, round);
      }
    }
  }
}

async function measureOne(bench: Bench, load: Load, contender: Contender, round: number): Promise<void> {
  const { warmupMs, windowMs } = bench.options;
  const names = { load: load.name, contender: contender.name, round };
  let running: RunningContender | undefined;
  try {
    running = await contender.start(upstreamOf(bench, contender, load));
    const { pid: upstreamPid, url: upstreamUrl } = bench.upstream;
    const ids = { contenderPid: running.pid, upstreamPid, upstreamUrl, core: CONTENDER_CORE };
    const times = { warmupMs: warmupMs * (contender.processes ?? 1), windowMs };
    const command = { kind: 'measure', load: load.name, url: running.url, ...times, ...ids } as const;
    const result = await bench.load.run(command);
    if (result.kind === 'measure') bench.samples.push({ ...names, ...result });
    else if (result.kind === 'failed') bench.failures.push({ ...names, reason: result.reason });
  } catch (error) {
    bench.failures.push({ ...names, reason: error instanceof Error ? error.message : String(error) });
  } finally {
    await running?.close();
  }
  showProgress(`${load.name} round ${round + 1} ${contender.name}`);
}

/** Who passes bytes needs the server of both eras; for the others it is of the load's choice. */
function upstreamOf({ upstream }: Bench, { over }: Contender, load: Load): UpstreamAddress {
  return over === 'bytes' ? upstream : { ...upstream, url: new URL(`/${load.upstream}`, upstream.url).href };
}

async function measureLatencies(bench: Bench, contenders: readonly Contender[]): Promise<void> {
  for (const load of bench.options.loads.filter((each) => each.paired)) {
    const able = contenders.filter(
      (each) => suits(each, load) && !bench.failures.some((failure) => failure.contender === each.name),
    );
    const running: { readonly contender: string; readonly process: RunningContender }[] = [];
    try {
      for (const contender of able) {
        running.push({ contender: contender.name, process: await contender.start(upstreamOf(bench, contender, load)) });
      }
      const urls = running.map((each) => each.process.url);
      const times = { warmupMs: bench.options.warmupMs, windowMs: PAIR_WINDOW_MS };
      const result = await bench.load.run({ kind: 'pair', load: load.name, urls, ...times });
      if (result.kind === 'failed')
        bench.failures.push({ load: load.name, contender: 'paired', round: 0, reason: result.reason });
      if (result.kind !== 'pair') continue;
      for (const { url, ...latency } of result.latencies) {
        const contender = running.find((each) => each.process.url === url)?.contender ?? '?';
        bench.latencies.push({ load: load.name, contender, turns: result.turns, ...latency });
      }
    } finally {
      await Promise.all(running.map((each) => each.process.close()));
    }
  }
}

function printReport(bench: Bench, rows: ReturnType<typeof summariseSamples>): void {
  const { loads, rounds, windowMs, warmupMs } = bench.options;
  showProgress('');
  say(`median [min–max] of ${rounds} rounds, ${windowMs / 1000} s each after ${warmupMs / 1000} s of warm-up`);
  for (const load of loads) {
    const ofLoad = rows.filter((row) => row.load === load.name);
    if (ofLoad.length > 0) say(`\n${writeLoadTable(load, ofLoad)}`);
  }
  if (rows.some(isCrowded))
    say('\n! others had more of core 0 than the contender: its CPU is inflated, repeat when it is quiet');
  const goals = writeGoals(rows);
  if (goals.length > 0) say(`\n${goals.join('\n')}`);
  if (bench.latencies.length > 0) say(`\n${writeLatencyTable(bench.latencies)}`);
  for (const failure of bench.failures) {
    say(`\n! ${failure.contender}, ${failure.load}, round ${failure.round + 1}: ${failure.reason}`);
  }
  for (const sample of bench.samples.filter((each) => each.errors > 0)) {
    say(`\n! ${sample.contender}, ${sample.load}: ${JSON.stringify(sample.errorSamples)}`);
  }
}

/** A line that overwrites itself; nothing when standard error is a file. */
function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${text.padEnd(60)}\r`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

const options = readOptions(process.argv.slice(2));
if (options === undefined) {
  say(USAGE);
} else {
  installCleanup();
  try {
    await main(options);
  } finally {
    await stopAll();
  }
}
