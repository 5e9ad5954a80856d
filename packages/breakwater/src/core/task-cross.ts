import { encodeJson, memberObject, memberValue, type RawObject, scanObject } from '../jsonrpc/raw.ts';
import { decodeError } from '../jsonrpc/write.ts';
import { applyEdits } from '../protocol/bridge/edits.ts';
import type { TaskWish } from '../protocol/bridge/request.ts';
import {
  isTerminal,
  TASK_ACKNOWLEDGED,
  type TaskInline,
  taskStatusFromLegacy,
  tasksGetFromLegacy,
  tasksGetFromModern,
} from '../protocol/bridge/tasks/task-form.ts';
import { withoutRelatedTask } from '../protocol/bridge/tasks/task-result.ts';
import { handleNeed } from './catalogue.ts';
import { GatewayError } from './errors.ts';
import type { Exchange } from './exchange.ts';
import type { Clock, Lease, Outcome } from './ports.ts';
import type { RouteMember } from './route.ts';
import type { Subscriber } from './subscription.ts';
import type { OwnTask, TaskBook } from './task-book.ts';
import { TaskDesk } from './task-desk.ts';
import { namedResult, TaskEnd } from './task-end.ts';
import type { TaskPlace } from './task-name.ts';
import type { RoutedTask } from './task-requests.ts';
import { askServer } from './task-sink.ts';
import { renameIn } from './task-words.ts';

/** What {@link CrossTasks} work with. */
export interface CrossTasksDeps {
  readonly book: TaskBook;
  readonly clock: Clock;
}

/** A task by its place and its public id. */
interface NamedTask {
  readonly place: TaskPlace;
  readonly name: string;
}

/** Tasks of one list that are asked for at one time, and in all: the newest. */
const LIST = { batch: 8, most: 100 };
/** Declares the extension; a 2025-11-25 server is told of a task by the method alone. */
const WISH: TaskWish = { ttlMs: 0 };

/**
 * The `tasks/*` requests of clients whose task lives on a server of the other era (eras.md §2.8): each is made of what the server knows, so that a
 * request of the one form may take several of the other.
 */
export class CrossTasks {
  readonly #deps: CrossTasksDeps;

  constructor(deps: CrossTasksDeps) {
    this.#deps = deps;
  }

  /** How a request about a task is served. Rejects with `method.unknown` for what the client's form of tasks does not have. */
  route(exchange: Exchange, member: RouteMember, task: NamedTask): RoutedTask {
    const { book, clock } = this.#deps;
    const upstream = member.upstream.name;
    const noted = book.noted(exchange, task.place);
    if (exchange.client.revision === '2026-07-28')
      return { upstream, answer: () => this.#withLease(exchange, member, task, this.#modernAnswer(exchange, task)) };
    const own = noted?.own;
    if (own !== undefined) return { upstream, answer: async () => ownAnswer(exchange.method, task.name, own) };
    if (exchange.method !== 'tasks/result')
      return { upstream, answer: () => this.#withLease(exchange, member, task, this.#legacyAnswer(exchange, task)) };
    const params = scanObject(encodeJson({ taskId: task.place.id }));
    const target = { members: [member], params, repeatable: false, method: 'tasks/get' };
    return { target, role: new TaskEnd({ book, clock, exchange, member, ...task }) };
  }

  /** The asker's own tasks on a modern server, which has no list of them. */
  async list(exchange: Exchange, member: RouteMember): Promise<readonly Buffer[]> {
    const known = this.#deps.book.tasksOf(exchange, member.upstream.name).slice(-LIST.most);
    const tasks: Buffer[] = [];
    for (let i = 0; i < known.length; i += LIST.batch) {
      const batch = known.slice(i, i + LIST.batch).map(async ({ place, name, own }) => {
        const got =
          own === undefined
            ? await this.#withLease(exchange, member, { place, name }, (lease) =>
                this.#legacyState(exchange, { place, name }, lease),
              )
            : ownState(own);
        return got.kind === 'result' ? [got.result] : [];
      });
      tasks.push(...(await Promise.all(batch)).flat());
    }
    return tasks;
  }

  /** What a modern client would get from `tasks/get` for a legacy task: for its notifications. Undefined when nobody knows. */
  async describe(
    subscriber: Subscriber,
    member: RouteMember,
    task: NamedTask,
    reported: RawObject,
  ): Promise<RawObject | undefined> {
    const translated = taskStatusFromLegacy(reported);
    if (translated !== undefined) return scanObject(renameIn(translated, task.place.id, task.name));
    const state = await this.#withLease(subscriber, member, task, (lease) =>
      this.#modernState(subscriber, task, lease),
    );
    const object = state.kind === 'result' ? scanObject(state.result) : undefined;
    return object === undefined ? undefined : scanObject(applyEdits(object, { resultType: undefined }));
  }

