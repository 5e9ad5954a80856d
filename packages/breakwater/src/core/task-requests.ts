import { encodeJson, memberValue, type RawObject, scanObject } from '../jsonrpc/raw.ts';
import { arrayElements, writeArray, writeObject } from '../protocol/bridge/edits.ts';
import { declaresTasks } from '../protocol/bridge/tasks/task-call.ts';
import { renameTask, renameTaskList, taskIdOf } from '../protocol/bridge/tasks/task-id.ts';
import { crossesTasks, sharesTasks, type TaskParty } from '../protocol/bridge/tasks/task-support.ts';
import { isObject } from '../protocol/capabilities.ts';
import { TASKS_EXTENSION } from '../protocol/meta.ts';
import { handleNeed } from './catalogue.ts';
import { GatewayError } from './errors.ts';
import type { Exchange } from './exchange.ts';
import type { Clock, Handle, Lease, Outcome } from './ports.ts';
import type { Target } from './resolver.ts';
import type { Route, RouteMember } from './route.ts';
import type { KnownServer, ServerViews } from './server-view.ts';
import type { TaskBook } from './task-book.ts';
import { CrossTasks } from './task-cross.ts';
import { TaskPass } from './task-pass.ts';
import type { TaskRole } from './task-role.ts';
import { askServer } from './task-sink.ts';

/** What a {@link TaskRequests} works with. */
export interface TaskRequestsDeps {
  readonly route: Route;
  readonly views: ServerViews;
  readonly book: TaskBook;
  readonly clock: Clock;
}

/** Where a request about a task goes, in the server's own words; or who answers it, where the server of the other era has to be asked otherwise. */
export type RoutedTask =
  | { readonly target: Target; readonly role: TaskRole }
  | { readonly upstream: string; readonly answer: () => Promise<Outcome> };

const MAX_PAGES = 100;

/** The `tasks/*` requests of one route: each goes to the upstream that the task's public id names, and to nobody for an id that is not the asker's. */
export class TaskRequests {
  readonly #deps: TaskRequestsDeps;
  readonly #cross: CrossTasks;

  constructor(deps: TaskRequestsDeps) {
    this.#deps = deps;
    this.#cross = new CrossTasks(deps);
  }

  /** The requests about tasks of the other era's servers. */
  get cross(): CrossTasks {
    return this.#cross;
  }

