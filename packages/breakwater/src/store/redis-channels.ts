import type { Clock } from '../core/ports.ts';
import { faultOf, RedisFault } from './redis-fault.ts';
import type { RedisLink } from './redis-link.ts';
import { RedisNode } from './redis-node.ts';
import { pause } from './within.ts';

interface Listener {
  readonly hear: (message: Buffer) => void;
  readonly onGap: (() => void) | undefined;
}

/** How the connection that listens is made. */
export interface ChannelsOptions {
  readonly clock: Clock;
  readonly jitter: () => number;
  readonly dial: () => Promise<RedisLink>;
}

const RETRY_MS = 25;

/** What listens: one connection of its own, made when somebody first wants to, and made again with all its channels when it is lost. */
export class RedisChannels {
  readonly #options: ChannelsOptions;
  readonly #listeners = new Map<string, Set<Listener>>();
  #node: RedisNode | undefined;
  #isFirst = true;
  #isClosed = false;

  constructor(options: ChannelsOptions) {
    this.#options = options;
  }

  /** Resolves when the server has confirmed; rejects with a {@link RedisFault} by the deadline. */
  async add(
    channel: string,
    hear: (message: Buffer) => void,
    onGap: (() => void) | undefined,
    deadline: number,
  ): Promise<() => Promise<void>> {
    const listener = { hear, onGap };
    const listeners = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, listeners.add(listener));
    const leave = () => this.#remove(channel, listener);
    try {
      await this.#confirm(channel, deadline);
      return leave;
    } catch (error) {
      await leave();
      throw error;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#listeners.clear();
    this.#node?.close();
  }

  async #confirm(channel: string, deadline: number): Promise<void> {
    const { clock, jitter } = this.#options;
    if (this.#isClosed) throw new RedisFault('down', 'the store is closed');
    this.#node ??= new RedisNode({
      clock,
      jitter,
      dial: () => this.#dial(),
      onChange: (cause) => this.#changed(cause),
    });
    for (;;) {
      try {
        const link = await this.#node.link(deadline);
        return await link.subscribe(channel, (message) => this.#deliver(channel, message));
      } catch (error) {
        const fault = faultOf(error, 'channels');
        const mayTryAgain = fault.kind === 'unsent' || fault.kind === 'lost' || fault.kind === 'refused';
        if (!mayTryAgain || clock.now() + RETRY_MS >= deadline) throw fault;
      }
      await pause(clock, RETRY_MS);
    }
  }

  /** A connection counts as made when it listens to everything. */
  async #dial(): Promise<RedisLink> {
    const link = await this.#options.dial();
    try {
      await Promise.all([...this.#listeners.keys()].map((channel) => this.#listen(link, channel)));
      return link;
    } catch (error) {
      link.close(error instanceof Error ? error : new Error('cannot subscribe'));
      throw error;
    }
  }

  #listen(link: RedisLink, channel: string): Promise<void> {
    return link.subscribe(channel, (message) => this.#deliver(channel, message));
  }

  #changed(cause: Error | undefined): void {
    if (cause !== undefined) return;
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    if (isFirst) return;
    for (const listeners of this.#listeners.values()) for (const { onGap } of [...listeners]) onGap?.();
  }

  #deliver(channel: string, message: Buffer): void {
    for (const { hear } of [...(this.#listeners.get(channel) ?? [])]) hear(message);
  }

  async #remove(channel: string, listener: Listener): Promise<void> {
    const listeners = this.#listeners.get(channel);
    if (listeners?.delete(listener) !== true || listeners.size > 0) return;
    this.#listeners.delete(channel);
    if (this.#node?.isUp !== true) return;
    try {
      const link = await this.#node.link(this.#options.clock.now());
      // Somebody may have come back to it meanwhile.
      if (!this.#listeners.has(channel)) await link.unsubscribe(channel);
    } catch {
      // Without a connection there is no subscription either.
    }
  }
}