  async #withLease(
    subscriber: Subscriber,
    member: RouteMember,
    { place }: NamedTask,
    run: (lease: Lease) => Promise<Outcome>,
  ): Promise<Outcome> {
    const { book, clock } = this.#deps;
    const pinned = book.pin(subscriber, place);
    const lease = pinned ?? (await member.upstream.acquire(handleNeed(member, subscriber, clock.now())));
    try {
      return await run(lease);
    } finally {
      lease.release();
    }
  }

  /** A modern client's request about a task of a 2025-11-25 server. */
  #modernAnswer(exchange: Exchange, task: NamedTask): (lease: Lease) => Promise<Outcome> {
    switch (exchange.method) {
      case 'tasks/get':
        return (lease) => this.#modernState(exchange, task, lease);
      case 'tasks/update':
        return async () => this.#update(exchange, task);
      case 'tasks/cancel':
        return async (lease) => {
          const outcome = await this.#ask(exchange, 'tasks/cancel', task, lease);
          return outcome.kind === 'result' ? ACKNOWLEDGED : outcome;
        };
      default:
        throw new GatewayError('method.unknown');
    }
  }

  async #modernState(subscriber: Subscriber, { place, name }: NamedTask, lease: Lease): Promise<Outcome> {
    const got = await this.#ask(subscriber, 'tasks/get', { place, name }, lease);
    if (got.kind !== 'result') return got;
    const task = scanObject(got.result);
    if (task === undefined) return INVALID;
    const status = memberValue(task, 'status');
    this.#deps.book.see(subscriber, place, status);
    let inline: TaskInline = {};
    if (status === 'input_required') {
      const inputRequests = await this.#desk(subscriber, place)?.questions();
      if (inputRequests !== undefined) inline = { inputRequests };
    } else if (isTerminal(status) && status !== 'cancelled') {
      const end = await this.#ask(subscriber, 'tasks/result', { place, name }, lease);
      if (end.kind === 'failed') return end;
      const payload = payloadOf(end);
      if (payload === undefined) return INVALID;
      inline = { payload };
    }
    const result = renameIn(tasksGetFromLegacy(task, inline), place.id, name);
    return { kind: 'result', revision: '2026-07-28', result };
  }

  #update(exchange: Exchange, { place }: NamedTask): Outcome {
    const responses = exchange.params === undefined ? undefined : memberObject(exchange.params, 'inputResponses');
    if (responses === undefined) {
      const message = 'Missing required parameter: inputResponses';
      return { kind: 'failed', error: new GatewayError('params.invalid', { message }) };
    }
    this.#desk(exchange, place)?.answer(responses);
    return ACKNOWLEDGED;
  }

  #desk({ client, ...asker }: Subscriber, place: TaskPlace): TaskDesk | undefined {
    const { book, clock } = this.#deps;
    return book.deskOf(asker, place, (lease) => new TaskDesk({ clock, lease, taskId: place.id, client }));
  }

  /** A 2025-11-25 client's `tasks/get` or `tasks/cancel` of a task of a modern server. */
  #legacyAnswer(exchange: Exchange, task: NamedTask): (lease: Lease) => Promise<Outcome> {
    if (exchange.method === 'tasks/get') return (lease) => this.#legacyState(exchange, task, lease);
    if (exchange.method !== 'tasks/cancel') throw new GatewayError('method.unknown');
    return async (lease) => {
      const outcome = await this.#ask(exchange, 'tasks/cancel', task, lease);
      // The modern answer says only that the wish was heard; this one has to say what became of it.
      return outcome.kind === 'result' ? await this.#legacyState(exchange, task, lease) : outcome;
    };
  }

  async #legacyState(exchange: Exchange, { place, name }: NamedTask, lease: Lease): Promise<Outcome> {
    const got = await this.#ask(exchange, 'tasks/get', { place, name }, lease);
    if (got.kind !== 'result') return got;
    const task = scanObject(got.result);
    if (task === undefined) return INVALID;
    this.#deps.book.see(exchange, place, memberValue(task, 'status'));
    return { kind: 'result', revision: '2025-11-25', result: renameIn(tasksGetFromModern(task), place.id, name) };
  }

  #ask({ client }: Subscriber, method: string, { place }: NamedTask, { handle }: Lease): Promise<Outcome> {
    const params = scanObject(encodeJson({ taskId: place.id }));
    return askServer(handle, { method, params, client, task: WISH }, this.#deps.clock);
  }
}

const ACKNOWLEDGED: Outcome = { kind: 'result', revision: '2026-07-28', result: TASK_ACKNOWLEDGED };
const INVALID: Outcome = { kind: 'failed', error: new GatewayError('upstream.invalid') };

/** What `tasks/result` answered, as the modern era inlines it; undefined for what is no answer. */
function payloadOf(outcome: Exclude<Outcome, { kind: 'failed' }>): TaskInline['payload'] {
  if (outcome.kind === 'error') {
    const error = decodeError(outcome.error);
    return error === undefined ? undefined : { error };
  }
  const object = scanObject(outcome.result);
  return object === undefined ? undefined : { result: withoutRelatedTask(object) };
}

function ownState({ state }: OwnTask): Outcome {
  return { kind: 'result', revision: '2025-11-25', result: state };
}

/** The answer about a task that was over when it was made: its server never heard of one. */
function ownAnswer(method: string, name: string, own: OwnTask): Outcome {
  if (method === 'tasks/get') return ownState(own);
  if (method === 'tasks/result') return namedResult(own.outcome, name);
  const message = 'Cannot cancel a task that is over.';
  return { kind: 'failed', error: new GatewayError('params.invalid', { message }) };
}
