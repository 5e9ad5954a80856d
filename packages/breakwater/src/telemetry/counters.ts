import type { GatewayEvent, PassedOn } from '../core/events.ts';
import { Ledger, type LedgerCounts } from './ledger.ts';

/** What a node of a fleet counted of the others and of the store. */
export interface FleetCounts {
  readonly passedOn: Readonly<Record<PassedOn, number>>;
  readonly sessionsLoaded: number;
  readonly streamsAdopted: number;
  readonly callsAdopted: number;
  readonly nodesLost: number;
  readonly storeFailures: number;
}

/** What the gateway counted since it started. Keys come from closed sets (methods of the specification, tables of codes and ids), never from callers. */
export interface CounterValues {
  readonly exchanges: {
    readonly ok: number;
    readonly error: number;
    readonly failed: number;
    readonly cancelled: number;
    readonly edge: number;
  };
  readonly accommodations: Readonly<Record<string, number>>;
  readonly refusals: Readonly<Record<string, number>>;
  /** Messages sent to each configured upstream. */
  readonly upstreamRequests: Readonly<Record<string, number>>;
  /** What nodes of a fleet did for each other. */
  readonly fleet: FleetCounts;
  readonly open: LedgerCounts;
  /** Resources that are open though the session they must end with is not: always 0. */
  readonly orphans: number;
}

/** Folds events into counts. */
export class Counters {
  readonly #exchanges = { ok: 0, error: 0, failed: 0, cancelled: 0, edge: 0 };
  readonly #accommodations = new Map<string, number>();
  readonly #refusals = new Map<string, number>();
  readonly #upstreamRequests = new Map<string, number>();
  readonly #fleet = {
    passedOn: { answered: 0, gone: 0, lost: 0, refused: 0 },
    sessionsLoaded: 0,
    streamsAdopted: 0,
    callsAdopted: 0,
    nodesLost: 0,
    storeFailures: 0,
  };
  readonly #ledger = new Ledger();

  record(event: GatewayEvent): void {
    switch (event.type) {
      case 'exchange':
        this.#exchanges[event.record.outcome]++;
        if (event.record.edge) this.#exchanges.edge++;
        break;
      case 'accommodation':
        increment(this.#accommodations, event.id);
        break;
      case 'refusal':
        increment(this.#refusals, event.code);
        break;
      case 'upstream-request':
        increment(this.#upstreamRequests, event.upstream);
        break;
      case 'open':
        if (event.isResumed === true) this.#fleet.sessionsLoaded++;
        this.#ledger.record(event);
        break;
      case 'close':
        this.#ledger.record(event);
        break;
      case 'passed-on':
        this.#fleet.passedOn[event.outcome]++;
        break;
      case 'stream-adopted':
        this.#fleet.streamsAdopted++;
        break;
      case 'call-adopted':
        this.#fleet.callsAdopted++;
        break;
      case 'node-lost':
        this.#fleet.nodesLost++;
        break;
      case 'store-failure':
        this.#fleet.storeFailures++;
        break;
      case 'notice':
        break;
    }
  }

  get values(): CounterValues {
    return {
      exchanges: { ...this.#exchanges },
      accommodations: Object.fromEntries(this.#accommodations),
      refusals: Object.fromEntries(this.#refusals),
      upstreamRequests: Object.fromEntries(this.#upstreamRequests),
      fleet: { ...this.#fleet, passedOn: { ...this.#fleet.passedOn } },
      open: this.#ledger.counts,
      orphans: this.#ledger.orphans,
    };
  }
}

function increment(map: Map<string, number>, key: string): void {
  map.set(key, (map.get(key) ?? 0) + 1);
}
