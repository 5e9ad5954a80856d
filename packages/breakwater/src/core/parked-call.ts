import { memberValue, type RawObject } from '../jsonrpc/raw.ts';
import { encodeError } from '../jsonrpc/write.ts';
import { stepPark } from '../protocol/bridge/questions/park.ts';
import { type ParkEffect, type ParkEvent, type ParkState, startPark } from '../protocol/bridge/questions/park-state.ts';
import { writeInputRequired } from '../protocol/bridge/questions/retry-params.ts';
import { LATEST_MODERN, type Revision } from '../protocol/revision.ts';
import { GatewayError } from './errors.ts';
import type { MemberCall } from './member-call.ts';
import type { CallNotification, Clock, Outcome, ServerQuestion, Timer } from './ports.ts';

/** One client response that waits for a parked call. */
export interface ParkReader {
  notify(notification: CallNotification): void;
  /** The response is complete: an outcome, or a request for input. */
  finish(outcome: Outcome): void;
}

/** What a {@link ParkedCall} works with. Durations in ms. */
export interface ParkDeps {
  readonly method: string;
  readonly profile: Parameters<typeof startPark>[0]['client']['profile'];
  readonly server: Revision;
  readonly call: MemberCall;
  readonly clock: Clock;
  /** How long a suspended call is held. */
  readonly ttlMs: number;
  /** How long an outcome is kept for a client that lost it. */
  readonly keepMs: number;
  /** Makes the `requestState` of a round. */
  readonly seal: (round: number, expiresAt: number) => string;
  /** Takes a place among the parked calls; false at the quota. */
  readonly admit: () => boolean;
  /** The server's call is over; its outcome is kept for a client that lost it. */
  readonly onKept: () => void;
  /** Nothing is left that a client could come back to. */
  readonly onGone: () => void;
}

/** Window in which sibling questions of one call are gathered into one round (eras.md §2.5: 30–50 ms). */
const WINDOW_MS = 40;

/**
 * A modern client's call on a legacy server that may ask: runs the pure machine of `protocol/bridge/questions/park.ts`. While suspended it has no reader and
 * keeps the server's call open.
 */
export class ParkedCall {
  readonly #deps: ParkDeps;
  readonly #readers = new Set<ParkReader>();
  /** Those of them that take no more for now. */
  readonly #full = new Set<ParkReader>();
  readonly #questions = new Map<string, ServerQuestion>();
  #state: ParkState;
  readonly #events: ParkEvent[] = [];
  #outcome: Outcome | undefined;
  #retrying: ParkReader | undefined;
  #minted = 0;
  #ttl: Timer | undefined;
  #window: Timer | undefined;
  #wait: Timer | undefined;
  #hearing: Promise<() => void> | undefined;
  #admitted = false;
  /** Somebody was told how the call ended. */
  #isTold = false;

