import { findMember, hasDuplicateKey, memberValue, scanObject } from '../jsonrpc/raw.ts';
import { mergeServerCapabilities, serverCapabilitiesFor } from '../protocol/bridge/capabilities.ts';
import type { JsonObject } from '../protocol/capabilities.ts';
import { LISTS, type ListKind } from '../protocol/methods.ts';
import type { ParamHeader } from '../protocol/modern/param-headers.ts';
import { eraOf, type Revision } from '../protocol/revision.ts';
import type { Asides } from './asides.ts';
import type { AdoptedCall, CallRecords } from './call-records.ts';
import { Catalogue } from './catalogue.ts';
import type { EdgeFacts, RouteFacts } from './edge.ts';
import { GatewayError, toGatewayError } from './errors.ts';
import type { Emit } from './events.ts';
import type { Exchange } from './exchange.ts';
import { ExchangeRun } from './exchange-run.ts';
import type { Journal } from './journal.ts';
import type { Parks } from './parks.ts';
import type { Clock, ExchangeHandler, Random, Reply } from './ports.ts';
import { Resolver } from './resolver.ts';
import type { Route } from './route.ts';
import { type KnownServer, ServerViews } from './server-view.ts';
import type { Subscriber } from './subscription.ts';
import { SubscriptionHub } from './subscription-hub.ts';
import type { TaskBook } from './task-book.ts';
import { TaskRequests } from './task-requests.ts';
import { type ToolBriefs, toolBrief } from './tool-brief.ts';

/** What a route consists of at run time. */
export interface RouteParts {
  readonly route: Route;
  readonly catalogue: Catalogue;
  readonly resolver: Resolver;
  readonly tasks: TaskRequests;
}

/** How the gateway introduces itself. `info` is the JSON bytes of `serverInfo` for routes over several upstreams. */
export interface GatewayOptions {
  readonly routes: readonly Route[];
  readonly info: Buffer;
  readonly clock: Clock;
  readonly random: Random;
  readonly emit: Emit;
  /** Calls that wait for a modern client's input; they outlive a reload. */
  readonly parks: Parks;
  /** The tasks of clients; they outlive a reload, too. */
  readonly tasks: TaskBook;
  /** Who may be asked outside of requests: it outlives a reload like the handles. */
  readonly asides: Asides;
  /** Where calls are written down that wait for a legacy client; undefined for a node that stands alone. */
  readonly records?: CallRecords | undefined;
  /** Where it is written down what servers are about to be asked. */
  readonly journal?: Journal | undefined;
  /** How long a client may take to answer a question. */
  readonly questions: { readonly ttlMs: number };
  /** Most principals' views kept. */
  readonly viewLimit: number;
}

