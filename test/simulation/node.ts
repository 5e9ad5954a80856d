import { Asides } from '../../packages/breakwater/src/core/asides.ts';
import { GatewayError } from '../../packages/breakwater/src/core/errors.ts';
import type { GatewayEvent } from '../../packages/breakwater/src/core/events.ts';
import type { Ownership } from '../../packages/breakwater/src/core/fleet.ts';
import { Gateway } from '../../packages/breakwater/src/core/gateway.ts';
import { Parks } from '../../packages/breakwater/src/core/parks.ts';
import type { Clock, ExchangeHandler, Random } from '../../packages/breakwater/src/core/ports.ts';
import { Sessions } from '../../packages/breakwater/src/core/sessions.ts';
import type { Store } from '../../packages/breakwater/src/core/store.ts';
import { TaskBook } from '../../packages/breakwater/src/core/task-book.ts';
import { StoreArchive } from '../../packages/breakwater/src/fleet/event-archive.ts';
import { FleetClock } from '../../packages/breakwater/src/fleet/fleet-clock.ts';
import type { PeerStream } from '../../packages/breakwater/src/fleet/frame-link.ts';
import { HandleHost } from '../../packages/breakwater/src/fleet/handle-host.ts';
import { deriveKeys } from '../../packages/breakwater/src/fleet/keys.ts';
import { tagsOf } from '../../packages/breakwater/src/fleet/node.ts';
import { LeaseOwnership, leaseName } from '../../packages/breakwater/src/fleet/ownership.ts';
import { openRemoteHandle } from '../../packages/breakwater/src/fleet/remote-handle.ts';
import { FleetSessions } from '../../packages/breakwater/src/fleet/session-vault.ts';
import { untilSettled } from '../../packages/breakwater/src/until-settled.ts';
import type { OpenNeed } from '../../packages/breakwater/src/upstream/opener.ts';
import { HandlePool } from '../../packages/breakwater/src/upstream/pool.ts';
import type { History } from './history.ts';
import type { Network, Place } from './network.ts';
import type { Peer, Peers } from './peers.ts';
import { SeededRandom } from './random.ts';
import { ScriptedHandle, type ServerKind } from './servers.ts';
import { StoreClient } from './store-client.ts';
import type { StoreServer } from './store-server.ts';
import { SimProcess, type World } from './world.ts';

/** Parts of a node that a broken variant replaces, to show that the checker notices. */
export interface Sabotage {
  readonly store?: (store: Store, node: string) => Store;
  readonly ownership?: (ownership: Ownership, store: Store) => Ownership;
  readonly handler?: (handler: ExchangeHandler) => ExchangeHandler;
  /** Which of the questions that this node has asked is taken for the one that was answered. */
  readonly question?: (id: string, open: readonly string[]) => string | undefined;
  /** The epoch that the store gives a lease, of the one that it should. */
  readonly epoch?: (epoch: number) => number;
  /** Other bounds of sessions, where the fault shows only after a while. */
  readonly limits?: Partial<Record<'ephemeralIdleMs', number>>;
  /** What is not done when a node closes. */
  readonly skipsRelease?: boolean;
  /** A node that leaves looks for those who are away, and not for those it is serving. */
  readonly overlooksServed?: boolean;
}

/** What all nodes share. */
export interface FleetWorld {
  readonly world: World;
  readonly network: Network;
  readonly peers: Peers;
  readonly storeServer: StoreServer;
  readonly history: History;
  readonly sabotage: Sabotage;
}

export const LEASE_MS = 10_000;
const KINDS: readonly ServerKind[] = ['child', 'http', 'modern'];
const KEYS = deriveKeys(['the secret of a fleet that exists only in a simulation']);
const ANSWER_MS = 12_000;
const LINGER_MS = 2_000;
const DRAIN_MS = 8_000;

const SESSION_LIMITS = {
  perPrincipal: 100,
  total: 1_000,
  idleMs: 600_000,
  // Longer than any simulation: no client of one has to come back in time.
  ephemeralIdleMs: 300_000,
  handshakeMs: 15_000,
  maxAgeMs: 3_600_000,
  routes: new Map(),
  clients: new Map(),
} as const;

/** One gateway process: the production parts, wired as the app does it, on simulated time, network and store. */
export class SimNode implements Peer {
  readonly name: string;
  readonly place: Place;
  readonly process: SimProcess;
  readonly clock: Clock;
  readonly random: Random;
  readonly tags: ReturnType<typeof tagsOf>;
  readonly sessions: Sessions;
  readonly handler: ExchangeHandler;
  readonly archive: StoreArchive;
  readonly sabotage: Sabotage;
  isSilent = false;
  isClosed = false;
  /** It is being taken out of the fleet. */
  isLeaving = false;
  /** Its door lets nobody in. */
  isShut = false;
  /** Its door waits for what is being served. */
  inFlight = 0;
  readonly shared: FleetWorld;
  readonly #store: StoreClient;
  readonly #fleetClock: FleetClock;
  readonly #vault: FleetSessions;
  readonly #parks: Parks;
  readonly #tasks: TaskBook;
  readonly #gateway: Gateway;
  readonly #ownership: LeaseOwnership;
  readonly #host: HandleHost;
  readonly #pools = new Map<ServerKind, HandlePool>();
  readonly #handles = new Set<ScriptedHandle>();
  readonly #draws: SeededRandom;
  readonly #open = new Map<string, string>();