  constructor(deps: ParkDeps, first: ParkReader) {
    this.#deps = deps;
    this.#readers.add(first);
    this.#state = startPark({
      method: deps.method,
      client: { profile: deps.profile },
      server: { revision: deps.server },
    });
  }

  /** The client is away to gather input. */
  get suspended(): boolean {
    return this.#state.phase === 'suspended';
  }

  /** The client is away, and has its answer before it. */
  get isAwaited(): boolean {
    return this.suspended || (this.#state.phase === 'finished' && !this.#isTold);
  }

  notify(notification: CallNotification): void {
    if (notification.method === 'notifications/elicitation/complete') return this.#takeCompletion(notification);
    for (const reader of this.#readers) reader.notify(notification);
  }

  ask(question: ServerQuestion): void {
    const id = String(++this.#minted);
    this.#questions.set(id, question);
    question.onWithdrawn(() => {
      this.#questions.delete(id);
      this.#step({ type: 'withdrawn', id });
    });
    this.#step({ type: 'question', id, method: question.method, params: question.params });
  }

  done(outcome: Outcome): void {
    this.#outcome = outcome;
    this.#step(outcome.kind === 'error' ? { type: 'outcome', error: outcome.error } : { type: 'outcome' });
  }

  /** A client came back with a state that was sealed for this call. */
  resume(reader: ParkReader, round: number, responses: RawObject | undefined): void {
    this.#retrying = reader;
    this.#step({ type: 'retry', round, responses });
    this.#retrying = undefined;
  }

  /** A reader takes no more for now: the server waits for it. */
  pause(reader: ParkReader): void {
    if (this.#readers.has(reader) && this.#full.add(reader).size === 1) this.#deps.call.pause();
  }

  /** A reader has caught up. */
  unpause(reader: ParkReader): void {
    if (this.#full.delete(reader) && this.#full.size === 0) this.#deps.call.resume();
  }

  /** A reader's connection closed before its answer. */
  leave(reader: ParkReader): void {
    this.unpause(reader);
    if (this.#readers.delete(reader)) this.#step({ type: 'reader-closed' });
  }

  /** Ends the call whatever it waits for (drain, the principal's end). */
  expire(): void {
    this.#step({ type: 'expired' });
  }

  #takeCompletion({ params }: CallNotification): void {
    const elicitationId = params === undefined ? undefined : memberValue(params, 'elicitationId');
    if (typeof elicitationId === 'string') this.#step({ type: 'page-complete', elicitationId });
  }

  // What happens while the effects of a step run is a step of its own, after them.
  #step(event: ParkEvent): void {
    this.#events.push(event);
    if (this.#events.length > 1) return;
    for (let next = this.#events[0]; next !== undefined; next = this.#events[0]) {
      const before = this.#state;
      const { state, effects } = stepPark(before, next);
      this.#state = state;
      for (const effect of effects) this.#run(effect);
      if (state.phase !== before.phase || state.round !== before.round) this.#watchPhase();
      this.#watchPages();
      this.#events.shift();
    }
  }

  #run(effect: ParkEffect): void {
    const { clock, call } = this.#deps;
    switch (effect.type) {
      case 'open-window':
        this.#window = clock.after(WINDOW_MS, () => this.#step({ type: 'window-closed' }));
        return;
      case 'suspend':
        return this.#suspend(effect.round, effect.inputRequests);
      case 'answer':
        this.#questions.get(effect.id)?.answer(effect.answer);
        this.#questions.delete(effect.id);
        return;
      case 'attach':
        if (this.#retrying !== undefined) this.#readers.add(this.#retrying);
        this.#retrying = undefined;
        call.resumeDeadline();
        return;
      case 'deliver':
        return this.#finish(this.#outcome ?? { kind: 'failed', error: new GatewayError('gateway.internal') });
      case 'give-up':
        return this.#finish(endingOutcome(effect));
      case 'cancel-call':
        return call.cancel(effect.reason);
      case 'wait':
        this.#wait?.clear();
        this.#wait = clock.after(effect.delayMs, () => this.#step({ type: 'wait-over' }));
        return;
      case 'reissue':
        this.#wait?.clear();
        call.resend();
        return;
    }
  }

  #suspend(round: number, inputRequests: Buffer): void {
    const { clock, ttlMs, seal, call, admit } = this.#deps;
    if (!this.#admitted && !admit()) return this.#step({ type: 'refused' });
    this.#admitted = true;
    this.#wait?.clear();
    call.holdDeadline();
    const requestState = seal(round, clock.now() + ttlMs);
    this.#finish({
      kind: 'result',
      revision: LATEST_MODERN,
      result: writeInputRequired({ inputRequests, requestState }),
    });
  }

  #finish(outcome: Outcome): void {
    const readers = [...this.#readers];
    this.#readers.clear();
    // Nobody reads now: nobody is waited for.
    for (const reader of readers) this.unpause(reader);
    if (this.#retrying !== undefined) readers.push(this.#retrying);
    this.#retrying = undefined;
    if (this.#state.phase === 'finished' && readers.length > 0) this.#isTold = true;
    for (const reader of readers) reader.finish(outcome);
  }

  // The call of a -32042 error is over, so the server reports its pages beside it.
  #watchPages(): void {
    if (this.#state.due.size === 0) this.#stopHearing();
    else {
      this.#hearing ??= this.#deps.call.hearPages((elicitationId) =>
        this.#step({ type: 'page-complete', elicitationId }),
      );
    }
  }

  #stopHearing(): void {
    void this.#hearing?.then((stop) => stop());
    this.#hearing = undefined;
  }

  #watchPhase(): void {
    const { clock, ttlMs, keepMs, onKept, onGone } = this.#deps;
    const { phase, round } = this.#state;
    if (phase === 'gone' || (phase === 'finished' && round === 0)) {
      // A call that never asked has nobody who could come back for its outcome.
      this.#clear();
      onGone();
    } else if (phase === 'suspended' || phase === 'finished') {
      this.#ttl?.clear();
      this.#ttl = clock.after(phase === 'suspended' ? ttlMs : keepMs, () => this.#step({ type: 'expired' }));
      if (phase === 'finished') onKept();
    } else {
      this.#ttl?.clear();
    }
  }

  #clear(): void {
    this.#ttl?.clear();
    this.#window?.clear();
    this.#wait?.clear();
    this.#stopHearing();
    this.#outcome = undefined;
    this.#questions.clear();
  }
}

function endingOutcome({ outcome }: Extract<ParkEffect, { type: 'give-up' }>): Outcome {
  if (outcome.kind === 'result') return { kind: 'result', revision: LATEST_MODERN, result: outcome.result };
  return { kind: 'error', revision: LATEST_MODERN, error: encodeError(outcome.error) };
}
