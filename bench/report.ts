/** From raw samples to the figures people read. Nothing here judges a figure. */
import { BARE_PROXY_NAME, DIRECT_NAME } from './contenders/table.ts';
import type { MeasureResult, PairedLatency } from './load-commands.ts';
import type { Load } from './loads/load.ts';
import { type Spread, summarise } from './stats.ts';

/** One window of one contender under one load, and what the upstream saw of it. */
export interface Sample extends Omit<MeasureResult, 'kind'> {
  readonly load: string;
  readonly contender: string;
  readonly round: number;
}

/** A contender that could not do a load, or could not start. */
export interface Failure {
  readonly load: string;
  readonly contender: string;
  readonly round: number;
  readonly reason: string;
}

/** Paired latency of one contender under one load. */
export interface LatencyRow extends Omit<PairedLatency, 'url'> {
  readonly load: string;
  readonly contender: string;
  readonly turns: number;
}

/** The figures of one contender under one load over all rounds. "Unit" is the load's: a request or a session. */
export interface Row {
  readonly load: string;
  readonly contender: string;
  readonly unit: Load['unit'];
  readonly cpuMicrosPerUnit: Spread | undefined;
  /** Ratio of CPU per unit to the same round's bare proxy. */
  readonly timesBare: Spread | undefined;
  /** Ratio of the least CPU per unit of any round to the bare proxy's least: neighbours only ever add, so minima resist them. */
  readonly minimaTimesBare: number | undefined;
  /** Ratio of CPU per unit to the same round's direct. */
  readonly timesDirect: Spread | undefined;
  readonly unitsPerSecond: Spread | undefined;
  readonly upstreamMicrosPerUnit: Spread | undefined;
  /** Requests that reached the HTTP upstream for each unit. */
  readonly upstreamRequestsPerUnit: Spread | undefined;
  /** Share of the contenders' core that this one used itself, and that anyone used: the difference is neighbours. */
  readonly ownCoreShare: Spread | undefined;
  readonly coreShare: Spread | undefined;
  readonly rssBytes: Spread | undefined;
  readonly requests: number;
  readonly errors: number;
}

/** Summarises all samples, one row per load and contender that has any. */
export function summariseSamples(loads: readonly Load[], samples: readonly Sample[]): readonly Row[] {
  return loads.flatMap((load) => {
    const ofLoad = samples.filter((sample) => sample.load === load.name);
    const names = [...new Set(ofLoad.map((sample) => sample.contender))];
    return names.map((name) => summariseContender(load, name, ofLoad));
  });
}

/** True when others had more of the core than the contender: its CPU per unit is then inflated, up to twofold seen here. */
export function isCrowded(row: Row): boolean {
  return (
    row.ownCoreShare !== undefined && row.coreShare !== undefined && row.ownCoreShare.median * 2 < row.coreShare.median
  );
}

function summariseContender(load: Load, contender: string, ofLoad: readonly Sample[]): Row {
  const own = ofLoad.filter((sample) => sample.contender === contender && sample.units > 0);
  const spread = (read: (sample: Sample) => number | undefined): Spread | undefined =>
    summarise(own.flatMap((sample) => read(sample) ?? []));
  const ratio = (baseline: string): Spread | undefined =>
    spread((sample) => {
      const other = ofLoad.find((each) => each.contender === baseline && each.round === sample.round);
      return divide(cpuMicros(sample), other && cpuMicros(other));
    });
  return {
    load: load.name,
    contender,
    unit: load.unit,
    cpuMicrosPerUnit: spread(cpuMicros),
    timesBare: ratio(BARE_PROXY_NAME),
    minimaTimesBare: divide(leastMicros(own), leastMicros(ofLoad.filter((each) => each.contender === BARE_PROXY_NAME))),
    timesDirect: ratio(DIRECT_NAME),
    unitsPerSecond: spread((sample) => (sample.units / sample.windowMs) * 1000),
    upstreamMicrosPerUnit: spread((sample) => divide(sample.upstreamCpuMs, sample.units / 1000)),
    upstreamRequestsPerUnit: spread((sample) => divide(sample.upstreamRequests, sample.units)),
    // Direct is the upstream, on the other core.
    ownCoreShare:
      contender === DIRECT_NAME ? undefined : spread((sample) => divide(sample.contenderCpuMs, sample.windowMs)),
    coreShare: spread((sample) => divide(sample.coreBusyMs, sample.windowMs)),
    rssBytes: spread((sample) => sample.rssBytes),
    requests: own.reduce((sum, sample) => sum + sample.requests, 0),
    errors: ofLoad.filter((sample) => sample.contender === contender).reduce((sum, { errors }) => sum + errors, 0),
  };
}

function leastMicros(samples: readonly Sample[]): number | undefined {
  return summarise(samples.flatMap((sample) => cpuMicros(sample) ?? []))?.min;
}

function cpuMicros(sample: Sample): number | undefined {
  return divide(sample.contenderCpuMs, sample.units / 1000);
}

function divide(left: number | undefined, right: number | undefined): number | undefined {
  return left === undefined || right === undefined || right === 0 ? undefined : left / right;
}
