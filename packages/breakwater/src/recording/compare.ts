import type { Outcome, RpcAnswer } from './outcome.ts';
import { compareShapes, type Difference } from './shape.ts';

/** What may rightly be another answer. */
export interface Comparison {
  /** Hidden values of this request were made up: whether it was answered at all is compared, nothing else. */
  readonly isLoose: boolean;
  /** The same for single ids, on streams that carry the answers to others. */
  readonly looseIds: ReadonlySet<unknown>;
}

/** What of an answer is not as it was. Ids, sessions, times and values are never compared. */
export function compareOutcomes(
  recorded: Outcome | undefined,
  live: Outcome | undefined,
  { isLoose, looseIds }: Comparison,
): Difference[] {
  if (recorded === undefined) return []; // There was no answer then; whatever comes now is no worse.
  if (live === undefined) return [{ at: 'answer', recorded: `status ${recorded.status}`, live: 'none' }];
  const found: Difference[] = [];
  const compare = (at: string, before: string, now: string): void => {
    if (before !== now) found.push({ at, recorded: before, live: now });
  };
  if (isLoose) {
    compare('answer', looselySaid(recorded), looselySaid(live));
    return found;
  }
  compare('status', String(recorded.status), String(live.status));
  compare('content type', recorded.mediaType || 'none', live.mediaType || 'none');
  for (const answer of recorded.answers) {
    if (looseIds.has(answer.id)) continue;
    const same = live.answers.find(({ id }) => id === answer.id);
    compare('outcome', answer.kind, same?.kind ?? 'no answer');
    if (same?.kind === answer.kind && answer.kind === 'result')
      found.push(...compareShapes(answer.result, same.result, ['result']));
  }
  // Where nothing was answered then, an answer now is another behaviour. Streams may have carried on.
  const [first] = live.answers;
  if (recorded.answers.length === 0 && first !== undefined && !looseIds.has(first.id))
    compare('outcome', 'no answer', kindsOf(live.answers));
  return found;
}

function looselySaid({ status, answers }: Outcome): string {
  if (status >= 500) return 'server error';
  return answers.length > 0 ? 'answered' : 'no JSON-RPC answer';
}

function kindsOf(answers: readonly RpcAnswer[]): string {
  return [...new Set(answers.map(({ kind }) => kind))].join(', ');
}
