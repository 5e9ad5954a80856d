import type { Emit } from '../core/events.ts';
import type { Clock, Timer } from '../core/ports.ts';
import type { Store } from '../core/store.ts';
import { isNode } from './node.ts';
import { RollCall } from './roll-call.ts';

/** Where a node's peer port is. */
export interface PeerAddress {
  readonly host: string;
  readonly port: number;
}

/** What a directory works with. */
export interface DirectoryOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly node: string;
  readonly address: PeerAddress;
}

interface Known {
  readonly address: PeerAddress;
  readonly until: number;
}

const RECORD_MS = 10_000;
const RENEW_MS = 3_000;
const KNOWN_MS = 3_000;
const UNKNOWN_MS = 1_000;
// Who can write to the store can enter any number of nodes; nobody has so many.
const KNOWN_LIMIT = 1_000;
/**
 * Anybody can invent names of nodes: so many are remembered as nobody's, apart from those of nodes, and so many that no node has announced are looked for in
 * the store per second. The others are taken for nobody's, as they nearly always are.
 */
const ABSENT_LIMIT = 1_000;
const STRANGERS_PER_SECOND = 100;
const SECOND_MS = 1_000;

/** The nodes of the fleet and their addresses: keeps this node's own record alive and looks up the others'. */
export class Directory {
  readonly #options: DirectoryOptions;
  readonly #known = new Map<string, Known>();
  /** Names that no node had, and until when that is believed; the oldest first. */
  readonly #absent = new Map<string, number>();
  #born = { at: 0, until: Number.NEGATIVE_INFINITY };
  #strangers = { since: Number.NEGATIVE_INFINITY, count: 0 };
  readonly #asked = new Map<string, Promise<PeerAddress | undefined>>();
  readonly #rollCall: RollCall;
  #timer: Timer | undefined;
  #isFaulty = false;
  #isClosed = false;

  constructor(options: DirectoryOptions) {
    this.#options = options;
    this.#rollCall = new RollCall({
      ...options,
      silenceMs: RECORD_MS,
      isEntered: async (node) => (await options.store.read(keyOf(node))) !== undefined,
    });
  }

  /** Nodes that are there, this one included. */
  get size(): number {
    return this.#rollCall.size;
  }

  /** Enters this node; tries again for as long as the store is out of reach. */
  async open(): Promise<void> {
    await this.#renew();
  }

  /** A node's address; undefined for one that is not there. Rejects with `store.unavailable`. */
  find(node: string): Promise<PeerAddress | undefined> {
    if (!isNode(node)) return Promise.resolve(undefined);
    const known = this.#known.get(node);
    if (known !== undefined && known.until > this.#options.clock.now()) return Promise.resolve(known.address);
    let asked = this.#asked.get(node);
    if (asked === undefined) {
      if (!this.#isWorthReading(node)) return Promise.resolve(undefined);
      // Without the store the address that was known last is the best there is: what runs between two nodes goes on.
      const last = known?.address;
      const looked = last === undefined ? this.#look(node) : this.#look(node).catch(() => last);
      asked = looked.finally(() => this.#asked.delete(node));
      this.#asked.set(node, asked);
    }
    return asked;
  }

  /** Whether a node is entered, now, in the store: it lives, or died seconds ago. Rejects with `store.unavailable`. */
  async has(node: string): Promise<boolean> {
    return isNode(node) && this.#isWorthReading(node) && (await this.#read(node)) !== undefined;
  }

  /**
   * Whether nodes may be there that the store does not know yet: it was emptied a moment ago, and they enter themselves again within seconds. Rejects with
   * `store.unavailable`.
   */
  async isUnsettled(): Promise<boolean> {
    const { store, clock } = this.#options;
    if (clock.now() >= this.#born.until) this.#born = { at: await store.born(), until: clock.now() + UNKNOWN_MS };
    return clock.now() - this.#born.at < RECORD_MS;
  }

  /** Forgets what is known of a node that did not answer. */
  forget(node: string): void {
    this.#known.delete(node);
  }

  /** Takes this node out. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.clear();
    try {
      await this.#options.store.remove(keyOf(this.#options.node));
    } catch {
      // Nobody can be told now; the record runs out by itself.
    }
    await this.#rollCall.leave();
  }

  async #look(node: string): Promise<PeerAddress | undefined> {
    let address: PeerAddress | undefined;
    try {
      address = readAddress(await this.#read(node));
    } catch (error) {
      // While the store is out of reach the last address is as good as any: nodes do not move.
      address = this.#known.get(node)?.address;
      if (address === undefined) throw error;
    }
    this.#known.delete(node);
    if (address === undefined) return undefined;
    makeRoom(this.#known, KNOWN_LIMIT);
    this.#known.set(node, { address, until: this.#options.clock.now() + KNOWN_MS });
    return address;
  }

  async #read(node: string): Promise<Buffer | undefined> {
    const address = (await this.#options.store.read(keyOf(node)))?.get('address');
    if (address === undefined) this.#noteAbsent(node);
    else this.#absent.delete(node);
    return address;
  }

  #noteAbsent(node: string): void {
    this.#absent.delete(node);
    makeRoom(this.#absent, ABSENT_LIMIT);
    this.#absent.set(node, this.#options.clock.now() + UNKNOWN_MS);
  }

  /** Whether the store is to be asked for a node: always for one that is known or heard of, and within bounds for a name that may be invented. */
  #isWorthReading(node: string): boolean {
    if (this.#known.has(node) || this.#rollCall.hears(node)) return true;
    const now = this.#options.clock.now();
    if ((this.#absent.get(node) ?? Number.NEGATIVE_INFINITY) > now) return false;
    if (now - this.#strangers.since >= SECOND_MS) this.#strangers = { since: now, count: 0 };
    return this.#strangers.count++ < STRANGERS_PER_SECOND;
  }

  async #renew(): Promise<void> {
    const { store, clock, node, address, emit } = this.#options;
    try {
      await store.write(keyOf(node), { address: Buffer.from(`${address.port} ${address.host}`) }, RECORD_MS);
      await this.#rollCall.answer();
      if (this.#isFaulty) emit({ type: 'notice', level: 'info', message: 'This node is known to its fleet again.' });
      this.#isFaulty = false;
    } catch (error) {
      // Once per outage: a store that is gone for an hour must not fill the log.
      const message = 'This node cannot be entered in the store; other nodes will not find it.';
      if (!this.#isFaulty) emit({ type: 'notice', level: 'error', message, detail: { error } });
      this.#isFaulty = true;
    }
    if (this.#isClosed) return;
    this.#timer = clock.after(RENEW_MS, () => void this.#renew());
  }
}

/** Lets the oldest entry go where one more would be too many. */
function makeRoom(map: Map<string, unknown>, limit: number): void {
  const [oldest] = map.size < limit ? [] : map.keys();
  if (oldest !== undefined) map.delete(oldest);
}

function keyOf(node: string): string {
  return `{n:${node}}`;
}

// Who can write to the store could write anything here, and would still need the key of the peer port.
function readAddress(bytes: Buffer | undefined): PeerAddress | undefined {
  const [, port, host] = /^(\d{1,5}) (\S+)$/.exec(bytes?.toString() ?? '') ?? [];
  return port === undefined || host === undefined ? undefined : { host, port: Number(port) };
}
