import { encodeJson, memberObject, memberValue, scanObject } from '../jsonrpc/raw.ts';
import type { TaskWish } from '../protocol/bridge/request.ts';
import { readResultType } from '../protocol/bridge/result.ts';
import {
  createTaskResultFromLegacy,
  createTaskResultFromModern,
  taskStatusFromModern,
} from '../protocol/bridge/tasks/task-form.ts';
import { taskIdOf } from '../protocol/bridge/tasks/task-id.ts';
import { completedTask } from '../protocol/bridge/tasks/task-result.ts';
import { createdTask } from '../protocol/bridge/tasks/task-support.ts';
import { eraOf } from '../protocol/revision.ts';
import type { Lease, Outcome, ResultOutcome, ServerQuestion } from './ports.ts';
import { type AbsorptionDeps, TaskAbsorption } from './task-absorption.ts';
import type { TaskRole, TaskRoleDeps } from './task-role.ts';
import { renameIn, ttlOf } from './task-words.ts';

/** How long a result is kept that a modern server gave at once, for a client that asked for a task. */
const OWN_TTL_MS = 600_000;

/** A call of a 2025-11-25 client that asks for a task, on a modern server: the server decides, and the client gets a task either way. */
export class ModernTaskOffer implements TaskRole {
  readonly wish: TaskWish = { ttlMs: OWN_TTL_MS };
  readonly #deps: TaskRoleDeps;
  #kept: Lease | undefined;

  constructor(deps: TaskRoleDeps) {
    this.#deps = deps;
  }

  question(question: ServerQuestion): ServerQuestion {
    return question;
  }

  succeed(outcome: Outcome, lease: Lease): undefined {
    // For its server's reports, which come on the handle's own stream.
    if (outcome.kind === 'result' && createdTask(outcome.result, outcome.revision) !== undefined)
      this.#kept = lease.share();
  }

  outcome(outcome: Outcome): Outcome {
    if (outcome.kind !== 'result') return outcome;
    const { result, revision } = outcome;
    const created = createdTask(result, revision);
    // Made here before: the questions that came first are over.
    if (created !== undefined && eraOf(revision) === 'legacy') return outcome;
    if (created !== undefined) return this.#announce(outcome);
    const object = scanObject(result);
    if (object !== undefined && eraOf(revision) === 'modern' && readResultType(object) === 'input_required')
      return outcome;
    return this.#complete(outcome);
  }

  #announce(outcome: ResultOutcome): Outcome {
    const { exchange, member, book } = this.#deps;
    const created = scanObject(outcome.result);
    const id = created === undefined ? undefined : taskIdOf(created);
    const lease = this.#kept;
    this.#kept = undefined;
    if (created === undefined || id === undefined) {
      lease?.release();
      return outcome;
    }
    const name = book.note({
      asker: exchange,
      place: { upstream: member.upstream.name, id },
      ttlMs: ttlOf(memberValue(created, 'ttlMs')),
      lease,
      translate: (params) => scanObject(taskStatusFromModern(params)),
    });
    return { kind: 'result', revision: '2025-11-25', result: renameIn(createTaskResultFromModern(created), id, name) };
  }

  #complete(outcome: ResultOutcome): Outcome {
    const { exchange, member, book, random, clock } = this.#deps;
    const id = random.id();
    const place = { upstream: member.upstream.name, id };
    const taskId = book.nameOf(exchange, place);
    const object = scanObject(outcome.result);
    const failed = object !== undefined && memberValue(object, 'isError') === true;
    const createdAt = new Date(clock.now()).toISOString();
    const made = completedTask({ taskId, createdAt, ttlMs: OWN_TTL_MS, failed });
    const own = { state: encodeJson(made.task), outcome };
    book.note({ asker: exchange, place, ttlMs: OWN_TTL_MS, own });
    const result = encodeJson(made);
    return { kind: 'result', revision: '2025-11-25', result };
  }
}

/** A call of a modern client that knows the extension, on a 2025-11-25 server: a tool that runs only as a task becomes the client's own task. */
export class LegacyTaskOffer implements TaskRole {
  readonly #deps: TaskRoleDeps;
  readonly #absorption: TaskAbsorption;
  #kept: Lease | undefined;

  constructor(deps: TaskRoleDeps & AbsorptionDeps) {
    this.#deps = deps;
    this.#absorption = new TaskAbsorption(deps, deps.handle, (lease) => {
      this.#kept = lease.share();
    });
  }

  get wish(): TaskWish | undefined {
    return this.#absorption.wish;
  }

  question(question: ServerQuestion): ServerQuestion {
    return question;
  }

  succeed(outcome: Outcome, lease: Lease): ReturnType<TaskRole['succeed']> {
    return this.#absorption.succeed(outcome, lease);
  }

  outcome(outcome: Outcome): Outcome {
    const lease = this.#kept;
    this.#kept = undefined;
    if (lease === undefined || outcome.kind !== 'result') return outcome;
    const created = createdTask(outcome.result, outcome.revision);
    const task = created === undefined ? undefined : memberObject(created, 'task');
    const id = created === undefined ? undefined : taskIdOf(created);
    const result = created === undefined ? undefined : createTaskResultFromLegacy(created);
    if (task === undefined || id === undefined || result === undefined) {
      lease.release();
      return outcome;
    }
    const { exchange, member, book } = this.#deps;
    const place = { upstream: member.upstream.name, id };
    const name = book.note({ asker: exchange, place, ttlMs: ttlOf(memberValue(task, 'ttl')), lease });
    return { kind: 'result', revision: '2026-07-28', result: renameIn(result, id, name) };
  }
}
