/** What the runner asks of the load generator process, and what comes back; plain data, sent over IPC. */

/** Run one load against one endpoint and measure a window of it. */
export interface MeasureCommand {
  readonly kind: 'measure';
  readonly load: string;
  readonly url: string;
  readonly warmupMs: number;
  readonly windowMs: number;
  readonly contenderPid: number;
  readonly upstreamPid: number;
  /** Asked how many requests it got; absent where nobody counts. */
  readonly upstreamUrl?: string;
  /** The core the contender is pinned to. */
  readonly core: number;
}

/** Rotate one request at a time over several endpoints that are all up, so that all see the same noise. */
export interface PairCommand {
  readonly kind: 'pair';
  readonly load: string;
  /** The first is the baseline of the differences. */
  readonly urls: readonly string[];
  readonly warmupMs: number;
  readonly windowMs: number;
}

export type LoadCommand = MeasureCommand | PairCommand;

/** One measured window. CPU figures are absent where the system cannot give them. */
export interface MeasureResult {
  readonly kind: 'measure';
  readonly windowMs: number;
  readonly units: number;
  readonly requests: number;
  readonly errors: number;
  /** The first few distinct error messages, with how often each came. */
  readonly errorSamples: Readonly<Record<string, number>>;
  readonly contenderCpuMs: number | undefined;
  readonly upstreamCpuMs: number | undefined;
  /** Requests the HTTP upstream got in the window. */
  readonly upstreamRequests: number | undefined;
  readonly loadCpuMs: number;
  /** Time the contender's core was busy, for whomever. */
  readonly coreBusyMs: number | undefined;
  readonly rssBytes: number | undefined;
  readonly processes: number | undefined;
}

/** Latency of one endpoint in the rotation, and its difference from the baseline of the same turn. */
export interface PairedLatency {
  readonly url: string;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly addedP50Ms: number;
  readonly addedP90Ms: number;
}

export interface PairResult {
  readonly kind: 'pair';
  readonly turns: number;
  readonly latencies: readonly PairedLatency[];
}

/** The contender cannot do this load at all: the first client failed before anything was measured. */
export interface FailedResult {
  readonly kind: 'failed';
  readonly reason: string;
}

export type LoadResult = MeasureResult | PairResult | FailedResult;
