import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { describeForAudit } from './audit-log.ts';
import { systemClock, systemRandom } from './clock.ts';
import type { Config } from './config/schema.ts';
import type { ResolvedUpstream as ConfiguredUpstream, ResolvedConfig } from './config/secrets.ts';
import { Asides } from './core/asides.ts';
import type { Emit, GatewayEvent } from './core/events.ts';
import { Gateway } from './core/gateway.ts';
import { type ParkLimits, Parks } from './core/parks.ts';
import type { Principal, Upstream } from './core/ports.ts';
import type { Route, RouteMember } from './core/route.ts';
import { freshKeyRing } from './core/seal.ts';
import { type SessionLimits, Sessions } from './core/sessions.ts';
import { TaskBook } from './core/task-book.ts';
import { directConnection } from './downstream/connection.ts';
import { DOWNSTREAM_DEFAULTS } from './downstream/options.ts';
import { createDownstream, type Downstream } from './downstream/server.ts';
import { trustProxies } from './downstream/trusted-proxies.ts';
import { encodeJson } from './jsonrpc/raw.ts';
import { type LoadReading, OverloadGuard, type OverloadLimits } from './overload.ts';
import type { AuditLog } from './telemetry/audit.ts';
import { Counters, type CounterValues } from './telemetry/counters.ts';
import { Metrics } from './telemetry/metrics.ts';
import type { ResolvedUpstream } from './upstream/options.ts';
import type { PoolStatus } from './upstream/pool.ts';
import { createUpstream, type WatchedUpstream } from './upstream/upstream.ts';
import { VERSION } from './version.ts';
import { type Connection, type ForwardedOptions, readCaller } from './wire/forwarded.ts';

/** Where a person reads how to use an endpoint. */
const DOCUMENTATION = 'https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http';
/** How long a server may be silent on the era probe before it counts as legacy (eras.md §3.5). */
const PROBE_TIMEOUT_MS = 4_000;
/** Most principals whose view of an upstream is kept. */
const VIEW_LIMIT = 10_000;

/** Calls held open while a modern client gathers input (eras.md §2.5). */
const PARK_LIMITS = { perPrincipal: 32, total: 1_000, keepMs: 300_000 } as const;

/** What an {@link App} is given beside its configuration. */
export interface AppOptions {
  readonly config: ResolvedConfig;
  /** Says who sends a request; must not throw. */
  readonly principalOf: (request: IncomingMessage) => Principal;
  /** Says how a request came in, where the socket alone does not; must not throw. */
  readonly connectionOf?: (request: IncomingMessage) => Connection;
  /** Gets every event after the app's own folds. Must not throw. */
  readonly onEvent: (event: GatewayEvent) => void;
  /** Records what happens; closed with the app. */
  readonly audit?: AuditLog | undefined;
}

/** One configuration at work. A reload makes a new one and lets the old one finish. */
interface Generation {
  readonly gateway: Gateway;
  readonly downstream: Downstream;
  readonly upstreams: ReadonlyMap<string, RunningUpstream>;
}

interface RunningUpstream {
  readonly configured: ConfiguredUpstream;
  readonly upstream: WatchedUpstream;
}

/** The wired gateway: everything but the listening socket. */
export class App {
  readonly #counters = new Counters();
  readonly #metrics: Metrics | undefined;
  readonly #emit: Emit;
  readonly #sessions: Sessions;
  readonly #parks: Parks;
  readonly #tasks: TaskBook;
  readonly #asides: Asides;
  readonly #options: AppOptions;
  readonly #guard: OverloadGuard;
  /** Every upstream that may still hold something, also those of an earlier configuration. */
  readonly #upstreams = new Set<Upstream>();
  #drainMs: number;
  #generation: Generation;
  #draining = false;

