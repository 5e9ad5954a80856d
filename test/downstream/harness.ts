import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { EdgeFacts, RouteFacts } from '../../packages/breakwater/src/core/edge.ts';
import type { GatewayEvent } from '../../packages/breakwater/src/core/events.ts';
import type { Random } from '../../packages/breakwater/src/core/ports.ts';
import type { SessionVault } from '../../packages/breakwater/src/core/session-vault.ts';
import { type SessionLimits, Sessions } from '../../packages/breakwater/src/core/sessions.ts';
import type { Subscriber } from '../../packages/breakwater/src/core/subscription.ts';
import type { ToolBrief, ToolBriefs } from '../../packages/breakwater/src/core/tool-brief.ts';
import {
  DOWNSTREAM_DEFAULTS,
  type DownstreamDeps,
  type DownstreamOptions,
  type RouteOptions,
} from '../../packages/breakwater/src/downstream/options.ts';
import { createDownstream, type Downstream } from '../../packages/breakwater/src/downstream/server.ts';
import { compileParamHeaders, type ParamHeader } from '../../packages/breakwater/src/protocol/modern/param-headers.ts';
import { Ledger } from '../../packages/breakwater/src/telemetry/ledger.ts';
import { ManualClock } from './manual-clock.ts';
import { ScriptedHandler } from './scripted-handler.ts';
import { ScriptedSubscriptions } from './scripted-subscriptions.ts';

/** What a harness may be given beside its defaults. */
export interface HarnessInit {
  readonly routes?: readonly Partial<RouteOptions>[];
  readonly options?: Partial<DownstreamOptions>;
  readonly limits?: Partial<DownstreamOptions['limits']>;
  /** Session limits of the registry. */
  readonly perPrincipal?: number;
  readonly sessions?: Partial<SessionLimits>;
  /** A clock that several share. */
  readonly clock?: ManualClock;
  /** Makes it a node of a fleet. */
  readonly fleet?: (node: {
    readonly emit: (event: GatewayEvent) => void;
    readonly random: Random;
    readonly policy: () => SessionLimits;
  }) => Pick<DownstreamDeps, 'peers' | 'archive' | 'calls'> &
    Partial<Pick<DownstreamDeps, 'handler'>> & { readonly vault: SessionVault };
}

/** The facts the scripted edge tells; a test may replace members. */
export class ScriptedEdge implements EdgeFacts {
  facts: RouteFacts = {
    info: Buffer.from('{"name":"scripted","version":"1.0.0"}'),
    capabilities: { tools: { listChanged: true }, resources: { subscribe: true } },
    instructions: 'Be brief.',
  };
  /** The tools it lists for pages. */
  listed: readonly ToolBrief[] = [{ name: 'echo', title: undefined, description: 'Says it again.' }];
  failure: Error | undefined;
  /** When set, a description waits for it. */
  gate: Promise<void> | undefined;
  readonly schemas = new Map<string, Buffer>();

  async describe(_subscriber: Subscriber): Promise<RouteFacts> {
    await this.gate;
    if (this.failure !== undefined) throw this.failure;
    return this.facts;
  }

  async tools(_subscriber: Subscriber, most: number): Promise<ToolBriefs> {
    await this.gate;
    if (this.failure !== undefined) throw this.failure;
    return { tools: this.listed.slice(0, most), total: this.listed.length };
  }

  async lists(): Promise<undefined> {
    return undefined;
  }

  async paramHeaders(_subscriber: Subscriber, tool: string): Promise<readonly ParamHeader[]> {
    const compiled = compileParamHeaders(JSON.parse(String(this.schemas.get(tool) ?? '{}')));
    return compiled.ok ? compiled.value : [];
  }
}

/** A downstream side on a real socket, over scripted ports, under a clock that the test moves. */
export class Harness implements AsyncDisposable {
  readonly clock: ManualClock;
  readonly handler = new ScriptedHandler();
  readonly edge = new ScriptedEdge();
  readonly subscriptions = new ScriptedSubscriptions();
  readonly events: GatewayEvent[] = [];
  readonly ledger = new Ledger();
  readonly sessions: Sessions;
  downstream: Downstream;
  readonly server: Server;
  ready = true;
  readonly #make: (former?: Downstream) => Downstream;
  #base = '';
  #ids = 0;
  #waiting: { readonly matches: (event: GatewayEvent) => boolean; readonly resolve: (event: GatewayEvent) => void }[] =
    [];