  /** Rejects with `method.unknown` where no upstream has tasks, `capability.missing` for a client that did not declare them, `params.invalid` for a task that is not its own. */
  async route(exchange: Exchange): Promise<RoutedTask> {
    const { book } = this.#deps;
    const servers = await this.#servers(exchange);
    const name = exchange.params === undefined ? undefined : memberValue(exchange.params, 'taskId');
    if (exchange.params === undefined || typeof name !== 'string')
      throw new GatewayError('params.invalid', { message: 'Missing required parameter: taskId' });
    const place = book.find(exchange, name);
    const server = servers.find(({ member }) => member.upstream.name === place?.upstream);
    // Attack: the id of somebody else's task. It must not differ from one that was never given out.
    if (place === undefined || server === undefined)
      throw new GatewayError('params.invalid', { message: 'Task not found.' });
    const { member } = server;
    if (server.isCross) return this.#cross.route(exchange, member, { place, name });
    const renamed = renameTask(exchange.params, (id) => (id === name ? place.id : id));
    const target: Target = {
      members: [member],
      params: renamed === undefined ? exchange.params : scanObject(renamed),
      repeatable: false,
      pin: () => book.pin(exchange, place),
    };
    return { target, role: new TaskPass({ ...this.#deps, exchange, member }, { id: place.id, name }) };
  }

  /** The `tasks/list` result: the asker's own tasks on all upstreams. Rejects with `method.unknown` where no upstream lists tasks. */
  async list(exchange: Exchange): Promise<Buffer> {
    const servers = (await this.#servers(exchange)).filter(({ known, isCross }) => isCross || listsTasks(known));
    if (servers.length === 0 || exchange.client.revision !== '2025-11-25') throw new GatewayError('method.unknown');
    const settled = await Promise.allSettled(
      servers.map(({ member, isCross }) =>
        isCross ? this.#cross.list(exchange, member) : this.#listOf(member, exchange),
      ),
    );
    const failure = settled.find((result) => result.status === 'rejected');
    const lists = settled.filter((result) => result.status === 'fulfilled').map(({ value }) => value);
    if (failure !== undefined && lists.length === 0) throw failure.reason;
    return writeObject({ tasks: writeArray(lists.flat()) });
  }

  async #servers(exchange: Exchange): Promise<{ member: RouteMember; known: KnownServer; isCross: boolean }[]> {
    const { route, views } = this.#deps;
    const { client, principal } = exchange;
    const party = (known: KnownServer) => ({ revision: known.revision, capabilities: known.server.capabilities });
    const settled = await Promise.allSettled(
      route.members.map(async (member) => ({
        member,
        known: await views.get(member.upstream, principal, member).facts(),
      })),
    );
    const servers = settled.filter((result) => result.status === 'fulfilled').map(({ value }) => value);
    const failure = settled.find((result) => result.status === 'rejected');
    if (failure !== undefined && servers.length === 0) throw failure.reason;
    const declared = { ...client, capabilities: { extensions: { [TASKS_EXTENSION]: {} } } };
    const able = servers
      .map((server) => ({ ...server, isCross: isCross(server.member, declared, party(server.known)) }))
      .filter(({ known, isCross }) => isCross || sharesTasks(declared, party(known)));
    if (able.length === 0) throw new GatewayError('method.unknown');
    if (client.revision === '2026-07-28' && !declaresTasks(client.capabilities)) {
      const requiredCapabilities = { extensions: { [TASKS_EXTENSION]: {} } };
      throw new GatewayError('capability.missing', { data: { requiredCapabilities } });
    }
    return able;
  }

  async #listOf(member: RouteMember, exchange: Exchange): Promise<readonly Buffer[]> {
    const { book, clock } = this.#deps;
    const { name } = member.upstream;
    const leases = book.leasesOf(exchange, name);
    if (leases.length === 0) leases.push(await member.upstream.acquire(handleNeed(member, exchange, clock.now())));
    const lists = await Promise.all(leases.map((lease) => this.#listOn(lease, name, exchange)));
    return [...new Map(lists.flatMap((list) => [...list])).values()];
  }

  /** The asker's own tasks on one handle by public id. */
  async #listOn(lease: Lease, upstream: string, exchange: Exchange): Promise<ReadonlyMap<string, Buffer>> {
    const { book } = this.#deps;
    const tasks = new Map<string, Buffer>();
    try {
      let cursor: unknown;
      for (let page = 0; page < MAX_PAGES; page++) {
        const params = cursor === undefined ? undefined : scanObject(encodeJson({ cursor }));
        const result = scanObject(await this.#ask(lease.handle, params, exchange));
        if (result === undefined) throw new GatewayError('upstream.invalid');
        // Attack: a server that several principals share lists everybody's tasks.
        const own = scanObject(
          renameTaskList(result, (id) =>
            book.isNoted(exchange, { upstream, id }) ? book.nameOf(exchange, { upstream, id }) : undefined,
          ),
        );
        for (const task of (own === undefined ? undefined : arrayElements(own, 'tasks')) ?? []) {
          const named = scanObject(task);
          tasks.set(String(named === undefined ? undefined : taskIdOf(named)), task);
        }
        const next = memberValue(result, 'nextCursor');
        if (typeof next !== 'string' || next === cursor) break;
        cursor = next;
      }
      return tasks;
    } finally {
      lease.release();
    }
  }

  async #ask(handle: Handle, params: RawObject | undefined, { client }: Exchange): Promise<Buffer> {
    const outcome = await askServer(handle, { method: 'tasks/list', params, client }, this.#deps.clock);
    if (outcome.kind === 'result') return outcome.result;
    throw outcome.kind === 'failed'
      ? outcome.error
      : new GatewayError('upstream.invalid', { cause: outcome.error.toString() });
  }
}

function isCross({ crossTasks }: RouteMember, client: TaskParty, server: TaskParty): boolean {
  return crossTasks && crossesTasks(client, server);
}

function listsTasks({ server }: KnownServer): boolean {
  const { tasks } = server.capabilities;
  return isObject(tasks) && isObject(tasks['list']);
}
