import { memberObject, memberValue, type RawObject } from '../../../jsonrpc/raw.ts';
import { LATEST_MODERN } from '../../revision.ts';
import { bridgeAnswer, isAnswerTo } from './answer-form.ts';
import { type Ending, failCall, subjectOf } from './ending.ts';
import type { OpenQuestion, ParkEffect, ParkState, ParkStep } from './park-state.ts';
import { EXPIRED, repeatRound, suspend } from './park-suspend.ts';

/** How long a call is held back for its pages to be reported complete (eras.md §2.3). */
const PAGE_WAIT_MS = 30_000;

/** The client is back. Whatever it brings, a question is answered at most once and the call is never started twice. */
export function takeRetry(state: ParkState, round: number, responses: RawObject | undefined): ParkStep {
  switch (state.phase) {
    case 'gone':
      return { state, effects: [{ type: 'give-up', outcome: fail(state, EXPIRED) }] };
    case 'finished':
      return { state, effects: [state.ending === undefined ? { type: 'deliver' } : giveUp(state.ending)] };
    case 'attached':
    case 'collecting':
    case 'waiting':
      // The same state twice: our answer to the first was lost, or another copy of the client is at work. Both read one call.
      return attach(state);
    case 'suspended':
      break;
  }
  // A round of the future was sealed for another life of this call.
  if (round > state.round) return { state, effects: [{ type: 'give-up', outcome: fail(state, EXPIRED) }] };
  if (round < state.round) return repeatRound(state) ?? goOn(state, []);
  return takeResponses(state, responses);
}

function takeResponses(state: ParkState, responses: RawObject | undefined): ParkStep {
  const effects: ParkEffect[] = [];
  const open: OpenQuestion[] = [];
  let declined = false;
  for (const question of state.open) {
    const response = responses === undefined ? undefined : memberObject(responses, question.key);
    // A missing key is asked again, and so is what answers another kind of question (2026-07-28 mrtr §Error Handling).
    if (!state.asked.has(question.key) || response === undefined || !isAnswerTo(question.method, response)) {
      open.push(question);
    } else if (question.id === undefined) declined ||= memberValue(response, 'action') !== 'accept';
    else effects.push(answerQuestion(state, question, question.id, response));
  }
  if (declined) {
    const ending = fail(state, `${subjectOf(state.call.method)} needs a page to be opened, and that was declined.`);
    return { state: { ...state, phase: 'finished', open: [], due: new Set(), ending }, effects: [giveUp(ending)] };
  }
  return goOn({ ...state, open }, effects);
}

function answerQuestion(state: ParkState, { method }: OpenQuestion, id: string, response: RawObject): ParkEffect {
  const result = response.bytes.subarray(response.start, response.end);
  const answer = bridgeAnswer({ method, answer: { result }, from: LATEST_MODERN, to: state.call.server.revision });
  return { type: 'answer', id, answer };
}

// Nothing of this round is left to wait for, or what is left makes the next round.
function goOn(state: ParkState, effects: readonly ParkEffect[]): ParkStep {
  if (state.open.length > 0) {
    const { state: suspended, effects: asked } = suspend(state);
    return { state: suspended, effects: [...effects, ...asked] };
  }
  // The reader first: an answer may bring the outcome at once.
  const { state: attached, effects: attaching } = attach({ ...state, phase: 'attached' });
  if (state.running) return { state: attached, effects: [...attaching, ...effects] };
  if (state.due.size === 0) {
    return { state: { ...attached, running: true }, effects: [...attaching, ...effects, { type: 'reissue' }] };
  }
  const wait: ParkEffect = { type: 'wait', delayMs: PAGE_WAIT_MS };
  return { state: { ...attached, phase: 'waiting' }, effects: [...attaching, ...effects, wait] };
}

function attach(state: ParkState): ParkStep {
  return { state: { ...state, readers: state.readers + 1 }, effects: [{ type: 'attach' }] };
}

function giveUp(outcome: Ending): ParkEffect {
  return { type: 'give-up', outcome };
}

function fail(state: ParkState, text: string): Ending {
  return failCall({ method: state.call.method, revision: LATEST_MODERN }, text);
}