  private constructor(init: HarnessInit) {
    const emit = (event: GatewayEvent): void => this.#record(event);
    const random = {
      id: () => `id${(++this.#ids).toString().padStart(6, '0')}-${Math.random().toString(36).slice(2)}`,
    };
    this.clock = init.clock ?? new ManualClock();
    const { vault, ...fleet } = init.fleet?.({ emit, random, policy: () => this.sessions.limits }) ?? {};
    this.sessions = new Sessions({
      vault,
      limits: {
        idleMs: 1_800_000,
        ephemeralIdleMs: 1_800_000,
        handshakeMs: 30_000,
        maxAgeMs: 86_400_000,
        routes: new Map(),
        clients: new Map(),
        perPrincipal: init.perPrincipal ?? 1_000,
        total: 10_000,
        ...init.sessions,
      },
      clock: this.clock,
      random,
      emit,
    });
    const routes = (init.routes ?? [{}]).map(
      (route): RouteOptions => ({
        path: '/mcp',
        handshake: 'lenient',
        sessionless: true,
        legacySse: true,
        rest: true,
        accommodations: {},
        ...route,
      }),
    );
    const options: DownstreamOptions = {
      ...DOWNSTREAM_DEFAULTS,
      routes,
      allowedHosts: ['localhost', '127.0.0.1', '[::1]'],
      allowedOrigins: ['http://localhost:*', 'https://app.example.com'],
      documentation: 'https://docs.example.com/mcp',
      principalOf: (request) => ({ key: String(request.headers['x-principal'] ?? 'anyone'), personal: true }),
      ...init.options,
      limits: { ...DOWNSTREAM_DEFAULTS.limits, ...init.limits },
    };
    this.#make = (former) =>
      createDownstream(
        options,
        {
          handler: this.handler,
          edge: this.edge,
          subscriptions: this.subscriptions,
          sessions: this.sessions,
          clock: this.clock,
          random,
          emit,
          ready: () => this.ready,
          ...fleet,
        },
        former,
      );
    this.downstream = this.#make();
    this.server = createServer({ maxHeaderSize: options.limits.headerBytes }, (req, res) =>
      this.downstream.handleRequest(req, res),
    );
    this.server.on('clientError', this.downstream.handleClientError);
  }

  /** Starts one on a free port. */
  static async start(init: HarnessInit = {}): Promise<Harness> {
    const harness = new Harness(init);
    await new Promise<void>((resolve) => harness.server.listen(0, '127.0.0.1', resolve));
    harness.#base = `http://127.0.0.1:${harness.port}`;
    return harness;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Puts a new downstream side in the place of the old one over the same sessions, as a configuration reload does. */
  async reload(): Promise<void> {
    const old = this.downstream;
    this.downstream = this.#make(old);
    await old.close();
  }

  /** The absolute URL of a path. */
  url(path = '/mcp'): string {
    return `${this.#base}${path}`;
  }

  /** How often an accommodation was counted. */
  used(id: string): number {
    return this.events.filter((event) => event.type === 'accommodation' && event.id === id).length;
  }

  /** The codes of all refusals so far. */
  get refusals(): string[] {
    return this.events.flatMap((event) => (event.type === 'refusal' ? [event.code] : []));
  }

  /** The reasons with which streams ended so far. */
  get streamEnds(): string[] {
    return this.events.flatMap((event) =>
      event.type === 'close' && event.resource === 'stream' ? [event.reason] : [],
    );
  }

  /** Resolves with the first event, past or future, that matches. */
  event(matches: (event: GatewayEvent) => boolean): Promise<GatewayEvent> {
    const past = this.events.find(matches);
    if (past !== undefined) return Promise.resolve(past);
    return new Promise((resolve) => this.#waiting.push({ matches, resolve }));
  }

  /** Resolves when a resource of this kind closed with this reason. */
  async closed(resource: string, reason: string): Promise<void> {
    await this.event((event) => event.type === 'close' && event.resource === resource && event.reason === reason);
  }

  /** Resolves when `holds` is true, looked at after every event. */
  async until(holds: () => boolean): Promise<void> {
    if (!holds()) await new Promise((resolve) => this.#waiting.push({ matches: holds, resolve }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.handler.finishAll();
    await this.sessions.endAll('test-over');
    const drained = this.downstream.close();
    this.server.closeAllConnections();
    this.server.close();
    await drained;
  }

  #record(event: GatewayEvent): void {
    this.events.push(event);
    this.ledger.record(event);
    this.sessions.record(event);
    const matching = this.#waiting.filter((waiter) => waiter.matches(event));
    this.#waiting = this.#waiting.filter((waiter) => !matching.includes(waiter));
    for (const waiter of matching) waiter.resolve(event);
  }
}
