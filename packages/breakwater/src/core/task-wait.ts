import { encodeJson, scanObject } from '../jsonrpc/raw.ts';
import { withoutRelatedTask } from '../protocol/bridge/tasks/task-result.ts';
import { isGatewayError } from './errors.ts';
import type { CallControl, CallSink, Clock, Outcome, Timer } from './ports.ts';
import type { TaskFollower } from './task-poll.ts';
import { quietSink } from './task-sink.ts';

/** What a {@link TaskWait} works with. */
export interface TaskWaitDeps {
  readonly clock: Clock;
  readonly send: (method: string, params: Buffer, sink: CallSink) => CallControl;
  /** Hears what the task's own stream brings. */
  readonly sink: Pick<CallSink, 'notify' | 'ask' | 'suspended'>;
  readonly finish: (outcome: Outcome) => void;
}

const MAX_FAILURES = 5;
const RETRY_MS = 1_000;

/** A 2025-11-25 server's task, waited for with `tasks/result`, which blocks until the task ends and carries its questions. */
export class TaskWait implements TaskFollower {
  readonly #deps: TaskWaitDeps;
  readonly #params: Buffer;
  #control: CallControl | undefined;
  #retry: Timer | undefined;
  #failures = 0;

  constructor(deps: TaskWaitDeps, taskId: string) {
    this.#deps = deps;
    this.#params = encodeJson({ taskId });
  }

  start(): void {
    const { send, sink } = this.#deps;
    this.#control = send('tasks/result', this.#params, {
      get suspended() {
        return sink.suspended === true;
      },
      notify: (notification) => sink.notify(notification),
      ask: (question) => sink.ask(question),
      done: (outcome) => this.#take(outcome),
    });
  }

  answer(): void {
    // A legacy server's questions are answered where they were asked.
  }

  leave(): void {
    this.#retry?.clear();
    this.#control?.cancel('nobody waits for the task');
  }

  stop(onStopped: () => void): void {
    this.leave();
    this.#deps.send('tasks/cancel', this.#params, quietSink(onStopped));
  }

  #take(outcome: Outcome): void {
    this.#control = undefined;
    const isLost = outcome.kind === 'failed' && !(isGatewayError(outcome.error) && isFinal(outcome.error.code));
    // The answer was lost, not the task: it can be asked for again.
    if (isLost && ++this.#failures < MAX_FAILURES) {
      this.#retry = this.#deps.clock.after(RETRY_MS, () => this.start());
    } else if (outcome.kind === 'result') this.#deps.finish({ ...outcome, result: withoutTask(outcome.result) });
    else this.#deps.finish(outcome);
  }
}

// A legacy task does not outlive its session.
function isFinal(code: string): boolean {
  return code === 'upstream.session-lost' || code === 'upstream.too-large' || code === 'upstream.auth';
}

// The client was never told of a task.
function withoutTask(result: Buffer): Buffer {
  const object = scanObject(result);
  return object === undefined ? result : withoutRelatedTask(object);
}
