import { RpcCode } from '../../../jsonrpc/message.ts';
import type { RawObject } from '../../../jsonrpc/raw.ts';
import { methodTraits } from '../../methods.ts';
import { LATEST_MODERN } from '../../revision.ts';
import { type Answer, abandonQuestion, refuse } from './answer.ts';
import { bridgeAnswer } from './answer-form.ts';
import { type Ending, failCall } from './ending.ts';
import { questionText } from './park-rerun.ts';
import { takeRetry } from './park-retry.ts';
import type { OpenQuestion, ParkEffect, ParkEvent, ParkState, ParkStep } from './park-state.ts';
import { suspend } from './park-suspend.ts';
import { bridgeQuestion } from './question-form.ts';
import { readUrlError } from './url-elicitation.ts';

/** Questions of one call; a server that asks without end would fill the memory with what was asked. */
const MOST_QUESTIONS = 256;

/** The next state of a call that may be parked, and what to do. Events that do not belong to the phase change nothing. */
export function stepPark(state: ParkState, event: ParkEvent): ParkStep {
  switch (event.type) {
    case 'question':
      return takeQuestion(state, event.id, event.method, event.params);
    case 'withdrawn':
      return { state: { ...state, open: state.open.filter(({ id }) => id !== event.id) }, effects: [] };
    case 'window-closed':
      if (state.phase !== 'collecting') return { state, effects: [] };
      return state.open.length > 0 ? suspend(state) : { state: { ...state, phase: 'attached' }, effects: [] };
    case 'retry':
      return takeRetry(state, event.round, event.responses);
    case 'outcome':
      return takeOutcome(state, event.error);
    case 'page-complete':
      return completePage(state, event.elicitationId);
    case 'wait-over':
      return state.phase === 'waiting' ? reissue(state) : { state, effects: [] };
    case 'reader-closed':
      return closeReader(state);
    case 'refused':
      return giveUp(state, 'quota', 'Too many open questions.');
    case 'expired':
      return expire(state);
  }
}

function takeQuestion(state: ParkState, id: string, method: string, params: RawObject | undefined): ParkStep {
  if (state.seen.has(id)) return { state, effects: [] };
  const seen = { ...state, seen: new Set(state.seen).add(id) };
  const answerNow = (answer: Answer): ParkStep => ({ state: seen, effects: [{ type: 'answer', id, answer }] });
  if (!state.running) return answerNow(abandonQuestion(method, 'The call this question belongs to is over.'));
  if (state.seen.size >= MOST_QUESTIONS) {
    const { state: ended, effects } = giveUp(seen, 'too many questions', 'The server asked too many questions.');
    return {
      state: ended,
      effects: [...answerNow(abandonQuestion(method, 'Too many questions.')).effects, ...effects],
    };
  }
  const { call } = state;
  // The modern era knows questions in the middle of three methods only (2026-07-28 mrtr §Supported Requests).
  if (methodTraits(call.method)?.interactive !== true) {
    return answerNow(refuse(RpcCode.methodNotFound, 'The client cannot be asked during this request.'));
  }
  const { profile } = call.client;
  const question = bridgeQuestion({ method, params, from: call.server.revision, to: LATEST_MODERN, profile });
  if (!question.ok) return answerNow(question.answer);
  const text = questionText(method, question.params);
  const result = state.given.get(text);
  if (result !== undefined) {
    const given = new Map(state.given);
    given.delete(text);
    const answer = bridgeAnswer({ method, answer: { result }, from: LATEST_MODERN, to: call.server.revision });
    return { state: { ...seen, given }, effects: [{ type: 'answer', id, answer }] };
  }
  const asked: OpenQuestion = { key: `in${state.minted + 1}`, id, method, params: question.params };
  const open: ParkState = { ...seen, given: new Map(), open: [...state.open, asked], minted: state.minted + 1 };
  if (state.phase !== 'attached') return { state: open, effects: [] };
  return { state: { ...open, phase: 'collecting' }, effects: [{ type: 'open-window' }] };
}

