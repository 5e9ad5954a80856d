import { memberValue, type RawObject, scanObject } from '../jsonrpc/raw.ts';
import { encodeError } from '../jsonrpc/write.ts';
import { applyEdits, bytesOf, writeObject } from '../protocol/bridge/edits.ts';
import type { TaskWish } from '../protocol/bridge/request.ts';
import { readResultType } from '../protocol/bridge/result.ts';
import type { AbsorbOutcome } from '../protocol/bridge/tasks/absorb.ts';
import { absorbLegacyTask } from '../protocol/bridge/tasks/task-call.ts';
import { taskIdOf } from '../protocol/bridge/tasks/task-id.ts';
import { createdTask } from '../protocol/bridge/tasks/task-support.ts';
import { eraOf } from '../protocol/revision.ts';
import { GatewayError } from './errors.ts';
import type { Exchange } from './exchange.ts';
import type { CallFollower, CallSuccessor } from './member-call.ts';
import type { CallControl, CallSink, Clock, Lease, Outcome, Timer } from './ports.ts';
import { askAll } from './task-ask.ts';
import { type TaskFollower, TaskPoll } from './task-poll.ts';
import { quietSink } from './task-sink.ts';
import { TaskWait } from './task-wait.ts';

/** What an {@link AbsorbedCall} works with. */
export interface AbsorbDeps {
  readonly exchange: Exchange;
  readonly clock: Clock;
  /** Hears of the call as if it were a plain one. */
  readonly follower: CallFollower;
  readonly wish: TaskWish;
  /** How long the call may take, without the time in which a person is waited for. */
  readonly limitMs: number;
  /** Keeps the handle of the task: the client is told of it, and looks after it itself. */
  readonly keep?: ((lease: Lease) => void) | undefined;
  /** The task is the client's, who only waits for its result here: it outlives this call. */
  readonly isClients?: boolean;
}

const STOP_MS = 30_000;

/** A tool call that its server runs as a task and whose client knows nothing of it (eras.md §2.8): to the client it is a call like any other. */
export class AbsorbedCall implements CallSuccessor {
  readonly #deps: AbsorbDeps;
  readonly #lease: Lease;
  #params: RawObject | undefined;
  #control: CallControl | undefined;
  #deadline: Timer | undefined;
  #task: TaskFollower | undefined;
  #isOver = false;

  constructor(deps: AbsorbDeps, lease: Lease, params: RawObject | undefined) {
    this.#deps = deps;
    this.#lease = lease;
    this.#params = params;
    this.resumeDeadline();
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** The server refused to run it as a plain call: asks again, for a task. */
  call(): void {
    const { exchange, follower } = this.#deps;
    if (this.#isOver) return;
    this.#control = this.#send(exchange.method, this.#params, {
      get suspended() {
        return follower.suspended;
      },
      notify: (notification) => follower.notify(notification),
      ask: (question) => follower.ask(question),
      done: (outcome) => this.take(outcome),
    });
  }

