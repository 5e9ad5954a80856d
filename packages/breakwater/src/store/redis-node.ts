import type { Clock, Timer } from '../core/ports.ts';
import { faultOf, RedisFault } from './redis-fault.ts';
import type { RedisCommand, RedisLink, Reply } from './redis-link.ts';
import { within } from './within.ts';

/** How a {@link RedisNode} comes by its connections. */
export interface NodeOptions {
  readonly clock: Clock;
  /** A number in [0, 1) that spreads the attempts of many nodes. */
  readonly jitter: () => number;
  /** Opens a connection to whoever should have it now. */
  readonly dial: () => Promise<RedisLink>;
  /** Told of each connection made, and with a cause of each moment in which there is none any more. */
  readonly onChange?: (cause: Error | undefined) => void;
}

const FIRST_DELAY_MS = 50;
const LONGEST_DELAY_MS = 2_000;
/** A connection that ends sooner counts as an attempt that failed. */
const GOOD_AFTER_MS = 1_000;

/**
 * A place in the store with one connection to whoever holds it at the moment. When the connection ends, a new one is made at once and commands wait for that;
 * when it cannot be made, commands are refused at once while attempts go on with growing, spread pauses.
 */
export class RedisNode {
  readonly #options: NodeOptions;
  #link: RedisLink | undefined;
  #attempt: Promise<void> | undefined;
  #failures = 0;
  #cause: Error | undefined;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: NodeOptions) {
    this.#options = options;
    this.#dial();
  }

  get isUp(): boolean {
    return this.#link !== undefined;
  }

  /** The connection; the one that is just being made when it is the first attempt. Rejects with a {@link RedisFault} by the deadline. */
  async link(deadline: number): Promise<RedisLink> {
    if (this.#link === undefined && this.#failures === 0 && this.#attempt !== undefined) {
      const { clock } = this.#options;
      const ms = Math.max(0, deadline - clock.now());
      await within(clock, ms, this.#attempt, () => new RedisFault('late', 'no connection within the deadline'));
    }
    if (this.#link !== undefined) return this.#link;
    throw new RedisFault('down', this.#cause?.message ?? 'closed', { cause: this.#cause });
  }

  async run(command: RedisCommand, deadline: number): Promise<Reply> {
    const link = this.#link ?? (await this.link(deadline));
    try {
      return await link.run(command, deadline);
    } catch (error) {
      // It has become a replica: the one to talk to is elsewhere.
      if (error instanceof RedisFault && error.reply === 'READONLY') link.close(error);
      throw error;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.clear();
    this.#failures++;
    this.#link?.close(new RedisFault('unsent', 'the store is closed'));
  }

  #dial(): void {
    this.#timer = undefined;
    this.#attempt = this.#open().finally(() => {
      this.#attempt = undefined;
    });
  }

  async #open(): Promise<void> {
    try {
      const link = await this.#options.dial();
      if (this.#isClosed) link.close(new RedisFault('unsent', 'the store is closed'));
      else this.#hold(link);
    } catch (error) {
      this.#fail(faultOf(error, 'connection'));
    }
  }

  #hold(link: RedisLink): void {
    const { clock, onChange } = this.#options;
    const since = clock.now();
    this.#link = link;
    onChange?.(undefined);
    void link.ended.then((cause) => {
      this.#link = undefined;
      this.#cause = cause;
      if (this.#isClosed) return;
      onChange?.(cause);
      if (clock.now() - since < GOOD_AFTER_MS) return this.#fail(cause);
      this.#failures = 0;
      this.#dial();
    });
  }

  #fail(cause: Error): void {
    this.#cause = cause;
    this.#failures++;
    if (this.#isClosed) return;
    const { clock, jitter } = this.#options;
    const longest = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(this.#failures - 1, 10));
    this.#timer = clock.after(longest * (0.5 + jitter() / 2), () => this.#dial());
  }
}
