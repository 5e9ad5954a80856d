import type { FaultPlan } from './faults.ts';
import type { CallEnd, CallRecord, History } from './history.ts';
import { LEASE_MS } from './node.ts';

/** Codes of docs/errors.md that a fault of a node, of the store or of the network may lead to. */
const TOLD: ReadonlySet<string> = new Set([
  'fleet.node-lost',
  'fleet.owner-gone',
  'gateway.draining',
  // A session that was lost is a fault of its own.
  'session.unknown',
  'store.unavailable',
  'stream.lost',
  'upstream.busy',
  'upstream.lost',
  'upstream.timeout',
  'upstream.unavailable',
]);
/** What a call says whose question nobody answered in time, or whose node is gone (docs/questions.md). */
const EXPIRED = /expired|Timed out waiting for your input|Nobody answered/i;
/** What it says whose server went on for longer than a node may take to leave. */
const CUT_OFF = /did not finish in time/i;
/** A store that forgot leases gives them anew; until its former holder asks, and that is at most this long, both believe in theirs. */
const FORGOTTEN_MS = LEASE_MS + 1_000;

/** What must never be in the history of one run; empty when all is well. */
export function check(history: History, plan: FaultPlan): readonly string[] {
  const isCalm = plan.faults.length === 0 && plan.cuts.length === 0 && plan.cutRate === 0;
  const faults = [...history.faults];
  for (const record of history.calls.values()) faults.push(...faultsOf(record, history, isCalm));
  if (!mayLoseSessions(plan)) faults.push(...history.lostSessions.map((session) => `lost: ${session}`));
  for (const [call, { count, principal }] of history.effects) {
    const record = history.calls.get(call);
    if (record?.principal !== principal) faults.push(`${call} was made for ${principal}`);
    if (count > 1) faults.push(`${call} (${record?.what}) took effect ${count} times`);
  }
  for (const [question, answers] of history.answers) {
    const [call] = question.split(' ');
    if (answers.length > 1) faults.push(`${question} was answered ${answers.length} times`);
    for (const { by, principal } of answers)
      if (by !== `${principal}/${call}`) faults.push(`${question} was answered by ${by}`);
  }
  for (const { at, lease, node, call, holder, isLeaving, sinceLoss } of history.begins) {
    if (holder === node || isLeaving || sinceLoss <= FORGOTTEN_MS) continue;
    faults.push(`${at}: ${node} began ${call} on ${lease}, which ${holder ?? 'nobody'} has`);
  }
  return faults;
}

/**
 * What a store does not know, because it was away or is a replica that has not heard of it, it is told by the nodes that do. A session whose node is gone as
 * well, or cannot tell, ends with the silence that its record shows.
 */
export function mayLoseSessions({ faults, cuts }: FaultPlan): boolean {
  const isIgnorant = faults.some((fault) => fault.kind === 'store' && fault.comeback.kind !== 'flush');
  const isMute = faults.some(({ kind }) => kind === 'kill' || kind === 'pause');
  return isIgnorant && (isMute || cuts.some(({ between }) => between.includes('store')));
}

function faultsOf(
  { call, what, principal, ends, endedAt, asked }: CallRecord,
  history: History,
  isCalm: boolean,
): string[] {
  if (endedAt === undefined) return [`${call} (${what}) never ended`];
  if (ends.length !== asked) return [`${call} (${what}) was asked for ${asked} times and ended ${ends.length} times`];
  const expected = what.startsWith('ask')
    ? `${call} of ${principal} answered by ${principal}/${call}`
    : `${call} of ${principal}`;
  const unanswered = `${call} of ${principal} answered by nobody`;
  const effects = history.effects.get(call)?.count ?? 0;
  return ends.flatMap((end) => {
    if (end.kind === 'broken') return [];
    if (end.kind === 'told') return isTold(end, history, isCalm) ? [] : [`${call} (${what}) was told ${end.reason}`];
    if (effects === 0) return [`${call} (${what}) was answered and never took effect`];
    if (end.text === expected || end.text === unanswered) return [];
    return [`${call} (${what}) got another answer: ${end.text}`];
  });
}

function isTold({ reason }: Extract<CallEnd, { kind: 'told' }>, { hasOverrun }: History, isCalm: boolean): boolean {
  if (reason.startsWith('tool error: ')) return EXPIRED.test(reason) || (hasOverrun && CUT_OFF.test(reason));
  return !isCalm && TOLD.has(reason);
}