  constructor(shared: FleetWorld, place: Place, draws: SeededRandom) {
    this.shared = shared;
    this.#draws = draws;
    this.place = place;
    this.name = draws.word(10);
    this.process = new SimProcess(this.name);
    const { world, network, storeServer, history, peers, sabotage } = shared;
    this.sabotage = sabotage;
    this.random = { id: () => draws.word(22) };
    this.tags = tagsOf(this.name);
    this.#store = new StoreClient({ world, network, server: storeServer, history, process: this.process, place });
    const store = sabotage.store?.(this.#store, this.name) ?? this.#store;
    const emit = (event: GatewayEvent): void => this.#record(event);
    const steady = world.clockOf(this.process);
    const machine = machineOf(steady, this.name);
    this.#fleetClock = new FleetClock({ machine, steady: steady.now, store, emit });
    this.clock = this.#fleetClock;
    const { clock, random } = this;
    const common = { store, clock, random, emit, node: this.name };
    this.#vault = new FleetSessions({ ...common, ring: KEYS.sessions, policy: () => this.sessions.limits });
    this.sessions = new Sessions({
      limits: { ...SESSION_LIMITS, ...sabotage.limits },
      clock,
      random,
      emit,
      releaseHandles: (id) => this.#releaseHandles(id),
      vault: this.#vault,
    });
    this.archive = new StoreArchive({
      store,
      ring: KEYS.values,
      node: this.name,
      clock,
      limits: { events: 100, bytes: 1_000_000 },
      resumeMs: 300_000,
    });
    this.#ownership = new LeaseOwnership({
      ...common,
      clock: machine,
      leaseMs: LEASE_MS,
      borrow: async (owner, request, bounds) =>
        await openRemoteHandle(await peers.open(this, owner), clock, request, bounds),
    });
    this.#host = new HandleHost({
      clock,
      upstream: (name) => this.#upstreams.get(name),
      holds: (upstream, key) => this.#ownership.holds(upstream, key),
    });
    const ownership = sabotage.ownership?.(this.#ownership, this.#store) ?? this.#ownership;
    for (const kind of KINDS) this.#pools.set(kind, this.#makePool(kind, ownership));
    const parksAndTasks = { clock, keys: KEYS.states, node: this.name, emit };
    const limits = { perPrincipal: 32, total: 1_000, ttlMs: ANSWER_MS, keepMs: 15_000 };
    this.#parks = new Parks({ ...parksAndTasks, limits, random });
    this.#tasks = new TaskBook(parksAndTasks);
    this.#gateway = new Gateway({
      routes: [...this.#upstreams].map(([name, upstream]) => ({
        path: `/${name}`,
        members: [
          {
            upstream,
            prefix: '',
            cached: true,
            ttlMs: 60_000,
            crossTasks: false,
            disabledTools: new Set(),
            acquireTimeoutMs: 15_000,
            requestTimeoutMs: 20_000,
          },
        ],
      })),
      info: Buffer.from('{"name":"simulated","version":"1"}'),
      clock,
      random,
      emit,
      parks: this.#parks,
      tasks: this.#tasks,
      asides: new Asides({ clock, tasks: this.#tasks }),
      questions: { ttlMs: ANSWER_MS },
      viewLimit: 100,
    });
    this.handler = sabotage.handler?.(this.#gateway) ?? this.#gateway;
    peers.add(this);
  }

  /** Begins to hear the others. */
  async start(): Promise<void> {
    while (!this.isShut) {
      try {
        await this.#fleetClock.open();
        return await this.#vault.start();
      } catch {
        // The store is away; the real one starts anew, too.
        await this.pause(500);
      }
    }
  }

  accept(stream: PeerStream): void {
    this.#host.take(stream);
  }

  /** The process is gone, and everything in it. */
  kill(isSilent: boolean): void {
    this.isSilent = isSilent;
    this.process.kill();
    for (const handle of this.#handles) handle.orphan();
    this.shared.peers.died(this);
  }

  /** What `App.close` does, in its order. */
  async close(): Promise<void> {
    this.isLeaving = true;
    const limit = this.clock.now() + DRAIN_MS;
    await this.#within(DRAIN_MS, Promise.all([this.#idle(), this.#leaveFleet()]));
    if (this.clock.now() >= limit) this.shared.history.hasOverrun = true;
    this.isShut = true;
    this.#parks.close();
    this.#tasks.close();
    await this.#within(DRAIN_MS, this.sessions.endAll('drain'));
    this.#gateway.close();
    if (this.sabotage.skipsRelease !== true) await Promise.all([...this.#pools.values()].map((pool) => pool.close()));
    await this.#within(DRAIN_MS, this.#idle());
    await this.#within(DRAIN_MS, this.sessions.endAll('drain'));
    await this.#vault.close();
    this.#ownership.close();
    this.#host.close();
    this.#fleetClock.close();
    await this.#store.close();
    this.isClosed = true;
    this.shared.peers.died(this);
  }

  /** What was opened and not closed. */
  get unbalanced(): readonly string[] {
    return [...this.#open].map(([id, detail]) => `${id} ${detail}`);
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.clock.after(ms, resolve);
    });
  }

  async #leaveFleet(): Promise<void> {
    for (const pool of this.#pools.values()) pool.handOver();
    await Promise.all([this.#host.drain(), this.pause(LINGER_MS)]);
    await untilSettled({
      clock: this.clock,
      limitMs: DRAIN_MS,
      answered: async () => (this.sabotage.overlooksServed === true ? undefined : await this.#idle()),
      isAwaited: () => this.#parks.isAwaited,
    });
  }

  async #idle(): Promise<void> {
    while (this.inFlight > 0) await this.pause(50);
  }

  #within(limitMs: number, work: Promise<unknown>): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.clock.after(limitMs, resolve);
      work.then(() => resolve(), reject).finally(() => timer.clear());
    });
  }

  async #releaseHandles(sessionId: string): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.endSession(sessionId)));
  }

  get #upstreams() {
    return new Map(
      [...this.#pools].map(([name, pool]) => [
        name as string,
        {
          name,
          acquire: pool.acquire.bind(pool),
          endSession: (id: string) => pool.endSession(id),
          close: () => pool.close(),
        },
      ]),
    );
  }

  #makePool(kind: ServerKind, ownership: Ownership): HandlePool {
    const { clock, random } = this;
    const emit = (event: GatewayEvent): void => this.#record(event);
    return new HandlePool(
      {
        name: kind,
        isolation: 'auto',
        limits: { handles: 8, acquireTimeoutMs: 10_000, startTimeoutMs: 20_000 },
        idleMs: this.#draws.chance(0.3) ? 2_000 : 60_000,
        restart: { minDelayMs: 100, maxDelayMs: 5_000 },
      },
      {
        clock,
        random,
        emit,
        ownership,
        transport: () => (kind === 'child' ? 'duplex' : 'http'),
        jitter: () => this.#draws.next(),
        open: (need) => this.#openHandle(kind, need),
      },
    );
  }

  async #openHandle(kind: ServerKind, need: OpenNeed): Promise<ScriptedHandle> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = this.clock.after(this.#draws.between(5, kind === 'child' ? 120 : 20), resolve);
    need.signal.addEventListener('abort', () => {
      timer.clear();
      reject(new GatewayError('upstream.unavailable'));
    });
    await promise;
    const handle = new ScriptedHandle(
      kind,
      need,
      this.process,
      { ...this.shared, random: this.#draws },
      (key, call) => {
        this.#noteBegin(leaseName(kind, key), call);
      },
    );
    this.#handles.add(handle);
    handle.onEnd(() => this.#handles.delete(handle));
    return handle;
  }

  #noteBegin(lease: string, call: string): void {
    const { world, history, storeServer } = this.shared;
    const at = world.elapsed;
    const { name: node, isLeaving } = this;
    const sinceLoss = at - storeServer.lostAt;
    void storeServer.store.holder(lease).then((held) => {
      history.began({ at, lease, node, call, holder: held?.holder, isLeaving, sinceLoss });
    });
  }

  #record(event: GatewayEvent): void {
    this.shared.world.detail(() => `${this.name} ${JSON.stringify(event).replaceAll(/"[^"]{60,}"/g, '"…"')}`);
    this.sessions.record(event);
    if (event.type === 'open') this.#open.set(`${event.resource} ${event.id}`, event.detail);
    else if (event.type === 'close') this.#open.delete(`${event.resource} ${event.id}`);
    else if (event.type === 'notice' && event.level === 'error')
      this.shared.world.note(`${this.name} ${event.message} ${String(event.detail?.['error'])}`);
  }
}

/** One machine in three has a wrong clock. Drawn from its name, so that nothing else is drawn differently. */
function machineOf(clock: Clock, name: string): Clock {
  const draws = new SeededRandom(Number.parseInt(name.slice(0, 6), 36));
  const aheadMs = draws.chance(1 / 3) ? draws.between(-1_800_000, 1_800_000) : 0;
  return { now: () => clock.now() + aheadMs, after: clock.after };
}
