import type { Difference } from './shape.ts';

/** What came of one recorded exchange. */
export interface PlayedExchange {
  readonly n: number;
  readonly client: string;
  readonly method: string;
  readonly path: string;
  /** JSON-RPC methods in its body; empty when there are none. */
  readonly what: string;
  readonly verdict: 'same' | 'differs' | 'skipped';
  /** Why it was skipped, compared loosely, or not answered. */
  readonly reason?: string;
  readonly differences: readonly Difference[];
}

/** What a replay found. */
export interface ReplayReport {
  readonly target: string;
  readonly version: string;
  readonly clients: number;
  readonly played: readonly PlayedExchange[];
}

/** Name and version of the JSON report's form. */
const REPLAY_FORMAT = 'breakwater-replay/1';

/** A report in numbers. */
export function countsOf({ played }: ReplayReport): Readonly<Record<PlayedExchange['verdict'], number>> {
  const count = (verdict: PlayedExchange['verdict']): number =>
    played.filter((each) => each.verdict === verdict).length;
  return { same: count('same'), differs: count('differs'), skipped: count('skipped') };
}

/** The report as JSON, for programs. */
export function renderReplayJson(report: ReplayReport): string {
  const { target, version, clients, played } = report;
  return `${JSON.stringify({ format: REPLAY_FORMAT, target, version, counts: countsOf(report), clients, exchanges: played }, null, 2)}\n`;
}