/** The core: answers at the edge what needs no server and runs the rest on a handle. */
export class Gateway implements ExchangeHandler, EdgeFacts {
  readonly subscriptions: SubscriptionHub;
  readonly #routes = new Map<string, RouteParts>();
  readonly #views: ServerViews;
  readonly #parks: Parks;
  readonly #options: GatewayOptions;
  readonly #described = new WeakMap<KnownServer['server'], Map<string, RouteFacts>>();

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#parks = options.parks;
    this.#views = new ServerViews({ clock: options.clock, emit: options.emit, limit: options.viewLimit });
    for (const route of options.routes) {
      const catalogue = new Catalogue({ route, views: this.#views, clock: options.clock, emit: options.emit });
      this.#routes.set(route.path, {
        route,
        catalogue,
        resolver: new Resolver({ route, catalogue, views: this.#views }),
        tasks: new TaskRequests({ route, views: this.#views, book: options.tasks, clock: options.clock }),
      });
    }
    this.subscriptions = new SubscriptionHub({
      routes: this.#routes,
      views: this.#views,
      tasks: options.tasks,
      clock: options.clock,
      random: options.random,
      emit: options.emit,
    });
  }

  handle(exchange: Exchange, reply: Reply): (reason: string) => void {
    const run = this.#run(exchange, reply);
    const kind = exchange.traits?.list;
    if (kind !== undefined) this.#list(kind, exchange, run);
    else if (!this.#resume(exchange, run)) this.#forward(exchange, run);
    return (reason) => run.cancel(reason);
  }

  adopt(exchange: Exchange, reply: Reply, adopted: AdoptedCall): (reason: string) => void {
    const run = this.#run(exchange, reply);
    const { upstream, params: bytes } = adopted.call;
    const member = this.#routes.get(exchange.route)?.route.members.find((each) => each.upstream.name === upstream);
    const params = bytes === undefined ? undefined : scanObject(bytes);
    const name = params === undefined ? undefined : memberValue(params, 'name');
    // A reload may have taken the server, or the tool, away.
    const isServed =
      member !== undefined && !(exchange.method === 'tools/call' && member.disabledTools.has(String(name)));
    if (isServed) run.adopt({ members: [member], params, repeatable: false }, adopted);
    else run.fail(new GatewayError('upstream.unavailable'));
    return (reason) => run.cancel(reason);
  }

  nodeOf(request: Pick<Exchange, 'method' | 'params' | 'principal' | 'sessionId'>): string | undefined {
    const { method, params } = request;
    if (params === undefined) return undefined;
    if (!isTaskMethod(method)) return this.#parks.nodeOf(params);
    const name = memberValue(params, 'taskId');
    return typeof name === 'string' ? this.#options.tasks.nodeOf(request, name) : undefined;
  }

  async describe(subscriber: Subscriber): Promise<RouteFacts> {
    const { route } = this.#parts(subscriber.route);
    const { revision } = subscriber.client;
    const [alone, ...rest] = route.members;
    if (alone !== undefined && rest.length === 0) {
      const known = await this.#views.get(alone.upstream, subscriber.principal, alone).facts();
      return this.#describeOne(known, alone.crossTasks, revision);
    }
    const settled = await Promise.allSettled(
      route.members.map(async (member) => ({
        ...(await this.#views.get(member.upstream, subscriber.principal, member).facts()),
        crossTasks: member.crossTasks,
      })),
    );
    const known = settled.filter((result) => result.status === 'fulfilled').map((result) => result.value);
    const failure = settled.find((result) => result.status === 'rejected');
    if (known.length === 0 && failure !== undefined) throw failure.reason;
    return {
      info: this.#options.info,
      capabilities: mergeServerCapabilities(known.map((server) => capabilitiesFor(server, revision))),
      instructions: joinInstructions(route, settled),
    };
  }

  /** The same object for the same server and revision: who answers with it may keep what it made of it. */
  #describeOne(known: KnownServer, crossTasks: boolean, revision: Revision): RouteFacts {
    const { info, instructions } = known.server;
    const key = `${revision} ${known.revision} ${crossTasks}`;
    const described = this.#described.get(known.server) ?? new Map<string, RouteFacts>();
    const seen = described.get(key);
    if (seen !== undefined) return seen;
    const facts = { info, capabilities: capabilitiesFor({ ...known, crossTasks }, revision), instructions };
    this.#described.set(known.server, described.set(key, facts));
    return facts;
  }

  async tools(subscriber: Subscriber, most: number): Promise<ToolBriefs> {
    const { entries } = await this.#parts(subscriber.route).catalogue.list('tools', subscriber);
    return { tools: entries.slice(0, most).map(toolBrief), total: entries.length };
  }

  async lists(subscriber: Subscriber): Promise<readonly object[] | undefined> {
    const { catalogue, route } = this.#parts(subscriber.route);
    if (!route.members.every((member) => member.cached)) return undefined;
    return await Promise.all(LIST_KINDS.map((kind) => catalogue.list(kind, subscriber)));
  }

  paramHeaders(subscriber: Subscriber, tool: string): readonly ParamHeader[] | Promise<readonly ParamHeader[]> {
    return this.#routes.get(subscriber.route)?.catalogue.paramHeaders(subscriber, tool) ?? [];
  }

  close(): void {
    this.#views.close();
  }

  #run(exchange: Exchange, reply: Reply): ExchangeRun {
    const { clock, emit, random, parks, tasks, asides, questions, records, journal } = this.#options;
    const answerMs = questions.ttlMs;
    return new ExchangeRun({
      exchange,
      reply,
      clock,
      emit,
      random,
      views: this.#views,
      parks,
      tasks,
      asides,
      answerMs,
      records,
      journal,
    });
  }

  #list(kind: ListKind, exchange: Exchange, run: ExchangeRun): void {
    const isFirst = exchange.params === undefined || findMember(exchange.params, 'cursor') === undefined;
    const page = isFirst ? this.#routes.get(exchange.route)?.catalogue.ready(kind, exchange) : undefined;
    if (page === undefined) void this.#answerList(kind, exchange, run);
    else run.answerAtEdge(page);
  }

  async #answerList(kind: ListKind, exchange: Exchange, run: ExchangeRun): Promise<void> {
    try {
      const cursor = exchange.params === undefined ? undefined : memberValue(exchange.params, 'cursor');
      if (cursor !== undefined && typeof cursor !== 'string')
        throw new GatewayError('params.invalid', { message: 'The cursor must be a string.' });
      const { catalogue, route } = this.#parts(exchange.route);
      const result = await catalogue.page(kind, exchange, cursor, await this.#infoFor(route, exchange));
      run.answerAtEdge(result);
    } catch (error) {
      run.fail(toGatewayError(error));
    }
  }

  /** `serverInfo` for a list's envelope. */
  async #infoFor({ members }: Route, { client, principal }: Subscriber): Promise<Buffer> {
    const [only, ...others] = members;
    // A list of the legacy era does not say who it is from.
    if (only === undefined || others.length > 0 || eraOf(client.revision) === 'legacy') return this.#options.info;
    return (await this.#views.get(only.upstream, principal, only).facts()).server.info;
  }

  /** True when the request goes on with a parked call, or is refused as one that cannot. */
  #resume(exchange: Exchange, run: ExchangeRun): boolean {
    if (exchange.traits?.interactive !== true || eraOf(exchange.client.revision) !== 'modern') return false;
    const found = this.#parks.lookup(exchange);
    if (found.kind === 'foreign') return false;
    if (found.kind === 'refused') run.refuse(found.outcome);
    else run.resume(found.call, found.round, found.responses);
    return true;
  }

  #forward(exchange: Exchange, run: ExchangeRun): void {
    const fail = (error: unknown): void => run.fail(toGatewayError(error));
    try {
      const { resolver } = this.#parts(exchange.route);
      // Attack: a repeated member that we read one way and the server behind us another way would slip past naming and policy.
      if (exchange.params !== undefined && hasDuplicateKey(exchange.params, ADDRESSING)) {
        throw new GatewayError('params.invalid', { message: 'A member of params occurs twice.' });
      }
      if (isTaskMethod(exchange.method)) {
        this.#forwardTask(exchange, run).catch(fail);
        return;
      }
      const target = resolver.resolve(exchange.method, exchange.params, exchange.name, exchange);
      if (target instanceof Promise) target.then((resolved) => run.forward(resolved)).catch(fail);
      else run.forward(target);
    } catch (error) {
      fail(error);
    }
  }

