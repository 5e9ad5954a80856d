import { faultOf, noneOf, RedisFault } from './redis-fault.ts';
import { type LinkOptions, type RedisCommand, RedisLink, type Reply } from './redis-link.ts';
import { RedisNode } from './redis-node.ts';
import type { RedisTopology, StoreState } from './redis-topology.ts';
import { describeAddress, type RedisAddress } from './redis-url.ts';

/** What the kinds of Redis have in common. */
export interface TopologyOptions {
  readonly link: LinkOptions;
  readonly jitter: () => number;
  readonly onState: (state: StoreState) => void;
}

/** A Redis of one server that takes writes: at a fixed address, or wherever `open` finds it each time. */
export class RedisMaster implements RedisTopology {
  readonly #open: () => Promise<RedisLink>;
  readonly #node: RedisNode;

  constructor(open: () => Promise<RedisLink>, { link, jitter, onState }: TopologyOptions) {
    this.#open = open;
    this.#node = new RedisNode({
      clock: link.clock,
      jitter,
      dial: open,
      onChange: (cause) => onState(cause === undefined ? { isUp: true } : { isUp: false, cause }),
    });
  }

  get isUp(): boolean {
    return this.#node.isUp;
  }

  async start(deadline: number): Promise<void> {
    await this.#node.link(deadline);
  }

  run(_key: string | undefined, command: RedisCommand, deadline: number): Promise<Reply> {
    return this.#node.run(command, deadline);
  }

  dial(): Promise<RedisLink> {
    return this.#open();
  }

  tags(): readonly string[] {
    return ['born'];
  }

  close(): void {
    this.#node.close();
  }
}

/**
 * Asks Sentinels, one after the other, where the master of this name is, and connects to it. The one that answered last time is asked first. An
 * answer counts only when the server says itself that it is a master: right after a failover some Sentinels do not know of it yet.
 */
export function sentinelDialer(
  sentinels: readonly RedisAddress[],
  master: string,
  sentinelLink: LinkOptions,
  link: LinkOptions,
): () => Promise<RedisLink> {
  const order = [...sentinels];
  return async () => {
    const problems: RedisFault[] = [];
    for (const sentinel of [...order]) {
      try {
        const found = await openMaster(await askSentinel(sentinel, master, sentinelLink), link);
        order.splice(order.indexOf(sentinel), 1);
        order.unshift(sentinel);
        return found;
      } catch (error) {
        problems.push(faultOf(error, describeAddress(sentinel)));
      }
    }
    throw noneOf(`no Sentinel leads to the master ${master}`, problems);
  };
}

async function askSentinel(address: RedisAddress, master: string, options: LinkOptions): Promise<RedisAddress> {
  const link = await RedisLink.open(address, options);
  try {
    const words = ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', master];
    const reply = await link.run({ words }, options.clock.now() + options.deadlineMs);
    if (!Array.isArray(reply)) throw new RedisFault('down', `${describeAddress(address)}: knows no master ${master}`);
    const [host, port] = reply.map(String);
    return { host: host ?? '', port: Number(port) };
  } finally {
    link.close(new Error('asked'));
  }
}

async function openMaster(address: RedisAddress, options: LinkOptions): Promise<RedisLink> {
  const link = await RedisLink.open(address, options);
  try {
    const role = await link.run({ words: ['ROLE'] }, options.clock.now() + options.deadlineMs);
    if (Array.isArray(role) && String(role[0]) === 'master') return link;
    throw new RedisFault('down', `${describeAddress(address)}: is not a master`);
  } catch (error) {
    link.close(error instanceof Error ? error : new Error('not a master'));
    throw error;
  }
}
