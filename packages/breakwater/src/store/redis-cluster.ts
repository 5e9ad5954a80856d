import { faultOf, isRejected, noneOf, RedisFault } from './redis-fault.ts';
import { type LinkOptions, type RedisCommand, RedisLink, type Reply } from './redis-link.ts';
import type { TopologyOptions } from './redis-master.ts';
import { RedisNode } from './redis-node.ts';
import { SLOTS, slotOf } from './redis-slot.ts';
import { readSlots, redirection, type SlotRange } from './redis-slots.ts';
import type { RedisTopology, StoreState } from './redis-topology.ts';
import { describeAddress, type RedisAddress } from './redis-url.ts';
import { pause } from './within.ts';

/** A master and its connection. */
interface Master {
  readonly address: RedisAddress;
  readonly node: RedisNode;
}

const LEAST_BETWEEN_LOOKS_MS = 250;
const MOST_TAGS_TRIED = 10_000;

/** A Redis Cluster: the slots and who has them, one connection to each master, and redirections followed. */
export class RedisCluster implements RedisTopology {
  readonly #seeds: readonly RedisAddress[];
  readonly #options: TopologyOptions;
  readonly #link: LinkOptions;
  readonly #masters = new Map<string, Master>();
  #owners: (Master | undefined)[] = [];
  #looking: Promise<void> | undefined;
  #lookedAt = 0;
  #wasUp: boolean | undefined;
  #isClosed = false;

  constructor(seeds: readonly RedisAddress[], options: TopologyOptions) {
    this.#seeds = seeds;
    this.#options = options;
    this.#link = options.link;
  }

  /** While one master can be reached, part of the store can. */
  get isUp(): boolean {
    return [...this.#masters.values()].some(({ node }) => node.isUp);
  }

  async start(deadline: number): Promise<void> {
    const { clock } = this.#link;
    for (;;) {
      try {
        await this.#look();
        await Promise.any([...this.#masters.values()].map(({ node }) => node.link(deadline)));
        return;
      } catch (error) {
        const isHopeless = this.#isClosed || isRejected(error);
        if (isHopeless || clock.now() + LEAST_BETWEEN_LOOKS_MS >= deadline) throw faultOf(error, 'cluster');
      }
      await pause(clock, LEAST_BETWEEN_LOOKS_MS);
    }
  }

  async run(key: string | undefined, command: RedisCommand, deadline: number): Promise<Reply> {
    const slot = key === undefined ? undefined : slotOf(key);
    const owner = slot === undefined ? this.#anyUp() : this.#owners[slot];
    if (owner === undefined) {
      this.#lookSoon();
      throw new RedisFault('refused', `nobody has slot ${slot} of the cluster`, { reply: 'CLUSTERDOWN' });
    }
    try {
      return await owner.node.run(command, deadline);
    } catch (error) {
      const fault = faultOf(error, describeAddress(owner.address));
      const other = redirection(fault.message, owner.address);
      if (fault.reply === 'ASK' && other !== undefined) return this.#ask(other, command, deadline);
      if (fault.reply === 'MOVED' && other !== undefined && slot !== undefined)
        this.#owners[slot] = this.#master(other);
      if (fault.kind !== 'failed' && fault.kind !== 'late') this.#lookSoon();
      throw fault;
    }
  }

  async dial(): Promise<RedisLink> {
    const known = [...this.#masters.values()].filter(({ node }) => node.isUp).map(({ address }) => address);
    const first = Math.floor(this.#options.jitter() * known.length);
    return this.#openAny([...known.slice(first), ...known.slice(0, first), ...this.#seeds]);
  }

  tags(): readonly string[] {
    const tags: string[] = [];
    const missing = new Set(this.#owners.filter((owner) => owner !== undefined));
    for (let at = 0; at < MOST_TAGS_TRIED && missing.size > 0; at++) {
      const tag = `born:{${at}}`;
      const owner = this.#owners[slotOf(tag)];
      if (owner !== undefined && missing.delete(owner)) tags.push(tag);
    }
    return tags;
  }

  close(): void {
    this.#isClosed = true;
    for (const { node } of this.#masters.values()) node.close();
  }

  #anyUp(): Master | undefined {
    const masters = [...this.#masters.values()];
    return masters.find(({ node }) => node.isUp) ?? masters[0];
  }

  async #ask(address: RedisAddress, command: RedisCommand, deadline: number): Promise<Reply> {
    const link = await this.#master(address).node.link(deadline);
    return link.runAsking(command, deadline);
  }

  #master(address: RedisAddress): Master {
    const name = describeAddress(address);
    const known = this.#masters.get(name);
    if (known !== undefined) return known;
    const node = new RedisNode({
      clock: this.#link.clock,
      jitter: this.#options.jitter,
      dial: () => RedisLink.open(address, this.#link),
      onChange: (cause) => this.#changed(cause),
    });
    const master = { address, node };
    this.#masters.set(name, master);
    return master;
  }

  #changed(cause: Error | undefined): void {
    if (cause !== undefined) this.#lookSoon();
    const isUp = this.isUp || cause === undefined;
    if (isUp === this.#wasUp) return;
    this.#wasUp = isUp;
    const state: StoreState = isUp ? { isUp } : { isUp, cause: cause ?? new Error('no master can be reached') };
    this.#options.onState(state);
  }

  /** Looks who has what when something hints at a change, but not all the time. */
  #lookSoon(): void {
    if (this.#isClosed || this.#looking !== undefined) return;
    if (this.#link.clock.now() - this.#lookedAt < LEAST_BETWEEN_LOOKS_MS) return;
    // Nobody waits for it: the commands that come next find what it found, or fail as this one did.
    this.#look().catch(() => undefined);
  }

  #look(): Promise<void> {
    this.#looking ??= this.#askSlots()
      .then((ranges) => this.#adopt(ranges))
      .finally(() => {
        this.#looking = undefined;
        this.#lookedAt = this.#link.clock.now();
      });
    return this.#looking;
  }

  async #askSlots(): Promise<readonly SlotRange[]> {
    const { clock, deadlineMs } = this.#link;
    const command = { words: ['CLUSTER', 'SLOTS'] };
    for (const { node, address } of this.#masters.values()) {
      if (!node.isUp) continue;
      try {
        return readSlots(await node.run(command, clock.now() + deadlineMs), address);
      } catch {
        // The next one may know.
      }
    }
    const link = await this.#openAny(this.#seeds);
    try {
      return readSlots(await link.run(command, clock.now() + deadlineMs), link.address);
    } finally {
      link.close(new Error('asked'));
    }
  }

  #adopt(ranges: readonly SlotRange[]): void {
    if (this.#isClosed) return;
    if (ranges.length === 0) throw new RedisFault('down', 'the cluster has no slots yet');
    const owners = new Array<Master | undefined>(SLOTS).fill(undefined);
    for (const { from, to, master } of ranges) owners.fill(this.#master(master), from, to + 1);
    this.#owners = owners;
    for (const [name, master] of this.#masters) {
      if (owners.includes(master)) continue;
      this.#masters.delete(name);
      master.node.close();
    }
  }

  async #openAny(addresses: readonly RedisAddress[]): Promise<RedisLink> {
    const problems: RedisFault[] = [];
    for (const address of addresses) {
      try {
        return await RedisLink.open(address, this.#link);
      } catch (error) {
        problems.push(faultOf(error, describeAddress(address)));
      }
    }
    throw noneOf(`no node of the cluster can be reached`, problems);
  }
}
