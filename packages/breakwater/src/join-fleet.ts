import type { IncomingMessage, ServerResponse } from 'node:http';
import { networkInterfaces } from 'node:os';
import { steadyClock, systemClock, systemRandom } from './clock.ts';
import { isWildcardHost } from './config/address.ts';
import type { ResolvedConfig } from './config/secrets.ts';
import type { Emit } from './core/events.ts';
import type { Forwarded } from './core/fleet.ts';
import type { Clock, Upstream } from './core/ports.ts';
import type { Store } from './core/store.ts';
import { StoreCallRecords } from './fleet/call-records.ts';
import { StoreArchive } from './fleet/event-archive.ts';
import { type Fleet, openFleet } from './fleet/fleet.ts';
import { FleetClock } from './fleet/fleet-clock.ts';
import { FleetSessions } from './fleet/session-vault.ts';
import { PipeStore } from './store/pipe-store.ts';
import { watchStore } from './store/watched-store.ts';
import type { WorkerSeat } from './worker-seat.ts';

/** This process as a node, with the store that it shares with the others. */
export interface Membership {
  readonly store: Store;
  /** The same on all nodes. */
  readonly clock: Clock;
  readonly fleet: Fleet;
  /** Where calls are written down that wait for a legacy client. */
  readonly records: StoreCallRecords;
  /** Makes what keeps the sessions of this node in the store. */
  openVault(deps: Pick<SessionVaultDeps, 'emit' | 'policy'>): FleetSessions;
  /** Makes what keeps what streams sent. */
  openArchive(options: Pick<ArchiveDeps, 'limits' | 'resumeMs'>): StoreArchive;
  /** Leaves the fleet. */
  close(): Promise<void>;
}

type SessionVaultDeps = ConstructorParameters<typeof FleetSessions>[0];
type ArchiveDeps = ConstructorParameters<typeof StoreArchive>[0];

/** What a node needs of the app that it is. */
export interface MemberDeps {
  readonly emit: Emit;
  readonly upstream: (name: string) => Upstream | undefined;
  readonly onForwarded: (request: IncomingMessage, response: ServerResponse, forwarded: Forwarded) => void;
}

/** Where workers of one machine hear each other when nothing else is said. */
const LOOPBACK = '127.0.0.1';

/**
 * Joins the fleet that the configuration describes, or that the workers of one machine are; undefined for a node that stands alone. Rejects with
 * `store.unavailable` when there is no store, and with the system's error when the peer port cannot be had.
 */
export async function joinFleet(
  config: ResolvedConfig,
  seat: WorkerSeat | undefined,
  deps: MemberDeps,
): Promise<Membership | undefined> {
  const secrets = config.fleet?.secrets ?? (seat === undefined ? undefined : [seat.secret]);
  const shared = secrets === undefined ? undefined : await openSharedStore(config, seat, deps.emit);
  if (secrets === undefined || shared === undefined) return undefined;
  const store = watchStore(shared, () => deps.emit({ type: 'store-failure' }));
  const clock = new FleetClock({ machine: systemClock, steady: steadyClock.now, store, emit: deps.emit });
  const listen = config.fleet?.listen ?? { host: LOOPBACK, port: 0 };
  try {
    await clock.open();
    const fleet = await openFleet({
      store,
      secrets,
      // Workers share everything but the port by which the others find each of them.
      listen: seat === undefined ? listen : { ...listen, port: 0 },
      advertise: advertised(config.fleet?.advertise, listen.host),
      leaseMs: config.fleet?.leaseMs,
      clock,
      machine: systemClock,
      ...deps,
    });
    return membershipOf(store, fleet, clock);
  } catch (error) {
    clock.close();
    await store.close();
    throw error;
  }
}

function membershipOf(store: Store, fleet: Fleet, clock: FleetClock): Membership {
  const common = { store, node: fleet.tags.node, clock };
  return {
    store,
    clock,
    fleet,
    records: new StoreCallRecords({ ...common, ring: fleet.keys.values }),
    openVault: (deps) => new FleetSessions({ ...common, ring: fleet.keys.sessions, random: systemRandom, ...deps }),
    openArchive: (options) => new StoreArchive({ ...common, ring: fleet.keys.values, ...options }),
    close: async () => {
      clock.close();
      await fleet.close();
      await store.close();
    },
  };
}

async function openSharedStore(
  { store: url, fleet }: ResolvedConfig,
  seat: WorkerSeat | undefined,
  emit: Emit,
): Promise<Store | undefined> {
  if (url === undefined) return seat === undefined ? undefined : new PipeStore(process, { clock: systemClock });
  // Loaded when it is needed: a gateway that stands alone starts a fifth faster without the Redis client.
  const { openStore } = await import('./store/open-store.ts');
  return await openStore(
    { url, ...(fleet !== undefined && { prefix: fleet.prefix }) },
    {
      clock: systemClock,
      jitter: Math.random,
      onState: (state) => {
        if (state.isUp) emit({ type: 'notice', level: 'info', message: 'The store can be reached.' });
        else {
          const message = 'The store cannot be reached; what needs it is refused until it is back.';
          emit({ type: 'notice', level: 'error', message, detail: { error: state.cause } });
        }
      },
    },
  );
}

/** The address that other nodes are told; undefined when it is the one that is listened on. */
function advertised(
  written: string | undefined,
  listenHost: string,
): { readonly host: string; readonly port?: number } | undefined {
  if (written !== undefined) {
    const [, host = written, port] = /^(.*?)(?::(\d+))?$/.exec(written) ?? [];
    return { host: host.replace(/^\[|\]$/g, ''), ...(port !== undefined && { port: Number(port) }) };
  }
  return isWildcardHost(listenHost) ? { host: firstAddress() } : undefined;
}

function firstAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const outside = all.filter(({ internal }) => !internal);
  return (outside.find(({ family }) => family === 'IPv4') ?? outside[0])?.address ?? LOOPBACK;
}
