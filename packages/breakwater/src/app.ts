import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { describeForAudit } from './audit-log.ts';
import { systemClock, systemRandom } from './clock.ts';
import type { ResolvedUpstream as ConfiguredUpstream, ResolvedConfig } from './config/secrets.ts';
import { Asides } from './core/asides.ts';
import type { Emit, GatewayEvent } from './core/events.ts';
import type { Forwarded } from './core/fleet.ts';
import { Gateway } from './core/gateway.ts';
import { Parks } from './core/parks.ts';
import type { Clock, Principal, Upstream } from './core/ports.ts';
import { freshKeyRing } from './core/seal.ts';
import { Sessions } from './core/sessions.ts';
import { taskNews } from './core/subscription.ts';
import { TaskBook } from './core/task-book.ts';
import { directConnection } from './downstream/connection.ts';
import { DOWNSTREAM_DEFAULTS, type DownstreamDeps } from './downstream/options.ts';
import { createDownstream, type Downstream } from './downstream/server.ts';
import { trustProxies } from './downstream/trusted-proxies.ts';
import type { StoreCallRecords } from './fleet/call-records.ts';
import type { FleetStatus } from './fleet/fleet.ts';
import type { FleetSessions } from './fleet/session-vault.ts';
import {
  isSame,
  makeRoute,
  overloadLimits,
  parkLimits,
  type RunningUpstream,
  sessionLimits,
  upstreamOptions,
} from './from-config.ts';
import type { MemberDeps, Membership } from './join-fleet.ts';
import { encodeJson } from './jsonrpc/raw.ts';
import { type LoadReading, OverloadGuard } from './overload.ts';
import type { AuditLog, AuditStatus } from './telemetry/audit.ts';
import { Counters, type CounterValues } from './telemetry/counters.ts';
import { Metrics } from './telemetry/metrics.ts';
import { untilSettled } from './until-settled.ts';
import type { PoolStatus } from './upstream/pool-options.ts';
import { createUpstream, type WatchedUpstream } from './upstream/upstream.ts';
import { VERSION } from './version.ts';
import { type Connection, type ForwardedOptions, readCaller } from './wire/forwarded.ts';
import type { WorkerSeat } from './worker-seat.ts';

/** Where a person reads how to use an endpoint. */
const DOCUMENTATION = 'https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http';
/** Most principals whose view of an upstream is kept. */
const VIEW_LIMIT = 10_000;

/** How long a node that leaves its fleet answers on connections that are still open: balancers keep some, and learn from its answers. */
const LINGER_MS = 2_000;

/** How long the end waits for clients to take the last bytes of their streams, and how often it looks. */
const LAST_BYTES_MS = 2_000;
const LAST_BYTES_POLL_MS = 5;

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
  /** Set for one of several workers. */
  readonly seat?: WorkerSeat | undefined;
}

/** How an {@link App} is doing. */
interface AppStatus {
  readonly version: string;
  readonly counters: CounterValues;
  readonly upstreams: Readonly<Record<string, PoolStatus>>;
  readonly load: LoadReading & { readonly overloaded: boolean };
  /** Absent for a node that stands alone. */
  readonly fleet?: FleetStatus & { readonly store: { readonly up: boolean } };
  /** Absent without an audit log. */
  readonly audit?: AuditStatus;
}

/** One configuration at work. A reload makes a new one and lets the old one finish. */
interface Generation {
  readonly gateway: Gateway;
  readonly downstream: Downstream;
  readonly upstreams: ReadonlyMap<string, RunningUpstream>;
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
  readonly #records: StoreCallRecords | undefined;
  readonly #options: AppOptions;
  /** This machine's, or that of the fleet. */
  readonly #clock: Clock;
  readonly #guard: OverloadGuard;
  /** Every upstream that may still hold something, also those of an earlier configuration. */
  readonly #upstreams = new Set<Upstream>();
  readonly #membership: Membership | undefined;
  readonly #vault: FleetSessions | undefined;
  /** Former configurations whose last work is not done. */
  readonly #finishing = new Map<Generation, Promise<void>>();
  #drainMs: number;
  #generation: Generation;
  #draining = false;

  /**
   * Wires the gateway, as a node of a fleet where the configuration says so. Rejects when the store or the peer port cannot be had; then nothing is left
   * open, the audit log included.
   */
  static async open(options: AppOptions): Promise<App> {
    try {
      return await App.#join(options);
    } catch (error) {
      await options.audit?.close();
      throw error;
    }
  }