function takeOutcome(state: ParkState, error: Buffer | undefined): ParkStep {
  if (!state.running) return { state, effects: [] };
  const effects = abandonOpen(state, 'The call this question belongs to is over.');
  const ended: ParkState = { ...state, running: false, open: [] };
  const pages = error === undefined || !canOpenPages(state) ? undefined : readUrlError(error);
  if (pages === undefined) {
    if (state.phase === 'suspended') return { state: { ...ended, phase: 'finished' }, effects };
    return { state: { ...ended, phase: 'finished', readers: 0 }, effects: [...effects, { type: 'deliver' }] };
  }
  const open = pages.map(({ params }, index) => {
    return { key: `in${state.minted + index + 1}`, id: undefined, method: 'elicitation/create', params };
  });
  const due = new Set(pages.map(({ elicitationId }) => elicitationId).filter((id) => id !== undefined));
  const asking: ParkState = { ...ended, open, due, minted: state.minted + pages.length };
  if (state.phase === 'suspended') return { state: asking, effects };
  return prepend(effects, suspend(asking));
}

function canOpenPages({ call }: ParkState): boolean {
  return call.client.profile.elicitUrl && methodTraits(call.method)?.interactive === true;
}

function completePage(state: ParkState, elicitationId: string): ParkStep {
  const due = new Set(state.due);
  if (!due.delete(elicitationId)) return { state, effects: [] };
  const completed = { ...state, due };
  return state.phase === 'waiting' && due.size === 0 ? reissue(completed) : { state: completed, effects: [] };
}

function reissue(state: ParkState): ParkStep {
  return { state: { ...state, phase: 'attached', running: true, due: new Set() }, effects: [{ type: 'reissue' }] };
}

function closeReader(state: ParkState): ParkStep {
  if (state.readers === 0) return { state, effects: [] };
  const readers = state.readers - 1;
  if (readers > 0) return { state: { ...state, readers }, effects: [] };
  const step = end(state, 'the client closed its request', 'The client is gone.', undefined);
  return { state: { ...step.state, phase: 'gone' }, effects: step.effects };
}

function expire(state: ParkState): ParkStep {
  if (state.phase === 'gone') return { state, effects: [] };
  if (state.phase === 'finished') return { state: { ...state, phase: 'gone', ending: undefined }, effects: [] };
  if (state.phase !== 'suspended') return giveUp(state, 'expired', 'The server did not finish in time.');
  const step = end(state, 'expired', 'Nobody answered in time.', undefined);
  return { state: { ...step.state, phase: 'gone' }, effects: step.effects };
}

function giveUp(state: ParkState, reason: string, text: string): ParkStep {
  if (state.phase === 'finished' || state.phase === 'gone') return { state, effects: [] };
  return end(state, reason, text, failCall({ method: state.call.method, revision: LATEST_MODERN }, text));
}

function end(state: ParkState, reason: string, toServer: string, ending: Ending | undefined): ParkStep {
  const effects: ParkEffect[] = [...abandonOpen(state, toServer)];
  if (state.running) effects.push({ type: 'cancel-call', reason });
  // Also without a reader: a call that is refused while it is being suspended still has its own.
  if (ending !== undefined) effects.push({ type: 'give-up', outcome: ending });
  const ended: ParkState = {
    ...state,
    phase: 'finished',
    running: false,
    readers: 0,
    open: [],
    due: new Set(),
    ending,
  };
  return { state: ended, effects };
}

function abandonOpen(state: ParkState, reason: string): ParkEffect[] {
  return state.open.flatMap(({ id, method }): ParkEffect[] => {
    return id === undefined ? [] : [{ type: 'answer', id, answer: abandonQuestion(method, reason) }];
  });
}

function prepend(effects: readonly ParkEffect[], step: ParkStep): ParkStep {
  return { state: step.state, effects: [...effects, ...step.effects] };
}
