import type { Effect } from '../servers/effects.ts';
import type { CallRecord } from './clients.ts';

/** What the checker found in a history of calls and effects. */
export interface Verdict {
  readonly calls: number;
  readonly ok: number;
  /** Calls with an answer of another kind, by that answer. */
  readonly told: Readonly<Record<string, number>>;
  /** Calls whose client's own connection broke, by what it saw. */
  readonly broken: Readonly<Record<string, number>>;
  /** What must never be; empty when all is well. */
  readonly faults: readonly string[];
  /** Each call that had another end than its answer: when, and after how long, to be found in the logs of the nodes. */
  readonly stories: readonly string[];
}

/** Compares what clients saw with what servers did. */
export function check(records: readonly CallRecord[], effects: readonly Effect[]): Verdict {
  const times = new Map<string, number>();
  for (const { call } of effects) times.set(call, (times.get(call) ?? 0) + 1);
  const faults: string[] = [];
  const stories: string[] = [];
  const told: Record<string, number> = {};
  const broken: Record<string, number> = {};
  let ok = 0;
  for (const { call, tool, outcome, startedAt, endedAt } of records) {
    const count = times.get(call) ?? 0;
    if (outcome.kind !== 'ok') {
      const said = outcome.kind === 'told' ? outcome.reason : outcome.detail;
      const end = new Date(endedAt).toISOString();
      stories.push(`${call} (${tool}) took effect ${count} times; at ${end}, after ${endedAt - startedAt} ms: ${said}`);
    }
    if (count > 1) faults.push(`${call} (${tool}) took effect ${count} times`);
    if (outcome.kind === 'ok') {
      ok++;
      if (count === 0) faults.push(`${call} (${tool}) was answered and never took effect`);
    } else if (outcome.kind === 'wrong') faults.push(`${call} (${tool}): ${outcome.detail}`);
    else if (outcome.kind === 'told') told[outcome.reason] = (told[outcome.reason] ?? 0) + 1;
    else broken[outcome.detail] = (broken[outcome.detail] ?? 0) + 1;
  }
  return { calls: records.length, ok, told, broken, faults, stories };
}
