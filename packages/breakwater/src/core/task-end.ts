import { scanObject } from '../jsonrpc/raw.ts';
import type { TaskWish } from '../protocol/bridge/request.ts';
import { readResultType } from '../protocol/bridge/result.ts';
import { withRelatedTask } from '../protocol/bridge/tasks/task-result.ts';
import { eraOf } from '../protocol/revision.ts';
import type { Exchange } from './exchange.ts';
import type { Clock, Lease, Outcome, ResultOutcome, ServerQuestion } from './ports.ts';
import type { RouteMember } from './route.ts';
import { AbsorbedCall } from './task-absorb.ts';
import type { TaskBook } from './task-book.ts';
import type { TaskPlace } from './task-name.ts';
import type { AnsweredCall, TaskRole } from './task-role.ts';

/** What a {@link TaskEnd} works with. */
export interface TaskEndDeps {
  readonly exchange: Exchange;
  readonly member: RouteMember;
  readonly book: TaskBook;
  readonly clock: Clock;
  readonly place: TaskPlace;
  /** The task's public id. */
  readonly name: string;
}

/**
 * A 2025-11-25 client's `tasks/result` of a task of a modern server, which has no such request: the task is polled to its end, and what it asks meanwhile
 * is asked on the stream of this request. A client that stops waiting leaves its task alone.
 */
export class TaskEnd implements TaskRole {
  readonly wish: TaskWish = { ttlMs: 0 };
  readonly #deps: TaskEndDeps;

  constructor(deps: TaskEndDeps) {
    this.#deps = deps;
  }

  question(question: ServerQuestion): ServerQuestion {
    return question;
  }

  succeed(outcome: Outcome, lease: Lease, { follower }: AnsweredCall): AbsorbedCall | undefined {
    const task = outcome.kind === 'result' ? scanObject(outcome.result) : undefined;
    if (task === undefined) return undefined;
    const { exchange, member, clock } = this.#deps;
    const absorbed = new AbsorbedCall(
      { exchange, clock, follower, wish: this.wish, limitMs: member.requestTimeoutMs, isClients: true },
      lease,
      undefined,
    );
    absorbed.follow(task);
    return absorbed;
  }

  outcome(outcome: Outcome): Outcome {
    if (outcome.kind !== 'result') return outcome;
    const object = scanObject(outcome.result);
    const isQuestion = object !== undefined && readResultType(object) === 'input_required';
    if (isQuestion && eraOf(outcome.revision) === 'modern') return outcome;
    const { book, exchange, place, name } = this.#deps;
    book.finish(exchange, place);
    return namedResult(outcome, name);
  }
}

/** A task's result with the name of its task. */
export function namedResult(outcome: ResultOutcome, name: string): ResultOutcome {
  const object = scanObject(outcome.result);
  return object === undefined ? outcome : { ...outcome, result: withRelatedTask(object, name) };
}
