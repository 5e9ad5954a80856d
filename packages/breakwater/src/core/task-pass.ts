import { memberObject, memberValue, scanObject } from '../jsonrpc/raw.ts';
import { bytesOf } from '../protocol/bridge/edits.ts';
import { taskIdOf } from '../protocol/bridge/tasks/task-id.ts';
import { createdTask } from '../protocol/bridge/tasks/task-support.ts';
import { eraOf } from '../protocol/revision.ts';
import type { Exchange } from './exchange.ts';
import type { Lease, Outcome, ResultOutcome, ServerQuestion } from './ports.ts';
import type { RouteMember } from './route.ts';
import { type NotedTask, renameParams, type TaskBook } from './task-book.ts';
import type { AnsweredCall, TaskRole } from './task-role.ts';
import { renameIn, ttlOf } from './task-words.ts';

/** What a {@link TaskPass} works with. */
export interface TaskPassDeps {
  readonly exchange: Exchange;
  readonly member: RouteMember;
  readonly book: TaskBook;
}

/** An exchange about a task between a client and a server that know tasks in the same form: only the ids change. */
export class TaskPass implements TaskRole {
  readonly wish = undefined;
  readonly #deps: TaskPassDeps;
  /** The task by the server's id and by the client's; unknown while it is being made. */
  #task: { readonly id: string; readonly name: string } | undefined;
  /** The handle of a task that was made. */
  #kept: Lease | undefined;
  #token: string | undefined;

  /** @param task what the request is about; undefined for the call that makes the task. */
  constructor(deps: TaskPassDeps, task?: { readonly id: string; readonly name: string }) {
    this.#deps = deps;
    this.#task = task;
  }

  outcome(outcome: Outcome): Outcome {
    if (outcome.kind !== 'result') return outcome;
    return this.#task === undefined ? this.#takeCreation(outcome) : this.#takeAnswer(outcome, this.#task);
  }

  question(question: ServerQuestion): ServerQuestion {
    const { id, name } = this.#task ?? {};
    const { params } = question;
    if (params === undefined || id === undefined || name === undefined) return question;
    return {
      method: question.method,
      params: renameParams(params, id, name) ?? params,
      revision: question.revision,
      onWithdrawn: (run) => question.onWithdrawn(run),
      answer: (answer) => question.answer('result' in answer ? { result: renameIn(answer.result, name, id) } : answer),
    };
  }

  succeed(outcome: Outcome, lease: Lease, { token }: AnsweredCall): undefined {
    if (this.#task !== undefined || outcome.kind !== 'result' || eraOf(outcome.revision) === 'modern') return;
    // A legacy server's task lives in the connection, also in one that nobody else will ever get; a modern one is reachable on any.
    if (createdTask(outcome.result, outcome.revision) !== undefined) this.#kept = lease.share();
    this.#token = token;
  }

  #takeCreation(outcome: ResultOutcome): Outcome {
    const created = createdTask(outcome.result, outcome.revision);
    const id = created === undefined ? undefined : taskIdOf(created);
    const lease = this.#kept;
    this.#kept = undefined;
    if (created === undefined || id === undefined) {
      lease?.release();
      return outcome;
    }
    const { exchange, member, book } = this.#deps;
    const isLegacy = eraOf(outcome.revision) === 'legacy';
    const ttl = isLegacy ? memberValue(memberObject(created, 'task') ?? created, 'ttl') : memberValue(created, 'ttlMs');
    const name = book.note({
      asker: exchange,
      place: { upstream: member.upstream.name, id },
      ttlMs: ttlOf(ttl),
      lease,
      progress: this.#progress(),
    });
    this.#task = { id, name };
    return { ...outcome, result: renameIn(outcome.result, id, name) };
  }

  // 2025-11-25 basic/utilities/tasks §Task Progress: the token of the call stays valid for the whole life of the task.
  #progress(): NotedTask['progress'] {
    const { params } = this.#deps.exchange;
    const meta = params === undefined ? undefined : memberObject(params, '_meta');
    const clients = meta === undefined ? undefined : bytesOf(meta, 'progressToken');
    return clients === undefined || this.#token === undefined ? undefined : { servers: this.#token, clients };
  }

  #takeAnswer(outcome: ResultOutcome, { id, name }: { readonly id: string; readonly name: string }): Outcome {
    const { exchange, member, book } = this.#deps;
    const place = { upstream: member.upstream.name, id };
    const object = exchange.method === 'tasks/result' ? undefined : scanObject(outcome.result);
    // What `tasks/result` answers is the task's end.
    if (object === undefined) book.finish(exchange, place);
    else book.see(exchange, place, memberValue(object, 'status'));
    return { ...outcome, result: renameIn(outcome.result, id, name) };
  }
}
