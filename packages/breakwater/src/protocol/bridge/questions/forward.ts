import { memberValue, type RawObject, scanObject } from '../../../jsonrpc/raw.ts';
import { LATEST_MODERN } from '../../revision.ts';
import { writeObject } from '../edits.ts';
import type { Answer } from './answer.ts';
import { bridgeAnswer } from './answer-form.ts';
import { type EndedCall, type Ending, failCall, subjectOf } from './ending.ts';
import { writeEntries } from './entries.ts';
import { invalidUpstream, isEnding, planRound } from './forward-round.ts';
import {
  type AskedPage,
  endForward,
  type ForwardEffect,
  type ForwardEvent,
  type ForwardState,
  type ForwardStep,
  stayForward,
} from './forward-state.ts';
import { readInputRequired } from './retry-params.ts';
import { urlErrorFromQuestions } from './url-elicitation.ts';

/** Retry pace while a consented page is open: 1, 2, 4 … 30 s (eras.md §2.3). */
const PAGE_PACE = { firstMs: 1_000, mostMs: 30_000 };
/** Retry pace when the server only says "not yet". The SDK's own driver starts at 250 ms too. */
const STATE_PACE = { firstMs: 250, mostMs: 5_000 };

const TIMED_OUT = 'Timed out waiting for your input.';

/** How long a call is retried without asking, when its limits do not say. */
const WAIT_MS = 600_000;

/** The next state of a forwarded call, and what to do. Events that do not belong to the phase change nothing. */
export function stepForward(state: ForwardState, event: ForwardEvent): ForwardStep {
  if (state.phase === 'ended') return stayForward(state);
  switch (event.type) {
    case 'input-required':
      return state.phase === 'calling' ? takeRound(state, event.result) : stayForward(state);
    case 'answered':
      return takeAnswer(state, event.key, event.answer);
    case 'unreachable':
      return takeUnreachable(state, event.key);
    case 'retry-due':
      return state.phase === 'waiting' ? retry(state) : stayForward(state);
    case 'expired':
      return endForward(state, failCall(endedCall(state), TIMED_OUT));
    case 'cancelled':
      return endForward(state, undefined);
    case 'finished': {
      const { state: ended, effects } = endForward(state, undefined);
      return { state: ended, effects: [...effects, ...completions(state.consents.values())] };
    }
  }
}

function takeRound(state: ForwardState, result: RawObject): ForwardStep {
  const input = readInputRequired(result);
  if (input === undefined) return endForward(state, invalidUpstream());
  const { requestState, inputRequests } = input;
  if (inputRequests === undefined) {
    const quiet = { ...state, requestState, serverKeys: [], responses: new Map<string, Buffer>() };
    return pause(quiet, STATE_PACE);
  }
  const plan = planRound(state, inputRequests);
  if (isEnding(plan)) return endForward(state, plan);
  // A page the server no longer asks for is done.
  const done = [...state.consents].filter(([url]) => !plan.urls.has(url));
  const consents = new Map([...state.consents].filter(([url]) => plan.urls.has(url)));
  const { serverKeys, open, responses, minted } = plan;
  const planned: ForwardState = { ...state, requestState, serverKeys, open, responses, minted, consents };
  const news = completions(done.map(([, id]) => id));
  if (plan.onlyConsented) return prepend(news, pause(planned, PAGE_PACE));
  if (state.rounds >= state.call.limits.rounds)
    return prepend(news, endForward({ ...planned, open: new Map() }, tooMany(state)));
  const asking: ForwardState = { ...planned, rounds: state.rounds + 1, quiet: 0, waitedMs: 0, phase: 'asking' };
  // Nobody to wait for: every question had an answer of the gateway's own.
  if (open.size === 0) return prepend(news, retry(asking));
  return { state: asking, effects: [...news, ...plan.asks] };
}

