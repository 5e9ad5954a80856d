import { writeEntries } from './entries.ts';
import type { OpenQuestion, ParkState, ParkStep } from './park-state.ts';
import { writeQuestion } from './url-elicitation.ts';

/** The sentence for a question nobody can answer any more (eras.md §2.5). */
export const EXPIRED =
  "The question this answer belongs to has expired (the server's call could not be kept open). Call the tool again from the start.";

/** Sends the client away with everything that is open, in a new round. */
export function suspend(state: ParkState): ParkStep {
  const round = state.round + 1;
  const asked = new Set(state.open.map(({ key }) => key));
  const suspended: ParkState = { ...state, phase: 'suspended', round, asked, readers: 0 };
  return { state: suspended, effects: [{ type: 'suspend', round, inputRequests: writeQuestions(state.open) }] };
}

/** Repeats the current round to a client that did not see it; undefined when nothing of it is open any more. */
export function repeatRound(state: ParkState): ParkStep | undefined {
  const open = state.open.filter(({ key }) => state.asked.has(key));
  if (open.length === 0) return undefined;
  return { state, effects: [{ type: 'suspend', round: state.round, inputRequests: writeQuestions(open) }] };
}

function writeQuestions(questions: readonly OpenQuestion[]): Buffer {
  return writeEntries(questions.map(({ key, method, params }) => [key, writeQuestion(method, params)] as const));
}
