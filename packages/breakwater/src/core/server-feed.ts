import type { Clock, Handle, Lease, ServerChange, Timer } from './ports.ts';
import { reportsChanges } from './snapshot.ts';

/** What a {@link ServerFeed} works with. */
export interface ServerFeedOptions {
  readonly clock: Clock;
  /** Borrows any live handle to the server. */
  readonly acquire: () => Promise<Lease>;
  readonly onChange: (change: ServerChange) => void;
  /** The server is heard again after a time in which changes went unseen. */
  readonly onGap: () => void;
  readonly onFailed: (error: unknown) => void;
}

interface Attachment {
  readonly handle: Handle;
  /** Resolves when the feed is open, or when it never will be. */
  readonly opened: Promise<void>;
  /** Stops listening; harmless when it was called before. */
  readonly stop: () => void;
}

const RETRY_MS = 5_000;
const KINDS = ['tools', 'prompts', 'resources'] as const;

/**
 * Hears what a server reports: listens to one handle at a time, and while that is wanted keeps it alive with a lease. Which handle it is
 * does not matter, the server is the same.
 */
export class ServerFeed {
  readonly #options: ServerFeedOptions;
  #attachment: Attachment | undefined;
  /** While it is held, {@link #attachment} is of its handle. */
  #lease: Lease | undefined;
  #opening: Promise<void> | undefined;
  #retry: Timer | undefined;
  #hearing: object | undefined;
  #isWanted = false;
  #hasGap = false;
  #isClosed = false;

  constructor(options: ServerFeedOptions) {
    this.#options = options;
  }

  get isAttached(): boolean {
    return this.#attachment !== undefined;
  }

  /** A token that stays the same for as long as no change can have gone unheard; undefined while changes are not reported. */
  get hearing(): object | undefined {
    return this.#hearing;
  }

  /** Listens to a handle that is in use anyway, unless another one is listened to; resolves when the feed is open. */
  async attach(handle: Handle): Promise<void> {
    if (this.#attachment === undefined && !this.#isClosed) this.#listenTo(handle);
    await this.#attachment?.opened;
  }

  /** Keeps a handle alive and the feed open until {@link drop}. */
  hold(): void {
    this.#isWanted = true;
    if (this.#lease !== undefined || this.#opening !== undefined || this.#isClosed) return;
    this.#clearRetry();
    this.#opening = this.#openHeld().finally(() => {
      this.#opening = undefined;
      // It was dropped and is wanted again.
      if (this.#isWanted && this.#retry === undefined) this.hold();
    });
  }

  /** Lets go of the handle; it is listened to for as long as it lives. */
  drop(): void {
    this.#isWanted = false;
    this.#hasGap = false;
    this.#clearRetry();
    this.#release();
  }

  close(): void {
    this.#isClosed = true;
    this.drop();
    this.#hearing = undefined;
    this.#attachment?.stop();
    this.#attachment = undefined;
  }

  #listenTo(handle: Handle): void {
    const earlier = this.#attachment;
    const { promise, resolve } = Promise.withResolvers<void>();
    const removers: (() => void)[] = [resolve, () => earlier?.stop()];
    const stop = (): void => {
      for (const remove of removers.splice(0)) remove();
    };
    const attachment = { handle, opened: promise, stop };
    this.#attachment = attachment;
    removers.push(handle.onChange(this.#options.onChange));
    removers.push(handle.onEnd(() => this.#lose(attachment)));
    void this.#open(attachment, earlier).finally(resolve);
  }

  async #open(attachment: Attachment, earlier: Attachment | undefined): Promise<void> {
    const { handle } = attachment;
    let isLive = false;
    try {
      isLive = KINDS.some((kind) => reportsChanges(handle.server, kind)) && (await handle.openFeed());
    } catch (error) {
      this.#options.onFailed(error);
    }
    // Both handles are listened to until the new one reports, so nothing goes unheard.
    earlier?.stop();
    if (this.#attachment === attachment) this.#hearing = isLive ? (this.#hearing ?? {}) : undefined;
  }

  #lose(attachment: Attachment): void {
    attachment.stop();
    this.#hearing = undefined;
    if (this.#attachment !== attachment) return;
    this.#attachment = undefined;
    this.#release();
    if (this.#isWanted) this.#retryLater();
  }

  async #openHeld(): Promise<void> {
    try {
      const lease = await this.#options.acquire();
      if (!this.#isWanted || this.#isClosed) return lease.release();
      this.#lease = lease;
      if (this.#attachment?.handle !== lease.handle) this.#listenTo(lease.handle);
      await this.#attachment?.opened;
      if (this.#lease !== lease) return;
      this.#clearRetry();
      if (this.#hasGap) this.#options.onGap();
      this.#hasGap = false;
    } catch (error) {
      this.#options.onFailed(error);
      if (this.#isWanted) this.#retryLater();
    }
  }

  #retryLater(): void {
    this.#hasGap = true;
    this.#clearRetry();
    this.#retry = this.#options.clock.after(RETRY_MS, () => {
      this.#retry = undefined;
      this.hold();
    });
  }

  #clearRetry(): void {
    this.#retry?.clear();
    this.#retry = undefined;
  }

  #release(): void {
    this.#lease?.release();
    this.#lease = undefined;
  }
}
