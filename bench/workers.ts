/**
 * `node bench/workers.ts`: what more workers bring on this machine, whose cores they share with the load generator and the upstream: CPU per unit, summed over
 * all processes of the gateway, and units per second, beside those of one worker in the same round. It never fails on a figure.
 */
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { installCleanup, readAnnouncement, startChild, stopAll } from './child.ts';
import { runGatewayOnAllCores } from './contenders/programs.ts';
import { LoadProcess } from './load-process.ts';
import { findLoad } from './loads/table.ts';
import { writeTable } from './table.ts';

const { values } = parseArgs({
  options: {
    loads: { type: 'string', default: 'call,call-roaming,call-progress,field-mix' },
    workers: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '4' },
    // Of one process: a worker's code is as warm as that of one alone when it has served as much.
    warmup: { type: 'string', default: '6' },
  },
});

interface Window {
  readonly gatewayMicros: number;
  /** Of the load generator and the upstream. */
  readonly otherMicros: number;
  readonly perSecond: number;
  readonly errors: number;
}

const MANY = Number(values.workers);

async function measure(loadName: string, upstream: { url: string; pid: number }, workers: number): Promise<Window> {
  const url = new URL(`/${findLoad(loadName).upstream}`, upstream.url).href;
  const count = workers === 1 ? [] : ['--workers', String(workers)];
  const gateway = await runGatewayOnAllCores(...count, '--upstream', url);
  const load = new LoadProcess();
  try {
    const result = await load.run({
      kind: 'measure',
      load: loadName,
      url: gateway.url,
      warmupMs: Number(values.warmup) * 1000 * workers,
      windowMs: Number(values.seconds) * 1000,
      contenderPid: gateway.pid,
      upstreamPid: upstream.pid,
      core: 0,
    });
    if (result.kind !== 'measure') throw new Error(result.kind === 'failed' ? result.reason : 'no window');
    const { units, windowMs, contenderCpuMs = Number.NaN, upstreamCpuMs = Number.NaN, loadCpuMs, errors } = result;
    const perUnit = (ms: number): number => (ms * 1000) / units;
    return {
      gatewayMicros: perUnit(contenderCpuMs),
      otherMicros: perUnit(upstreamCpuMs + loadCpuMs),
      perSecond: (units / windowMs) * 1000,
      errors,
    };
  } finally {
    await gateway.close();
    await load.stop();
  }
}

/** The round that neighbours touched least. */
function best(windows: readonly Window[]): Window {
  return windows.reduce((least, window) => (window.gatewayMicros < least.gatewayMicros ? window : least));
}

async function compare(loadName: string, upstream: { url: string; pid: number }): Promise<readonly string[]> {
  const one: Window[] = [];
  const many: Window[] = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    // Every other round backwards, so that nobody always follows the same neighbour.
    for (const windows of round % 2 === 0 ? [one, many] : [many, one])
      windows.push(await measure(loadName, upstream, windows === one ? 1 : MANY));
  }
  const [alone, together] = [best(one), best(many)];
  const rates = (windows: readonly Window[]): number => Math.max(...windows.map(({ perSecond }) => perSecond));
  // With all cores busy nobody can be faster than what they have together, and one worker no faster than one core.
  const all = alone.gatewayMicros + alone.otherMicros;
  const most = cpus().length / all / Math.min(1 / alone.gatewayMicros, cpus().length / all);
  return [
    loadName,
    alone.gatewayMicros.toFixed(1),
    together.gatewayMicros.toFixed(1),
    (together.gatewayMicros / alone.gatewayMicros).toFixed(2),
    alone.otherMicros.toFixed(1),
    rates(one).toFixed(0),
    rates(many).toFixed(0),
    (rates(many) / rates(one)).toFixed(2),
    most.toFixed(2),
    String([...one, ...many].reduce((sum, { errors }) => sum + errors, 0)),
  ];
}

installCleanup();
try {
  const child = startChild({ args: [fileURLToPath(new URL('./upstream.ts', import.meta.url))] });
  const upstream = { url: await readAnnouncement(child), pid: child.pid };
  const head = [
    '',
    'µs, 1 worker',
    `µs, ${MANY}`,
    '×',
    'load + upstream µs',
    '/s, 1',
    `/s, ${MANY}`,
    '×',
    'most',
    'errors',
  ];
  const rows: (readonly string[])[] = [];
  for (const name of values.loads.split(',')) rows.push(await compare(name, upstream));
  process.stdout.write(`${writeTable([head, ...rows])}\n`);
} finally {
  await stopAll();
}
