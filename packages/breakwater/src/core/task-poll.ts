import { memberValue, type RawObject, scanObject } from '../jsonrpc/raw.ts';
import {
  type AbsorbEffect,
  type AbsorbEvent,
  type AbsorbOutcome,
  type AbsorbState,
  startAbsorb,
  stepAbsorb,
} from '../protocol/bridge/tasks/absorb.ts';
import type { CallControl, Clock, Outcome, Timer } from './ports.ts';

/** How the gateway follows a task that its client knows nothing of. */
export interface TaskFollower {
  start(): void;
  /** Answers to the questions last handed on: JSON bytes of `inputResponses`. */
  answer(inputResponses: Buffer): void;
  /** Cancels the task at its server; `onStopped` is called when nothing is under way any more. */
  stop(onStopped: () => void): void;
  /** Stops following; the task goes on. */
  leave(): void;
}

/** What a {@link TaskPoll} works with. */
export interface TaskPollDeps {
  readonly clock: Clock;
  /** Sends a request on the task's handle. */
  readonly send: (method: string, params: Buffer, done: (outcome: Outcome) => void) => CallControl;
  /** Has the client answer these; JSON bytes of `inputRequests`. */
  readonly ask: (inputRequests: Buffer) => void;
  readonly finish: (outcome: AbsorbOutcome | { readonly kind: 'failed'; readonly error: Error }) => void;
}

/** Polls in a row that may fail before the task is given up: it outlives its server's connections. */
const MAX_FAILURES = 5;
const STILL_WORKING: RawObject = { bytes: Buffer.from('{}'), view: '{}', start: 0, end: 2, members: [] };

/** A modern server's task, polled to its end: runs the pure machine of `protocol/bridge/tasks/absorb.ts`. */
export class TaskPoll implements TaskFollower {
  readonly #deps: TaskPollDeps;
  readonly #first: readonly AbsorbEffect[];
  #state: AbsorbState;
  #wait: Timer | undefined;
  #polling: CallControl | undefined;
  #asking = false;
  #failures = 0;
  #onStopped: (() => void) | undefined;

  /** Undefined for a result that names no task. */
  static of(deps: TaskPollDeps, created: RawObject): TaskPoll | undefined {
    const started = startAbsorb(created);
    return started === undefined ? undefined : new TaskPoll(deps, started.state, started.effects);
  }

  private constructor(deps: TaskPollDeps, state: AbsorbState, first: readonly AbsorbEffect[]) {
    this.#deps = deps;
    this.#state = state;
    this.#first = first;
  }

  start(): void {
    for (const effect of this.#first) this.#run(effect);
  }

  answer(inputResponses: Buffer): void {
    this.#asking = false;
    this.#step({ type: 'inputs', inputResponses });
  }

  /** Takes the task's state as it is known from elsewhere. */
  see(task: RawObject): void {
    this.#step({ type: 'task', task });
  }

  leave(): void {
    this.#wait?.clear();
    this.#polling?.cancel('nobody waits for the task');
  }

  stop(onStopped: () => void): void {
    this.#onStopped = onStopped;
    this.#wait?.clear();
    this.#polling?.cancel('nobody waits for the task');
    if (this.#state.phase === 'ended') onStopped();
    else this.#step({ type: 'stopped' });
  }

  #step(event: AbsorbEvent): void {
    const { state, effects } = stepAbsorb(this.#state, event);
    this.#state = state;
    for (const effect of effects) this.#run(effect);
  }

  #run(effect: AbsorbEffect): void {
    const { clock, send, ask, finish } = this.#deps;
    switch (effect.type) {
      case 'wait':
        this.#wait = clock.after(effect.delayMs, () => this.#step({ type: 'poll-due' }));
        return;
      case 'poll':
        this.#polling = send('tasks/get', effect.params, (outcome) => this.#takePoll(outcome));
        return;
      case 'input':
        this.#asking = true;
        ask(effect.inputRequests);
        return;
      case 'update':
        send('tasks/update', effect.params, (outcome) => this.#takeUpdate(outcome));
        return;
      case 'cancel':
        send('tasks/cancel', effect.params, () => this.#onStopped?.());
        return;
      case 'finish':
        this.#wait?.clear();
        finish(effect.outcome);
        return;
    }
  }

  #takePoll(outcome: Outcome): void {
    this.#polling = undefined;
    if (outcome.kind === 'error') return this.#step({ type: 'failed', error: outcome.error });
    if (outcome.kind === 'failed') return this.#retry(outcome.error);
    this.#failures = 0;
    const task = scanObject(outcome.result) ?? STILL_WORKING;
    // While the client is asked, what the server asks beside that has to wait: a person is asked one thing at a time.
    const isWaiting = this.#asking && memberValue(task, 'status') === 'input_required';
    this.#step({ type: 'task', task: isWaiting ? STILL_WORKING : task });
  }

  #takeUpdate(outcome: Outcome): void {
    if (outcome.kind === 'error') this.#step({ type: 'failed', error: outcome.error });
    // The server may have taken the answers and may not have: to send them twice is worse than to say so.
    else if (outcome.kind === 'failed' && this.#state.phase !== 'ended') this.#deps.finish(outcome);
  }

  #retry(error: Error): void {
    if (++this.#failures >= MAX_FAILURES) this.#deps.finish({ kind: 'failed', error });
    else this.#step({ type: 'task', task: STILL_WORKING });
  }
}
