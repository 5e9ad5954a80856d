import { GatewayError } from '../core/errors.ts';
import type { Clock } from '../core/ports.ts';
import type { Store } from '../core/store.ts';
import { RedisStore } from './redis.ts';
import { RedisCluster } from './redis-cluster.ts';
import { isRejected } from './redis-fault.ts';
import { type LinkOptions, RedisLink, type RedisTls } from './redis-link.ts';
import { RedisMaster, sentinelDialer, type TopologyOptions } from './redis-master.ts';
import type { RedisTopology, StoreState } from './redis-topology.ts';
import { describeRedisUrl, parseRedisUrl, type RedisUrl } from './redis-url.ts';
import { pause } from './within.ts';

/** Which store, and how to reach it. */
export interface StoreOptions {
  /** `redis://`, `redis+sentinel://` or `redis+cluster://`; with `rediss` over TLS. Credentials of the servers in front of the hosts. */
  readonly url: string;
  /** Put before every key and channel; `bw:` when absent. */
  readonly prefix?: string;
  /** How long an operation may take; 2000 when absent. */
  readonly deadlineMs?: number;
  /** Certificates, for a `rediss` URL. */
  readonly tls?: RedisTls;
  /** Credentials of the Sentinels themselves, which have their own; none when absent. */
  readonly sentinel?: { readonly username?: string; readonly password: string };
}

/** What a store needs of the process it runs in. */
export interface StoreDeps {
  readonly clock: Clock;
  /** A number in [0, 1) that spreads the attempts of many nodes. */
  readonly jitter: () => number;
  /** Told when the store comes into reach and when it is lost. */
  readonly onState?: (state: StoreState) => void;
}

const DEFAULT_PREFIX = 'bw:';
const DEFAULT_DEADLINE_MS = 2_000;
/** A store that starts together with us is waited for so long. */
const START_LIMIT_MS = 10_000;
const START_PAUSE_MS = 100;

/**
 * Opens the store and sees that it works. Rejects with a TypeError when the URL is wrong, and with `store.unavailable` when it cannot be reached for 10 s or turns us
 * away; its cause says why, without credentials.
 */
export async function openStore(options: StoreOptions, deps: StoreDeps): Promise<Store> {
  const { prefix = DEFAULT_PREFIX, deadlineMs = DEFAULT_DEADLINE_MS } = options;
  const url = parseRedisUrl(options.url);
  const topology = topologyOf(url, options, deadlineMs, deps);
  const store = new RedisStore({ topology, prefix, deadlineMs, clock: deps.clock, jitter: deps.jitter });
  try {
    await start(topology, deps.clock);
    // From the first start on, so that what is missing later can be judged.
    await store.born();
    return store;
  } catch (error) {
    await store.close();
    const reason = error instanceof Error ? error.message : String(error);
    const cause = new Error(`the store ${describeRedisUrl(url)} cannot be used: ${reason}`, { cause: error });
    throw new GatewayError('store.unavailable', { cause });
  }
}

async function start(topology: RedisTopology, clock: Clock): Promise<void> {
  const deadline = clock.now() + START_LIMIT_MS;
  for (;;) {
    try {
      return await topology.start(deadline);
    } catch (error) {
      if (isRejected(error) || clock.now() + START_PAUSE_MS >= deadline) throw error;
    }
    await pause(clock, START_PAUSE_MS);
  }
}

function topologyOf(url: RedisUrl, options: StoreOptions, deadlineMs: number, deps: StoreDeps): RedisTopology {
  const { clock, jitter } = deps;
  const common = { clock, deadlineMs, tls: url.isTls ? (options.tls ?? {}) : undefined };
  const link: LinkOptions = { ...common, username: url.username, password: url.password, db: url.db };
  const topology: TopologyOptions = { link, jitter, onState: deps.onState ?? (() => undefined) };
  if (url.kind === 'cluster') return new RedisCluster(url.nodes, topology);
  if (url.kind === 'single') return new RedisMaster(() => RedisLink.open(url.nodes[0], link), topology);
  const sentinel: LinkOptions = { ...common, ...options.sentinel };
  return new RedisMaster(sentinelDialer(url.nodes, url.master, sentinel, link), topology);
}
