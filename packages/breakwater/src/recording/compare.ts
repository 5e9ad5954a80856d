import type { Outcome } from './outcome.ts';
import { compareShapes, type Difference } from './shape.ts';

/** How strictly an exchange can be compared. */
export interface Comparison {
  /** Hidden values were made up, so the answer may rightly be another one: only status class and whether it is one are compared. */
  readonly isLoose: boolean;
  /** A stream that stays open: only its head is compared. */
  readonly headOnly: boolean;
}

/** What of an answer is not as it was. Ids, sessions, times and values are never compared. */
export function compareOutcomes(
  recorded: Outcome | undefined,
  live: Outcome | undefined,
  { isLoose, headOnly }: Comparison,
): Difference[] {
  if (recorded === undefined) return []; // There was no answer then; whatever comes now is no worse.
  if (live === undefined) return [{ at: 'answer', recorded: `status ${recorded.status}`, live: 'none' }];
  const found: Difference[] = [];
  const compare = (at: string, before: string, now: string): void => {
    if (before !== now) found.push({ at, recorded: before, live: now });
  };
  if (isLoose) {
    compare('answer', isAnswer(recorded), isAnswer(live));
    return found;
  }
  compare('status', String(recorded.status), String(live.status));
  compare('content type', recorded.mediaType || 'none', live.mediaType || 'none');
  if (headOnly) return found;
  compare('outcome', recorded.kind, live.kind);
  if (recorded.kind === 'result' && live.kind === 'result') {
    found.push(...compareShapes(recorded.value, live.value, ['result']));
  }
  return found;
}

function isAnswer({ status, kind }: Outcome): string {
  if (status >= 500) return 'server error';
  return kind === 'no JSON-RPC answer' ? kind : 'answered';
}