  constructor(options: AppOptions) {
    this.#options = options;
    // Nobody can ask for them without the admin port.
    this.#metrics = options.config.admin === undefined ? undefined : new Metrics(systemClock);
    this.#emit = (event) => {
      this.#counters.record(event);
      this.#metrics?.record(event);
      options.audit?.record(event);
      options.onEvent(event);
    };
    this.#sessions = new Sessions({
      limits: sessionLimits(options.config),
      clock: systemClock,
      random: systemRandom,
      emit: this.#emit,
      releaseHandles: (sessionId) => this.#releaseHandles(sessionId),
    });
    this.#guard = new OverloadGuard(overloadLimits(options.config));
    this.#drainMs = options.config.timeouts.drainMs;
    this.#parks = new Parks({
      limits: parkLimits(options.config),
      clock: systemClock,
      random: systemRandom,
      keys: freshKeyRing(),
      emit: this.#emit,
    });
    this.#tasks = new TaskBook({ clock: systemClock, keys: freshKeyRing(), emit: this.#emit });
    this.#asides = new Asides({ clock: systemClock, tasks: this.#tasks });
    this.#generation = this.#generate(options.config, new Map());
    options.audit?.configured(describeForAudit(options.config));
  }

  /** Serves one request. `next` is called for a path that belongs to nobody here. */
  handle(request: IncomingMessage, response: ServerResponse, next?: () => void): void {
    this.#generation.downstream.handleRequest(request, response, next);
  }

  /** Answers bytes that are no HTTP request; a listener for `clientError`. */
  handleClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
    this.#generation.downstream.handleClientError(error, socket);
  }

  /** What was counted since the start. */
  get counters(): CounterValues {
    return this.#counters.values;
  }

  /** Counters, upstreams by name, and load, for the admin port. */
  get status(): {
    readonly version: string;
    readonly counters: CounterValues;
    readonly upstreams: Readonly<Record<string, PoolStatus>>;
    readonly load: LoadReading & { readonly overloaded: boolean };
  } {
    const upstreams = [...this.#generation.upstreams].map(([name, { upstream }]) => [name, upstream.status] as const);
    return {
      version: VERSION,
      counters: this.counters,
      upstreams: Object.fromEntries(upstreams),
      load: { ...this.#guard.reading, overloaded: this.#guard.isOverloaded },
    };
  }

  /** Prometheus metrics in the text format; empty without an admin port. */
  get metrics(): string {
    const { counters, upstreams, load } = this.status;
    const { open, orphans } = counters;
    const states = Object.entries(upstreams).map(([name, status]) => ({ name, ...status }));
    return this.#metrics?.render({ version: VERSION, open, orphans, upstreams: states, ...load }) ?? '';
  }

  /**
   * Puts a new configuration to work. Upstreams whose definition did not change keep running; the others finish what they have and
   * end. Sessions live on.
   */
  async reload(config: ResolvedConfig): Promise<void> {
    const old = this.#generation;
    this.#sessions.limits = sessionLimits(config);
    this.#guard.limits = overloadLimits(config);
    this.#drainMs = config.timeouts.drainMs;
    this.#parks.limits = parkLimits(config);
    this.#generation = this.#generate(config, old.upstreams, old.downstream);
    this.#options.audit?.configured(describeForAudit(config));
    if (JSON.stringify(config.audit) !== JSON.stringify(this.#options.config.audit)) {
      const message = 'The changed "audit" settings are at work from the next start on.';
      this.#emit({ type: 'notice', level: 'warn', message });
    }
    const kept = new Set([...this.#generation.upstreams.values()].map(({ upstream }) => upstream));
    const served = new Set(config.routes.map((route) => route.path));
    await this.#sessions.endAll('route-removed', (session) => !served.has(session.route));
    await old.downstream.close();
    old.gateway.close();
    const gone = [...old.upstreams.values()].filter(({ upstream }) => !kept.has(upstream));
    await Promise.all(gone.map(({ upstream }) => this.#closeUpstream(upstream)));
  }

  /** Stops taking work, lets exchanges finish, and releases everything. */
  async close(): Promise<void> {
    this.#draining = true;
    const { downstream, gateway } = this.#generation;
    const drained = downstream.close();
    await withinTime(this.#drainMs, drained);
    this.#parks.close();
    this.#tasks.close();
    // A server that does not answer must not keep its sessions, and they must not keep it.
    const ended = this.#sessions.endAll('drain');
    await withinTime(this.#drainMs, ended);
    gateway.close();
    // What is still running now ends with its upstream, and is answered with that.
    await Promise.all([...this.#upstreams].map((upstream) => this.#closeUpstream(upstream)));
    await withinTime(this.#drainMs, Promise.all([drained, ended]));
    this.#guard.close();
    await this.#options.audit?.close();
  }

  async #closeUpstream(upstream: Upstream): Promise<void> {
    await upstream.close();
    this.#upstreams.delete(upstream);
  }

  async #releaseHandles(sessionId: string): Promise<void> {
    const endings = [...this.#upstreams].map((upstream) => upstream.endSession(sessionId));
    for (const ending of await Promise.allSettled(endings)) {
      if (ending.status === 'fulfilled') continue;
      const message = 'An upstream session did not end cleanly.';
      this.#emit({ type: 'notice', level: 'warn', message, detail: { error: ending.reason } });
    }
  }

  #generate(config: ResolvedConfig, running: ReadonlyMap<string, RunningUpstream>, former?: Downstream): Generation {
    const upstreams = new Map<string, RunningUpstream>();
    for (const [name, configured] of Object.entries(config.upstreams)) {
      const known = running.get(name);
      const upstream =
        known !== undefined && isSame(known.configured, configured)
          ? known.upstream
          : this.#createUpstream(name, configured, config);
      upstreams.set(name, { configured, upstream });
    }
    const gateway = new Gateway({
      routes: config.routes.map((route) => makeRoute(route, upstreams)),
      info: encodeJson({ name: 'breakwater', title: 'Breakwater', version: VERSION }),
      clock: systemClock,
      random: systemRandom,
      emit: this.#emit,
      parks: this.#parks,
      tasks: this.#tasks,
      asides: this.#asides,
      questions: { ttlMs: config.timeouts.answerMs },
      viewLimit: VIEW_LIMIT,
    });
    const connectionOf = this.#options.connectionOf ?? directConnection;
    const proxies: ForwardedOptions = {
      family: config.forwardedHeaders,
      isTrusted: trustProxies(config.trustedProxies),
    };
    const downstream = createDownstream(
      {
        ...DOWNSTREAM_DEFAULTS,
        routes: config.routes,
        publicUrl: config.publicUrl,
        httpsOnly: config.listen.httpsOnly,
        callerOf: (request) => readCaller(connectionOf(request), request.headers, proxies),
        allowedHosts: config.allowedHosts,
        allowedOrigins: config.allowedOrigins,
        limits: config.limits,
        commitMs: config.timeouts.commitMs,
        heartbeatMs: config.timeouts.heartbeatMs,
        readMs: config.timeouts.readMs,
        writeMs: config.timeouts.writeMs,
        nodeStreamBytes: config.limits.nodeStreamBytes,
        documentation: DOCUMENTATION,
        discovery: { ...config.discovery, version: VERSION },
        principalOf: this.#options.principalOf,
      },
      {
        handler: gateway,
        edge: gateway,
        subscriptions: gateway.subscriptions,
        sessions: this.#sessions,
        clock: systemClock,
        random: systemRandom,
        emit: this.#emit,
        ready: () => !this.#draining,
        overloaded: () => this.#guard.isOverloaded,
      },
      former,
    );
    return { gateway, downstream, upstreams };
  }

  #createUpstream(name: string, configured: ConfiguredUpstream, config: ResolvedConfig): WatchedUpstream {
    const upstream = createUpstream(upstreamOptions(name, configured, config), {
      clock: systemClock,
      random: systemRandom,
      emit: this.#emit,
      version: VERSION,
      log: (level, message, detail) =>
        this.#options.onEvent({ type: 'notice', level, message, detail: { upstream: name, ...detail } }),
    });
    this.#upstreams.add(upstream);
    return upstream;
  }
}

/** Resolves with the work, or when the time is over. */
function withinTime(limitMs: number, work: Promise<unknown>): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, limitMs);
    work.then(() => resolve(), reject).finally(() => clearTimeout(timer));
  });
}

function overloadLimits({ limits }: ResolvedConfig): OverloadLimits {
  return { eventLoopDelayMs: limits.eventLoopDelayMs, rssBytes: limits.rssBytes };
}

function sessionLimits(config: ResolvedConfig): SessionLimits {
  const { clients, ...times } = config.sessions;
  return {
    ...times,
    clients: new Map(Object.entries(clients)),
    routes: new Map(config.routes.flatMap(({ path, sessions }) => (sessions === undefined ? [] : [[path, sessions]]))),
    perPrincipal: config.limits.sessionsPerPrincipal,
    total: config.limits.sessions,
  };
}

function parkLimits({ timeouts }: ResolvedConfig): ParkLimits {
  return { ...PARK_LIMITS, ttlMs: timeouts.answerMs };
}

// Compared as JSON: plain data after secrets are resolved, but for a factory, which JSON leaves out and which is only equal to itself.
function isSame(a: ConfiguredUpstream, b: ConfiguredUpstream): boolean {
  return factoryOf(a) === factoryOf(b) && JSON.stringify(a) === JSON.stringify(b);
}

function factoryOf(configured: ConfiguredUpstream): unknown {
  return configured.kind === 'in-process' ? configured.factory : undefined;
}

function makeRoute(route: Config['routes'][number], upstreams: ReadonlyMap<string, RunningUpstream>): Route {
  const members: RouteMember[] = [];
  for (const name of route.upstreams) {
    const running = upstreams.get(name);
    if (running === undefined) continue;
    const { configured, upstream } = running;
    const isAlone = route.upstreams.length === 1;
    members.push({
      upstream,
      prefix: configured.prefix === false ? '' : (configured.prefix ?? (isAlone ? '' : name)),
      cached: configured.cache.enabled,
      ttlMs: configured.cache.ttlMs,
      crossTasks: configured.tasks.cross,
      disabledTools: new Set(configured.disabledTools),
      acquireTimeoutMs: configured.limits.startTimeoutMs,
      requestTimeoutMs: configured.limits.requestTimeoutMs,
    });
  }
  return { path: route.path, members };
}

function upstreamOptions(name: string, configured: ConfiguredUpstream, config: ResolvedConfig): ResolvedUpstream {
  const { era, isolation, limits, interactiveConcurrency } = configured;
  const common = {
    name,
    era,
    isolation,
    limits: {
      handles: limits.handles,
      acquireTimeoutMs: limits.acquireTimeoutMs,
      startTimeoutMs: limits.startTimeoutMs,
      memoryBytes: limits.memoryBytes,
    },
    probeTimeoutMs: PROBE_TIMEOUT_MS,
    idleMs: limits.idleTimeoutMs,
    restart:
      configured.kind === 'stdio' ? configured.restart : { minDelayMs: 250, maxDelayMs: 30_000, failFastAfter: 5 },
    maxMessageBytes: configured.kind === 'stdio' ? configured.maxLineBytes : config.limits.resultBytes,
    ...(interactiveConcurrency !== undefined && { interactiveConcurrency }),
  };
  switch (configured.kind) {
    case 'stdio': {
      const { command, args, env, cwd } = configured;
      return { ...common, kind: 'stdio', command, args, env, ...(cwd !== undefined && { cwd }) };
    }
    case 'remote': {
      const { url, transport, headers } = configured;
      return { ...common, kind: 'http', url, transport, headers };
    }
    case 'in-process':
      return { ...common, kind: 'in-process', factory: configured.factory };
  }
}
