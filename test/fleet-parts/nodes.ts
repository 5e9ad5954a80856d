import { randomBytes } from 'node:crypto';
import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import { systemClock } from '../../packages/breakwater/src/clock.ts';
import type { GatewayOptions } from '../../packages/breakwater/src/core/gateway.ts';
import type { ExchangeHandler, Timer } from '../../packages/breakwater/src/core/ports.ts';
import type { Store } from '../../packages/breakwater/src/core/store.ts';
import type { ForwardFacts, Peers } from '../../packages/breakwater/src/downstream/options.ts';
import { StoreCallRecords } from '../../packages/breakwater/src/fleet/call-records.ts';
import { StoreArchive } from '../../packages/breakwater/src/fleet/event-archive.ts';
import { type Fleet, openFleet } from '../../packages/breakwater/src/fleet/fleet.ts';
import { tagsOf } from '../../packages/breakwater/src/fleet/node.ts';
import { FleetSessions } from '../../packages/breakwater/src/fleet/session-vault.ts';
import { Harness, type HarnessInit } from '../downstream/harness.ts';
import { ManualClock } from '../downstream/manual-clock.ts';

/** One node of a fleet of a test. */
export interface TestNode {
  readonly name: string;
  readonly harness: Harness;
  readonly vault: FleetSessions;
  /** Requests that other nodes passed on to it. */
  readonly passedOn: string[];
  /** Its peer port, under the machine's clock. */
  readonly fleet: Fleet | undefined;
}

/** What a node is made with. */
export interface NodeInit extends HarnessInit {
  /** Makes what runs its exchanges; without one a script does. */
  readonly core?: (parts: Pick<GatewayOptions, 'clock' | 'random' | 'emit' | 'records'>) => ExchangeHandler;
}

/** The machine's clock in the shape of one that a test moves, for stores that run by it. */
export class RealTime extends ManualClock {
  override now(): number {
    return systemClock.now();
  }

  override after(delayMs: number, run: () => void): Timer {
    return systemClock.after(delayMs, run);
  }
}

const SECRET = randomBytes(32).toString('hex');
const MARK = 'x-test-forwarded';

/**
 * Downstream sides on real sockets that share a store. Under a clock that stands still requests are passed on over a plain second connection, marked; under
 * the machine's by the real peers.
 */
export class TestFleet implements AsyncDisposable {
  readonly clock: ManualClock;
  readonly nodes: TestNode[] = [];
  readonly store: Store;
  readonly #ring = [randomBytes(32)] as const;
  readonly #gone = new Set<string>();
  /** Those that nobody reaches and that the store still knows. */
  readonly #entered = new Set<string>();

  constructor(makeStore: (clock: ManualClock) => Store, clock = new ManualClock()) {
    this.clock = clock;
    this.store = makeStore(clock);
  }

  /** Adds a node. `store` is its own way to the shared store. */
  async join(init: NodeInit = {}, store: Store = this.store): Promise<TestNode> {
    const passedOn: string[] = [];
    let made: FleetSessions | undefined;
    const fleet = this.clock instanceof RealTime ? await this.#openFleet(store, () => harness, passedOn) : undefined;
    const name = fleet?.tags.node ?? `node${String(this.nodes.length).padStart(6, '0')}`;
    const harness: Harness = await Harness.start({
      ...init,
      clock: this.clock,
      fleet: ({ emit, random, policy }) => {
        const common = { store, ring: this.#ring, node: name };
        made = new FleetSessions({ ...common, clock: this.clock, random, emit, policy });
        const limits = { events: 200, bytes: 1_048_576 };
        const calls = new StoreCallRecords({ ...common, clock: this.clock });
        return {
          vault: made,
          calls,
          ...(init.core && { handler: init.core({ clock: this.clock, random, emit, records: calls }) }),
          archive: new StoreArchive({ ...common, clock: this.clock, limits, resumeMs: 300_000 }),
          peers: fleet === undefined ? this.#peersOf(name) : realPeers(fleet),
        };
      },
    });
    if (made === undefined) throw new Error('no vault was made');
    await made.start();
    const node = { name, harness, vault: made, passedOn, fleet };
    this.nodes.push(node);
    return node;
  }

  /** Cuts a node off from the others, while it lives on. `isEntered`: and while they know that. */
  cutOff({ name }: TestNode, isEntered = false): void {
    this.#gone.add(name);
    if (isEntered) this.#entered.add(name);
    else this.#entered.delete(name);
  }

  /** Makes an end of {@link cutOff}. */
  reach({ name }: TestNode): void {
    this.#gone.delete(name);
  }

  /** Takes a node away as a crash does: nobody reaches it any more, and its connections break. */
  lose({ name, harness, fleet }: TestNode): void {
    this.#gone.add(name);
    void fleet?.close();
    harness.server.closeAllConnections();
    harness.server.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { harness } of this.nodes) await harness[Symbol.asyncDispose]();
    for (const { vault } of this.nodes) await vault.close();
    for (const { fleet } of this.nodes) await fleet?.close();
    await this.store.close();
  }

  #openFleet(store: Store, harness: () => Harness, passedOn: string[]): Promise<Fleet> {
    return openFleet({
      store,
      secrets: [SECRET],
      listen: { host: '127.0.0.1', port: 0 },
      clock: systemClock,
      machine: systemClock,
      emit: () => undefined,
      upstream: () => undefined,
      onForwarded: (req, res) => {
        passedOn.push(`${req.method}`);
        harness().downstream.handleRequest(req, res);
      },
    });
  }

  #peersOf(node: string): Peers {
    return {
      tags: tagsOf(node),
      isEntered: async (other) => this.#entered.has(other),
      wasForwarded: (req) => req.headers[MARK] !== undefined,
      forward: (to, req, res, facts) => this.#forward(to, req, res, facts),
    };
  }

  #forward(to: string, req: IncomingMessage, res: ServerResponse, { body }: ForwardFacts): Promise<boolean> {
    const target = this.nodes.find(({ name }) => name === to);
    if (target === undefined || this.#gone.has(to)) return Promise.resolve(false);
    target.passedOn.push(`${req.method}`);
    return new Promise((resolve) => {
      const { method = 'GET', headers, url: path = '/' } = req;
      const options = { host: '127.0.0.1', port: target.harness.port, method, path };
      const onward = request({ ...options, headers: { ...headers, [MARK]: '1' } }, (answer) => {
        resolve(true);
        res.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.on('error', () => res.destroy());
        answer.pipe(res);
      });
      res.once('close', () => onward.destroy());
      onward.on('error', () => resolve(false));
      if (body === undefined) req.pipe(onward);
      else onward.end(body);
    });
  }
}

function realPeers(fleet: Fleet): Peers {
  return {
    ...fleet,
    wasForwarded: (req) => fleet.forwardedOf(req) !== undefined,
  };
}

/** Waits until `holds`; the test's own deadline bounds it. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}
