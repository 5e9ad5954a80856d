import type { RawObject } from '../../../jsonrpc/raw.ts';
import type { CapabilityProfile } from '../../capabilities.ts';
import type { Revision } from '../../revision.ts';
import type { Answer } from './answer.ts';
import type { Ending } from './ending.ts';

/** A modern client's call on a legacy server. */
export interface ParkCall {
  readonly method: string;
  readonly client: { readonly profile: CapabilityProfile };
  readonly server: { readonly revision: Revision };
  /** Answers the client gave to a life of this call that was lost (`givenAnswers`); the call may be run again only when that does no harm. */
  readonly given?: ReadonlyMap<string, Buffer>;
}

/** A question the client has not answered. */
export interface OpenQuestion {
  /** Its key in `inputRequests`; never used twice in one call. */
  readonly key: string;
  /** The server's question; undefined for a page of a -32042 error, which nobody waits for. */
  readonly id: string | undefined;
  readonly method: string;
  /** In modern form. */
  readonly params: Buffer | undefined;
}

/**
 * `attached`: somebody reads the call; `collecting`: the same, and the window for sibling questions is open; `suspended`: the client is
 * away to gather input; `waiting`: pages are being finished before the call is sent again; `finished`: the outcome is kept; `gone`: only
 * the fact that it is over is known.
 */
export type ParkPhase = 'attached' | 'collecting' | 'suspended' | 'waiting' | 'finished' | 'gone';

/** Where a call that may be parked stands. A value: every step makes a new one. */
export interface ParkState {
  readonly call: ParkCall;
  readonly phase: ParkPhase;
  /** The upstream call is running. */
  readonly running: boolean;
  /** Client responses that wait for this call. */
  readonly readers: number;
  /** The round of the last suspension; 0 before the first. */
  readonly round: number;
  readonly minted: number;
  readonly open: readonly OpenQuestion[];
  /** Keys the client was asked in this round. */
  readonly asked: ReadonlySet<string>;
  /** Every question id ever seen: none is answered twice. */
  readonly seen: ReadonlySet<string>;
  /** Ids of pages whose completion the server may still report. */
  readonly due: ReadonlySet<string>;
  /** Answers that are there before their question; forgotten as soon as another question comes. */
  readonly given: ReadonlyMap<string, Buffer>;
  /** How the gateway itself ended the call; undefined when the server did. */
  readonly ending: Ending | undefined;
}

/** What happened to a call that may be parked. */
export type ParkEvent =
  /** The server asks. `id` names the question towards the runtime. */
  | { readonly type: 'question'; readonly id: string; readonly method: string; readonly params: RawObject | undefined }
  | { readonly type: 'withdrawn'; readonly id: string }
  /** The window for sibling questions is over. */
  | { readonly type: 'window-closed' }
  /** The client came back with a `requestState` that was sealed for this call and this round. */
  | { readonly type: 'retry'; readonly round: number; readonly responses: RawObject | undefined }
  /** The upstream call ended; the runtime keeps the outcome. `error`: the error's bytes, when the server answered with one. */
  | { readonly type: 'outcome'; readonly error?: Buffer }
  /** The server said that a page is finished. */
  | { readonly type: 'page-complete'; readonly elicitationId: string }
  /** The delay of the last `wait` is over. */
  | { readonly type: 'wait-over' }
  /** One reader's connection closed before its answer. */
  | { readonly type: 'reader-closed' }
  /** A quota forbids to park this call. */
  | { readonly type: 'refused' }
  /** The time to live is over, or that of a kept outcome. */
  | { readonly type: 'expired' };

/** What to do for a call that may be parked, in order. */
export type ParkEffect =
  /** Step `window-closed` after 30–50 ms. */
  | { readonly type: 'open-window' }
  /** Answer every reader (the retry's too) with `input_required`: seal a state that names `round`. */
  | { readonly type: 'suspend'; readonly round: number; readonly inputRequests: Buffer }
  | { readonly type: 'answer'; readonly id: string; readonly answer: Answer }
  /** The retry's reply is now a reader. */
  | { readonly type: 'attach' }
  /** Give every reader (the retry's too) the outcome of the upstream call; keep it for repeats. */
  | { readonly type: 'deliver' }
  /** Give every reader (the retry's too) this, in the client's form. */
  | { readonly type: 'give-up'; readonly outcome: Ending }
  | { readonly type: 'cancel-call'; readonly reason: string }
  /** Step `wait-over` after this delay. */
  | { readonly type: 'wait'; readonly delayMs: number }
  /** Send the upstream call again: it did not run. */
  | { readonly type: 'reissue' };

/** A step's outcome. */
export interface ParkStep {
  readonly state: ParkState;
  readonly effects: readonly ParkEffect[];
}

/** The state of a call just sent to the server, with its client as the one reader. */
export function startPark(call: ParkCall): ParkState {
  return {
    call,
    phase: 'attached',
    running: true,
    readers: 1,
    round: 0,
    minted: 0,
    open: [],
    asked: new Set(),
    seen: new Set(),
    due: new Set(),
    given: call.given ?? new Map(),
    ending: undefined,
  };
}
