import { Balancer } from './balancer.ts';
import { check, mayLoseSessions } from './check.ts';
import { type ClientDeps, LegacyClient, ModernClient } from './clients.ts';
import { drawFaults, type Fault, type FaultPlan, placeOf, SLOTS } from './faults.ts';
import { History } from './history.ts';
import { Network } from './network.ts';
import { type FleetWorld, LEASE_MS, type Sabotage, SimNode } from './node.ts';
import { Peers } from './peers.ts';
import { SeededRandom } from './random.ts';
import type { ServerKind } from './servers.ts';
import { StoreServer } from './store-server.ts';
import { World } from './world.ts';

/** What one run found. */
export interface Run {
  readonly seed: number;
  /** What must never be; empty when all is well. */
  readonly faults: readonly string[];
  /** What happened, line by line. */
  readonly trace: readonly string[];
  readonly calls: number;
  readonly ok: number;
  readonly steps: number;
}

/** From here on nothing goes wrong any more. */
const CHAOS_MS = 24_000;
/** When clients begin nothing any more. */
const CALLS_MS = 27_000;
/** When every call must have ended. */
const PATIENCE_MS = 160_000;
const CLOSING_MS = 60_000;
/** How long the balancer takes to find out that a node stands still. */
const NOTICED_MS = 3_000;
const NEWS_MS = 1_000;
// What exists once is what goes wrong.
const KINDS: readonly ServerKind[] = ['child', 'child', 'http', 'http', 'modern'];
/** Clients of each era. */
const CLIENTS = 2;

/** Runs one fleet through what a seed brings. The same seed brings the same, to the last step. `isDetailed`: the trace has every message of the clients'. */
export async function simulate(seed: number, sabotage: Sabotage = {}, isDetailed = false): Promise<Run> {
  const random = new SeededRandom(seed);
  const plan = drawFaults(random.fork(), CHAOS_MS);
  const world = new World(isDetailed);
  const history = new History();
  const network = new Network(world, random.fork(), plan.cuts);
  const storeServer = new StoreServer(world, history, sabotage.epoch);
  const shared: FleetWorld = {
    world,
    network,
    storeServer,
    history,
    sabotage,
    peers: new Peers(world, network),
  };
  const stage = new Stage(shared, plan, random);
  stage.open();
  await stage.play();
  const faults = [...check(history, plan), ...(await stage.close())];
  const records = [...history.calls.values()];
  return {
    seed,
    faults,
    trace: world.trace,
    calls: records.length,
    ok: records.filter(({ ends }) => ends.some(({ kind }) => kind === 'ok')).length,
    steps: world.steps,
  };
}

/** The fleet, its clients and what befalls them. */
class Stage {
  readonly #shared: FleetWorld;
  readonly #plan: FaultPlan;
  readonly #random: SeededRandom;
  readonly #balancer: Balancer;
  readonly #legacy: LegacyClient[] = [];
  readonly #modern: ModernClient[] = [];
  /** The node of each slot now, and all that were taken out in good order. */
  readonly #nodes: SimNode[] = [];
  readonly #closed: SimNode[] = [];
  #running = 0;

  constructor(shared: FleetWorld, plan: FaultPlan, random: SeededRandom) {
    this.#shared = shared;
    this.#plan = plan;
    this.#random = random;
    this.#balancer = new Balancer(shared, random.fork(), plan.cutRate);
  }