  static async #join(options: AppOptions): Promise<App> {
    let app: App | undefined;
    const membership = await joinFleet(options, {
      emit: (event) => (app === undefined ? options.onEvent(event) : app.#emit(event)),
      upstream: (name) => (app === undefined ? undefined : app.#generation.upstreams.get(name)?.upstream),
      onForwarded: (request, response) => {
        if (app === undefined) response.writeHead(503).end();
        else app.handle(request, response);
      },
    });
    try {
      app = new App(options, membership);
      await app.#vault?.start();
      return app;
    } catch (error) {
      // Half a node would hold its ports and its name in the fleet, and keep the process from ending.
      if (app !== undefined) await app.#abandon();
      await membership?.close();
      throw error;
    }
  }

  /** Releases what it has before it ever served. */
  async #abandon(): Promise<void> {
    for (const upstream of this.#upstreams) await upstream.close();
    this.#generation.gateway.close();
    this.#parks.close();
    this.#tasks.close();
    this.#guard.close();
  }

  private constructor(options: AppOptions, membership: Membership | undefined) {
    this.#options = options;
    this.#membership = membership;
    this.#clock = membership?.clock ?? systemClock;
    // Nobody can ask for them without the admin port.
    this.#metrics = options.config.admin === undefined ? undefined : new Metrics(systemClock);
    this.#emit = (event) => {
      this.#counters.record(event);
      this.#metrics?.record(event);
      options.audit?.record(event);
      // A session with upstream handles of its own stays on their node.
      if (membership !== undefined) this.#sessions.record(event);
      options.onEvent(event);
    };
    this.#vault = membership?.openVault({ emit: this.#emit, policy: () => this.#sessions.limits });
    this.#sessions = new Sessions({
      limits: sessionLimits(options.config),
      clock: this.#clock,
      random: systemRandom,
      emit: this.#emit,
      releaseHandles: (sessionId) => this.#releaseHandles(sessionId),
      vault: this.#vault,
    });
    this.#guard = new OverloadGuard(overloadLimits(options.config));
    this.#drainMs = options.config.timeouts.drainMs;
    // In a fleet any node opens what any other sealed, and learns from it where to go on.
    const keys = membership?.fleet.keys.states ?? freshKeyRing();
    const node = membership?.fleet.tags.node;
    const common = { clock: this.#clock, keys, node, emit: this.#emit };
    this.#parks = new Parks({ ...common, limits: parkLimits(options.config), random: systemRandom });
    this.#tasks = new TaskBook({
      ...common,
      tellElsewhere: (sessionId, change) => {
        const news = taskNews(change);
        if (news !== undefined) this.#vault?.pass(sessionId, news);
      },
    });
    this.#records = membership?.records;
    this.#asides = new Asides({ clock: this.#clock, tasks: this.#tasks });
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

  /** Counters, upstreams by name, load, and this node in its fleet, for the admin port. */
  get status(): AppStatus {
    const upstreams = [...this.#generation.upstreams].map(([name, { upstream }]) => [name, upstream.status] as const);
    return {
      version: VERSION,
      counters: this.counters,
      upstreams: Object.fromEntries(upstreams),
      load: { ...this.#guard.reading, overloaded: this.#guard.isOverloaded },
      ...(this.#membership && {
        fleet: { ...this.#membership.fleet.status, store: { up: this.#membership.store.isUp } },
      }),
      ...(this.#options.audit && { audit: this.#options.audit.status }),
    };
  }

  /** Prometheus metrics in the text format; empty without an admin port. */
  get metrics(): string {
    const { counters, upstreams, load, fleet: node, audit } = this.status;
    const { open, orphans } = counters;
    const fleet = node && { ...node, ...counters.fleet, isStoreUp: node.store.up };
    const states = Object.entries(upstreams).map(([name, status]) => ({ name, ...status }));
    return this.#metrics?.render({ version: VERSION, open, orphans, upstreams: states, fleet, audit, ...load }) ?? '';
  }

  /**
   * Puts a new configuration to work, and resolves when it is. Upstreams whose definition did not change keep running; the others finish what they
   * have, however long that takes, and end. Sessions live on.
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
    const served = new Set(config.routes.map((route) => route.path));
    await this.#sessions.endAll('route-removed', (session) => !served.has(session.route));
    const finished = this.#finish(old).catch((error: unknown) => {
      const message = 'Something of the former configuration did not end cleanly.';
      this.#emit({ type: 'notice', level: 'warn', message, detail: { error } });
    });
    this.#finishing.set(old, finished);
  }

  /** Lets the work of a former configuration end, and then what only that one had. */
  async #finish(old: Generation): Promise<void> {
    try {
      await old.downstream.close();
    } finally {
      old.gateway.close();
      this.#finishing.delete(old);
      const others = [this.#generation, ...this.#finishing.keys()];
      const kept = new Set(others.flatMap(({ upstreams }) => [...upstreams.values()].map(({ upstream }) => upstream)));
      const gone = [...old.upstreams.values()].filter(({ upstream }) => !kept.has(upstream));
      await Promise.all(gone.map(({ upstream }) => this.#closeUpstream(upstream)));
    }
  }

  /** Cuts every event stream, also those of former configurations. */
  cut(): void {
    this.#generation.downstream.cut();
  }

  /** Stops taking work, lets exchanges finish, and releases everything. */
  async close(): Promise<void> {
    this.#draining = true;
    const { downstream, gateway } = this.#generation;
    const drained = Promise.all([downstream.close(), ...this.#finishing.values()]);
    await withinTime(this.#drainMs, Promise.all([drained, this.#leaveFleet()]));
    this.#parks.close();
    this.#tasks.close();
    // A server that does not answer must not keep its sessions, and they must not keep it.
    const ended = this.#sessions.endAll('drain');
    await withinTime(this.#drainMs, ended);
    gateway.close();
    // What is still running now ends with its upstream, and is answered with that.
    await Promise.all([...this.#upstreams].map((upstream) => this.#closeUpstream(upstream)));
    await withinTime(this.#drainMs, Promise.all([drained, ended]));
    // What was let in at the last moment may have brought a session of the fleet here again.
    await withinTime(this.#drainMs, this.#sessions.endAll('drain'));
    await this.#lastBytes();
    this.#guard.close();
    // After the upstreams, which give their leases back.
    await this.#vault?.close();
    await this.#membership?.close();
    await this.#options.audit?.close();
  }

  // A stream is over when its last bytes are gone, which is a moment after its client may have read them.
  async #lastBytes(): Promise<void> {
    const limit = systemClock.now() + LAST_BYTES_MS;
    while (this.counters.open.stream > 0 && systemClock.now() < limit) await pause(LAST_BYTES_POLL_MS);
  }

  /** Other nodes take over what exists once, and balancers find out that this one goes; resolves when no other node waits for a call here. */
  async #leaveFleet(): Promise<void> {
    if (this.#membership === undefined) return;
    for (const { upstream } of this.#generation.upstreams.values()) upstream.handOver();
    await Promise.all([this.#membership.fleet.drain(), pause(LINGER_MS)]);
    // Clients that are away with a question come back by way of the other nodes, and what a balancer let through meanwhile is owed its answer, too.
    const { downstream } = this.#generation;
    await untilSettled({
      clock: systemClock,
      limitMs: this.#drainMs,
      answered: () => downstream.close(),
      isAwaited: () => this.#parks.isAwaited,
    });
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
      clock: this.#clock,
      random: systemRandom,
      emit: this.#emit,
      parks: this.#parks,
      tasks: this.#tasks,
      asides: this.#asides,
      records: this.#records,
      journal: this.#options.audit,
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
        callerOf: (request) => {
          const forwarded = this.#forwarded(request);
          if (forwarded === undefined) return readCaller(connectionOf(request), request.headers, proxies);
          // The node that has the client's connection has judged how it came; what it answers must read as if that node had.
          const { remoteAddress, protocol, host } = forwarded;
          return { address: remoteAddress === '' ? undefined : remoteAddress, protocol, host, httpsPort: undefined };
        },
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
        principalOf: (request) => this.#forwarded(request)?.principal ?? this.#options.principalOf(request),
      },
      {
        handler: gateway,
        edge: gateway,
        subscriptions: gateway.subscriptions,
        sessions: this.#sessions,
        clock: this.#clock,
        random: systemRandom,
        emit: this.#emit,
        ...this.#fleetDeps(config),
        ready: () => !this.#draining && this.#isRecording,
        journal: this.#options.audit,
        overloaded: () => this.#guard.isOverloaded,
      },
      former,
    );
    return { gateway, downstream, upstreams };
  }

  get #isRecording(): boolean {
    return this.#options.audit?.isOpen !== false;
  }

  #forwarded(request: IncomingMessage): Forwarded | undefined {
    return this.#membership?.fleet.forwardedOf(request);
  }

  #fleetDeps({ limits }: ResolvedConfig): Pick<DownstreamDeps, 'peers' | 'archive' | 'calls'> {
    if (this.#membership === undefined) return {};
    const { fleet } = this.#membership;
    return {
      peers: {
        tags: fleet.tags,
        forward: fleet.forward,
        wasForwarded: (request) => fleet.forwardedOf(request) !== undefined,
        isEntered: fleet.isEntered,
        isUnsettled: fleet.isUnsettled,
      },
      calls: this.#records,
      archive: this.#membership.openArchive({
        limits: { events: limits.eventLogEvents, bytes: limits.eventLogBytes },
        resumeMs: DOWNSTREAM_DEFAULTS.resumeMs,
      }),
    };
  }

  #createUpstream(name: string, configured: ConfiguredUpstream, config: ResolvedConfig): WatchedUpstream {
    const upstream = createUpstream(upstreamOptions(name, configured, config), {
      clock: this.#clock,
      random: systemRandom,
      emit: this.#emit,
      version: VERSION,
      ownership: this.#membership?.fleet.ownership,
      sessions: this.#membership?.fleet.sessions,
      log: (level, message, detail) =>
        this.#options.onEvent({ type: 'notice', level, message, detail: { upstream: name, ...detail } }),
    });
    this.#upstreams.add(upstream);
    return upstream;
  }
}

/** A node that stands alone, as most do, never loads what a fleet needs. */
async function joinFleet({ config, seat }: AppOptions, deps: MemberDeps): Promise<Membership | undefined> {
  if (config.fleet === undefined && seat === undefined) return undefined;
  const fleet = await import('./join-fleet.ts');
  return await fleet.joinFleet(config, seat, deps);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Resolves with the work, or when the time is over. */
function withinTime(limitMs: number, work: Promise<unknown>): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, limitMs);
    work.then(() => resolve(), reject).finally(() => clearTimeout(timer));
  });
}