  async #forwardTask(exchange: Exchange, run: ExchangeRun): Promise<void> {
    const { tasks } = this.#parts(exchange.route);
    if (exchange.method === 'tasks/list') return run.answerAtEdge(await tasks.list(exchange));
    const routed = await tasks.route(exchange);
    if ('role' in routed) return run.forward(routed.target, routed.role);
    const { upstream, answer } = routed;
    run.begin(upstream, () => {
      answer().then(
        (outcome) => run.answerFor(upstream, outcome),
        (error: unknown) => run.fail(toGatewayError(error)),
      );
    });
  }

  #parts(path: string): RouteParts {
    const parts = this.#routes.get(path);
    if (parts === undefined) throw new GatewayError('request.path');
    return parts;
  }
}

/** Members of params that decide what is asked of whom. */
const ADDRESSING: ReadonlySet<string> = new Set(['name', 'uri', 'ref', 'arguments', '_meta', 'cursor', 'taskId']);

const LIST_KINDS = Object.keys(LISTS) as readonly ListKind[];

function isTaskMethod(method: string): boolean {
  return method.startsWith('tasks/');
}

function capabilitiesFor(
  known: KnownServer & { readonly crossTasks: boolean },
  revision: Subscriber['client']['revision'],
): JsonObject {
  const { crossTasks } = known;
  return serverCapabilitiesFor(known.server.capabilities, known.revision, revision, { crossTasks });
}

function joinInstructions(route: Route, settled: readonly PromiseSettledResult<KnownServer>[]): string | undefined {
  const parts: string[] = [];
  for (const [index, result] of settled.entries()) {
    const text = result.status === 'fulfilled' ? result.value.server.instructions : undefined;
    if (text !== undefined) parts.push(`## ${route.members[index]?.upstream.name}\n\n${text}`);
  }
  return parts.length === 0 ? undefined : parts.join('\n\n');
}
