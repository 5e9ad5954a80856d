import type { RawObject } from '../../../jsonrpc/raw.ts';
import type { CapabilityProfile } from '../../capabilities.ts';
import type { Revision } from '../../revision.ts';
import type { Answer } from './answer.ts';
import type { Ending } from './ending.ts';
import type { QuestionKind } from './kind.ts';

/** A legacy client's call on a modern server. */
export interface ForwardCall {
  readonly method: string;
  readonly client: { readonly revision: Revision; readonly profile: CapabilityProfile };
  /** `rounds` bounds how often the client is asked; `waitMs` how long in all a call is retried without asking, 10 minutes by default. */
  readonly limits: { readonly rounds: number; readonly waitMs?: number };
  /** Fresh and unguessable per call: elicitation ids are this and a number. */
  readonly idPrefix: string;
}

/** One question the client has and did not answer. */
export interface AskedQuestion {
  /** The server's key in `inputRequests`. */
  readonly serverKey: string;
  readonly method: string;
  readonly kind: QuestionKind;
  /** Only for url elicitations. */
  readonly page: AskedPage | undefined;
}

/** A page the user was asked to visit. */
export interface AskedPage {
  readonly url: string;
  readonly message: string;
  readonly elicitationId: string;
}

/**
 * `calling`: a request is on its way at the server; `asking`: the client has questions; `waiting`: a retry waits for `retry-due`; `ended`: nothing
 * happens any more.
 */
export type ForwardPhase = 'calling' | 'asking' | 'waiting' | 'ended';

/** Where a forwarded call stands. A value: every step makes a new one. */
export interface ForwardState {
  readonly call: ForwardCall;
  readonly phase: ForwardPhase;
  /** Rounds that asked the client something. */
  readonly rounds: number;
  /** Rounds in a row that asked nothing: they set the pace of the next retry. */
  readonly quiet: number;
  /** The delays of these rounds, together. */
  readonly waitedMs: number;
  readonly minted: number;
  /** The server's keys of this round, in its order. */
  readonly serverKeys: readonly string[];
  readonly open: ReadonlyMap<string, AskedQuestion>;
  /** By server key, in the server's form. */
  readonly responses: ReadonlyMap<string, Buffer>;
  readonly requestState: Buffer | undefined;
  /** Elicitation ids by url: the user consented, the server still waits for the page. */
  readonly consents: ReadonlyMap<string, string>;
}

/** What happened to a forwarded call. */
export type ForwardEvent =
  /** The server answered with `resultType: "input_required"`. */
  | { readonly type: 'input-required'; readonly result: RawObject }
  | { readonly type: 'answered'; readonly key: string; readonly answer: Answer }
  /** There is no stream to ask on; `key` when it was found out for one question. */
  | { readonly type: 'unreachable'; readonly key?: string }
  /** The delay of the last `wait` is over. */
  | { readonly type: 'retry-due' }
  /** The deadline for input has passed. */
  | { readonly type: 'expired' }
  /** The client cancelled its call, or its session ended. */
  | { readonly type: 'cancelled' }
  /** The server gave its final answer, which the runtime delivers after the effects of this step. */
  | { readonly type: 'finished' };

/** What to do for a forwarded call, in order. */
export type ForwardEffect =
  /** Send this request to the client. `key` is unique within the call; it is not the server's key. */
  | { readonly type: 'ask'; readonly key: string; readonly method: string; readonly params: Buffer | undefined }
  /** Cancel that request at the client; a late answer to it is dropped. */
  | { readonly type: 'withdraw'; readonly key: string }
  /** Step `retry-due` after this delay. */
  | { readonly type: 'wait'; readonly delayMs: number }
  /** Send the call to the server again, with a new id. */
  | { readonly type: 'retry'; readonly inputResponses: Buffer | undefined; readonly requestState: Buffer | undefined }
  | { readonly type: 'notify'; readonly method: string; readonly params: Buffer }
  /** Answer the client with this and cancel whatever still runs at the server. */
  | { readonly type: 'finish'; readonly outcome: Ending };

/** A step's outcome. */
export interface ForwardStep {
  readonly state: ForwardState;
  readonly effects: readonly ForwardEffect[];
}

/** The state before the server has asked anything: its first answer is awaited. */
export function startForward(call: ForwardCall): ForwardState {
  return {
    call,
    phase: 'calling',
    rounds: 0,
    quiet: 0,
    waitedMs: 0,
    minted: 0,
    serverKeys: [],
    open: new Map(),
    responses: new Map(),
    requestState: undefined,
    consents: new Map(),
  };
}

/** Nothing to do. */
export function stayForward(state: ForwardState): ForwardStep {
  return { state, effects: [] };
}

/** Ends the call: questions are withdrawn, and the client is answered when there is an outcome. */
export function endForward(state: ForwardState, outcome: Ending | undefined): ForwardStep {
  const effects: ForwardEffect[] = [...state.open.keys()].map((key) => ({ type: 'withdraw', key }));
  if (outcome !== undefined) effects.push({ type: 'finish', outcome });
  const ended: ForwardState = {
    ...state,
    phase: 'ended',
    open: new Map(),
    responses: new Map(),
    requestState: undefined,
    consents: new Map(),
  };
  return { state: ended, effects };
}