function takeAnswer(state: ForwardState, key: string, answer: Answer): ForwardStep {
  const asked = state.open.get(key);
  if (asked === undefined) return stayForward(state);
  const open = new Map(state.open);
  open.delete(key);
  const { method, serverKey, page } = asked;
  const bridged = bridgeAnswer({ method, answer, from: state.call.client.revision, to: LATEST_MODERN });
  // There is no error among the answers of the modern era: the call fails with the client's own.
  if ('error' in bridged) return endForward({ ...state, open }, { kind: 'error', error: bridged.error });
  const responses = new Map(state.responses).set(serverKey, bridged.result);
  const consents = page !== undefined && isAccept(bridged.result) ? consent(state, page) : state.consents;
  const answered: ForwardState = { ...state, open, responses, consents };
  if (open.size > 0) return stayForward(answered);
  return consents.size > 0 ? pause(answered, PAGE_PACE) : retry(answered);
}

function takeUnreachable(state: ForwardState, key: string | undefined): ForwardStep {
  if (state.phase !== 'asking' || (key !== undefined && !state.open.has(key))) return stayForward(state);
  const pages = [...state.open.values()].map(({ page }) => page);
  if (pages.every((page) => page !== undefined)) {
    // -32042 needs no stream, and this client declared that it understands url elicitation.
    return endForward(state, { kind: 'error', error: urlErrorFromQuestions(pages) });
  }
  const { method } = state.call;
  const text = `${subjectOf(method)} needs to ask you something, but the client did not allow a streaming response.`;
  return endForward(state, failCall(endedCall(state), text));
}

function retry(state: ForwardState): ForwardStep {
  const { serverKeys, responses, requestState } = state;
  const entries = serverKeys.flatMap((key) => {
    const response = responses.get(key);
    return response === undefined ? [] : [[key, response] as const];
  });
  const inputResponses = entries.length === 0 ? undefined : writeEntries(entries);
  const calling: ForwardState = { ...state, phase: 'calling', responses: new Map(), open: new Map() };
  return { state: calling, effects: [{ type: 'retry', inputResponses, requestState }] };
}

interface Pace {
  readonly firstMs: number;
  readonly mostMs: number;
}

function pause(state: ForwardState, { firstMs, mostMs }: Pace): ForwardStep {
  const delayMs = Math.min(firstMs * 2 ** Math.min(state.quiet, 16), mostMs);
  const waitedMs = state.waitedMs + delayMs;
  if (waitedMs > (state.call.limits.waitMs ?? WAIT_MS)) {
    const text = state.consents.size > 0 ? TIMED_OUT : 'The server did not finish in time.';
    return endForward(state, failCall(endedCall(state), text));
  }
  const waiting: ForwardState = { ...state, phase: 'waiting', quiet: state.quiet + 1, waitedMs };
  return { state: waiting, effects: [{ type: 'wait', delayMs }] };
}

function prepend(effects: readonly ForwardEffect[], step: ForwardStep): ForwardStep {
  return { state: step.state, effects: [...effects, ...step.effects] };
}

function consent(state: ForwardState, page: AskedPage): ReadonlyMap<string, string> {
  return new Map(state.consents).set(page.url, page.elicitationId);
}

function isAccept(result: Buffer): boolean {
  const object = scanObject(result);
  return object !== undefined && memberValue(object, 'action') === 'accept';
}

function completions(ids: Iterable<string>): readonly ForwardEffect[] {
  return [...ids].map((id) => ({
    type: 'notify',
    method: 'notifications/elicitation/complete',
    params: writeObject({ elicitationId: JSON.stringify(id) }),
  }));
}

function tooMany(state: ForwardState): Ending {
  const { method, limits } = state.call;
  return failCall(endedCall(state), `${subjectOf(method)} still asked for input after ${limits.rounds} rounds.`);
}

function endedCall({ call }: ForwardState): EndedCall {
  return { method: call.method, revision: call.client.revision };
}
