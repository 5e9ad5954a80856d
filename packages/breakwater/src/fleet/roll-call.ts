import type { Emit } from '../core/events.ts';
import type { Clock } from '../core/ports.ts';
import type { Store } from '../core/store.ts';
import { isNode } from './node.ts';

/** What a roll call works with. */
export interface RollCallOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly node: string;
  /** How long a node counts as there after it was last heard. */
  readonly silenceMs: number;
  /** True while that node's record is in the store. */
  readonly isEntered: (node: string) => Promise<boolean>;
}

const CHANNEL = 'nodes';
const LEAVING = '-';
// Who can write to the store can name any number of nodes; nobody has so many.
const NODES_LIMIT = 1_000;

/** Which nodes there are: each says so every few seconds on a channel of the store, and says when it leaves. One that only falls silent was lost. */
export class RollCall {
  readonly #options: RollCallOptions;
  /** The other nodes, and until when they count as there. */
  readonly #present = new Map<string, number>();
  #stop: (() => Promise<void>) | undefined;

  constructor(options: RollCallOptions) {
    this.#options = options;
  }

  /** Nodes that are there, this one included. */
  get size(): number {
    return this.#present.size + 1;
  }

  /** Whether a node said lately that it is there. */
  hears(node: string): boolean {
    return this.#present.has(node);
  }

  /** Says that this node is there, and looks who is not any more. Rejects with `store.unavailable`. */
  async answer(): Promise<void> {
    const { store, node } = this.#options;
    this.#stop ??= await store.subscribe(CHANNEL, (message) => this.#hear(message.toString()));
    await store.publish(CHANNEL, Buffer.from(node));
    for (const [name, until] of [...this.#present]) if (until <= this.#options.clock.now()) await this.#miss(name);
  }

  /** Says that this node leaves. */
  async leave(): Promise<void> {
    const { store, node } = this.#options;
    try {
      await store.publish(CHANNEL, Buffer.from(LEAVING + node));
      await this.#stop?.();
    } catch {
      // Nobody can be told now; they find its record gone.
    }
  }

  #hear(message: string): void {
    const isLeaving = message.startsWith(LEAVING);
    const name = isLeaving ? message.slice(LEAVING.length) : message;
    if (!isNode(name) || name === this.#options.node) return;
    if (isLeaving) this.#present.delete(name);
    else if (this.#present.has(name) || this.#present.size < NODES_LIMIT) this.#keep(name);
  }

  // News can be missed; the record decides.
  async #miss(name: string): Promise<void> {
    const { emit, isEntered } = this.#options;
    if (await isEntered(name)) return this.#keep(name);
    if (!this.#present.delete(name)) return;
    emit({ type: 'node-lost' });
    const message = 'A node of the fleet is gone without having said so.';
    emit({ type: 'notice', level: 'warn', message, detail: { node: name } });
  }

  #keep(name: string): void {
    this.#present.set(name, this.#options.clock.now() + this.#options.silenceMs);
  }
}