  open(): void {
    const { world } = this.#shared;
    for (let slot = 0; slot < SLOTS; slot++) this.#start(slot);
    for (const fault of this.#plan.faults) {
      world.note(JSON.stringify(fault));
      world.at(fault.at, undefined, () => this.#inflict(fault));
    }
    for (const cut of this.#plan.cuts) world.note(JSON.stringify(cut));
    const people = ['ann', 'bob'];
    for (let index = 0; index < CLIENTS; index++) {
      const [one, other] = [this.#random.pick(people), this.#random.pick(people)];
      this.#legacy.push(new LegacyClient(`l${index}`, one, this.#random.pick(KINDS), this.#clientDeps()));
      this.#modern.push(new ModernClient(`m${index}`, other, this.#clientDeps()));
    }
  }

  async play(): Promise<void> {
    const { world } = this.#shared;
    for (const client of [...this.#legacy, ...this.#modern]) {
      this.#running++;
      void client.run().finally(() => this.#running--);
    }
    await world.run(CHAOS_MS + 1);
    await world.run(PATIENCE_MS, () => this.#running === 0);
  }

  /** Ends everything, and says what is left that should not be. */
  async close(): Promise<readonly string[]> {
    const { world, history, storeServer } = this.#shared;
    const faults = this.#running === 0 ? await this.#lostSessions() : [];
    let closing = 0;
    for (const node of this.#nodes) {
      closing++;
      world.later(this.#random.between(0, 3_000), node.process, () => {
        this.#balancer.remove(node, 0);
        void node.close().finally(() => closing--);
      });
    }
    await world.run(world.elapsed + CLOSING_MS, () => closing === 0);
    if (closing > 0) faults.push(`${closing} nodes never closed`);
    await world.run(world.elapsed + LEASE_MS + 1_000);
    for (const node of [...this.#closed, ...this.#nodes]) {
      const timers = world.timersOf(node.process);
      if (timers > 0) faults.push(`${node.name} left ${timers} timers`);
      for (const open of node.unbalanced) faults.push(`${node.name} never closed ${open}`);
    }
    for (const lease of history.leases) {
      const held = await storeServer.store.holder(lease);
      if (held !== undefined) faults.push(`${held.holder} still has ${lease}`);
    }
    return faults;
  }

  /** Every session that was not deleted is known to every node, and no other. */
  async #lostSessions(): Promise<string[]> {
    const { world, storeServer } = this.#shared;
    const faults: string[] = [];
    // The news of a session's end is on its way.
    await world.run(world.elapsed + NEWS_MS);
    let left = 0;
    for (const client of this.#legacy) {
      const { settledSession: sessionId, principal, route, hasDeleted } = client;
      if (sessionId === undefined) continue;
      for (const node of this.#nodes) {
        left++;
        void this.#balancer.ask({ kind: 'ping', principal, route, sessionId }, node).then((told) => {
          left--;
          const isKnown = told?.kind === 'taken';
          // What a store forgets that a session was deleted, the session's id cannot say.
          const mayBe = hasDeleted ? storeServer.lostAt > 0 : mayLoseSessions(this.#plan);
          if (isKnown === hasDeleted && !mayBe) {
            faults.push(
              `${node.name} ${isKnown ? 'still knows' : 'has lost'} the session of ${principal.key} on ${route}: ${JSON.stringify(told)}`,
            );
          }
        });
      }
    }
    await world.run(world.elapsed + 30_000, () => left === 0);
    if (left > 0) faults.push('a session was asked for and nothing was answered');
    return faults;
  }

  #clientDeps(): ClientDeps {
    return { shared: this.#shared, balancer: this.#balancer, random: this.#random.fork(), until: CALLS_MS };
  }

  #start(slot: number): void {
    const node = new SimNode(this.#shared, placeOf(slot), this.#random.fork());
    this.#nodes[slot] = node;
    this.#balancer.add(node);
    this.#shared.world.note(`${node.name} starts at ${node.place}`);
    void node.start();
  }

  #inflict(fault: Fault): void {
    const { world, storeServer } = this.#shared;
    if (fault.kind === 'store') {
      if (storeServer.isUp) storeServer.stop(fault.forMs, fault.comeback);
      return;
    }
    const node = this.#nodes[fault.slot];
    if (node === undefined || node.process.isDead || node.isLeaving) return;
    switch (fault.kind) {
      case 'kill':
        node.kill(fault.isSilent);
        this.#balancer.died(node);
        world.later(fault.backMs, undefined, () => this.#start(fault.slot));
        return;
      case 'pause':
        if (node.process.isPaused) return;
        node.process.pause();
        if (fault.isNoticed)
          world.later(NOTICED_MS, undefined, () => node.process.isPaused && this.#balancer.shun(node));
        world.later(fault.forMs, undefined, () => {
          world.resume(node.process, fault.first);
          this.#balancer.readmit(node);
        });
        return;
      case 'drain':
        // A process that stands still does not hear that it should go.
        if (node.process.isPaused) return;
        this.#balancer.remove(node, this.#random.between(0, 1_000));
        world.later(0, node.process, () => {
          void node.close().then(() => {
            this.#closed.push(node);
            world.later(fault.backMs, undefined, () => this.#start(fault.slot));
          });
        });
    }
  }
}