  /** Takes an answer to the call itself: a task, a question before there is one, or the end. */
  take(outcome: Outcome): void {
    if (this.#isOver) return;
    this.#control = undefined;
    const created = outcome.kind === 'result' ? createdTask(outcome.result, outcome.revision) : undefined;
    if (created !== undefined && this.#deps.keep !== undefined) {
      this.#deps.keep(this.#lease);
      return this.#finish(outcome);
    }
    this.#task = created === undefined ? undefined : this.#follow(created);
    if (this.#task !== undefined) this.#task.start();
    else if (this.#isQuestion(outcome)) this.#deps.follower.done(outcome);
    else this.#finish(outcome);
  }

  /** Waits for the end of a modern task that is known already; `task` is its state. */
  follow(task: RawObject): void {
    const followed = this.#pollOf(task);
    if (followed === undefined) return this.#finish({ kind: 'failed', error: new GatewayError('upstream.invalid') });
    this.#task = followed;
    followed.start();
    followed.see(task);
  }

  resend(params: RawObject | undefined): void {
    this.#params = params;
    if (this.#isOver) return;
    if (this.#task === undefined) return this.call();
    this.resumeDeadline();
    this.#task.answer((params === undefined ? undefined : bytesOf(params, 'inputResponses')) ?? Buffer.from('{}'));
  }

  holdDeadline(): void {
    this.#deadline?.clear();
  }

  resumeDeadline(): void {
    const { clock, limitMs, follower } = this.#deps;
    this.#deadline?.clear();
    if (this.#isOver) return;
    this.#deadline = clock.after(limitMs, () => {
      this.cancel('deadline');
      follower.done({ kind: 'failed', error: new GatewayError('upstream.timeout') });
    });
  }

  pause(): void {
    this.#control?.pause();
  }

  resume(): void {
    this.#control?.resume();
  }

  cancel(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#deadline?.clear();
    this.#control?.cancel(reason);
    if (this.#task === undefined) return this.#lease.release();
    if (this.#deps.isClients === true) {
      this.#task.leave();
      return this.#lease.release();
    }
    // A server that never answers the cancellation does not keep the handle.
    const bound = this.#deps.clock.after(STOP_MS, () => this.#lease.release());
    this.#task.stop(() => {
      bound.clear();
      this.#lease.release();
    });
  }

  #follow(created: RawObject): TaskFollower | undefined {
    const { clock, follower } = this.#deps;
    if (eraOf(this.#lease.handle.revision) === 'modern') return this.#pollOf(created);
    const taskId = absorbLegacyTask(created) === undefined ? undefined : taskIdOf(created);
    if (taskId === undefined) return undefined;
    return new TaskWait(
      {
        clock,
        send: (method, params, sink) => this.#send(method, scanObject(params), sink),
        sink: follower,
        finish: (outcome) => this.#finish(outcome),
      },
      taskId,
    );
  }

  #pollOf(task: RawObject): TaskPoll | undefined {
    return TaskPoll.of(
      {
        clock: this.#deps.clock,
        send: (method, params, done) => this.#send(method, scanObject(params), quietSink(done)),
        ask: (inputRequests) => this.#ask(inputRequests),
        finish: (outcome) => this.#finish(this.#outcomeOf(outcome)),
      },
      task,
    );
  }

  // A legacy client is asked by the machine that answers `input_required` results; a modern one is sent away with its questions like by a legacy server.
  #ask(inputRequests: Buffer): void {
    const { exchange, follower } = this.#deps;
    const { revision } = this.#lease.handle;
    this.holdDeadline();
    if (eraOf(exchange.client.revision) === 'legacy') {
      const result = writeObject({ resultType: '"input_required"', inputRequests });
      return follower.done({ kind: 'result', revision, result });
    }
    askAll(inputRequests, { revision, ask: (question) => follower.ask(question) }, (answers) => {
      this.resumeDeadline();
      if (!('error' in answers)) return this.#task?.answer(answers.inputResponses);
      // There is no error among the answers of the modern era: the call fails with the client's own.
      this.#give({ kind: 'error', revision, error: encodeError(answers.error) });
    });
  }

  #outcomeOf(outcome: AbsorbOutcome | Extract<Outcome, { kind: 'failed' }>): Outcome {
    const { revision } = this.#lease.handle;
    if (outcome.kind === 'failed') return outcome;
    if (outcome.kind === 'error') return { ...outcome, revision };
    const object = scanObject(outcome.result);
    // Inside of a task a result needs no type; as an answer of its own it does.
    const isTyped = object === undefined || memberValue(object, 'resultType') !== undefined;
    const result = isTyped ? outcome.result : applyEdits(object, { resultType: '"complete"' });
    return { kind: 'result', revision, result };
  }

  #isQuestion(outcome: Outcome): boolean {
    if (outcome.kind !== 'result' || eraOf(this.#deps.exchange.client.revision) === 'modern') return false;
    const object = outcome.result.includes('"input_required"') ? scanObject(outcome.result) : undefined;
    return object !== undefined && readResultType(object) === 'input_required';
  }

  #send(method: string, params: RawObject | undefined, sink: CallSink): CallControl {
    const { exchange, wish } = this.#deps;
    const { client, progress, logLevel } = exchange;
    const isCall = method === exchange.method;
    return this.#lease.handle.call(
      { method, params, client, progress: isCall && progress, logLevel, task: wish },
      sink,
    );
  }

  /** The call is over for the client, and the task is cancelled. */
  #give(outcome: Outcome): void {
    if (this.#isOver) return;
    this.cancel('ended by the gateway');
    this.#deps.follower.done(outcome);
  }

  #finish(outcome: Outcome): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#deadline?.clear();
    const { info } = this.#lease.handle.server;
    this.#lease.release();
    this.#deps.follower.done(outcome.kind === 'result' ? { ...outcome, serverInfo: info } : outcome);
  }
}
