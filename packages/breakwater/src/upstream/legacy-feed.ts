import type { ServerChange } from '../core/ports.ts';
import type { NotificationMessage } from '../jsonrpc/message.ts';
import { encodeJson } from '../jsonrpc/raw.ts';
import type { JsonObject } from '../protocol/capabilities.ts';
import { type ChangeFeed, changeOf, isSubscribable, reportedKinds } from './change-feed.ts';

/** What a legacy feed works with. `request` resolves true when the server agreed. */
export interface LegacyFeedOptions {
  readonly capabilities: JsonObject;
  readonly request: (method: string, params: Buffer) => Promise<boolean>;
  readonly onChange: (change: ServerChange) => void;
}

/** Changes of a legacy server on a duplex channel: lists are reported unasked, resources after `resources/subscribe`. */
export class LegacyFeed implements ChangeFeed {
  readonly #options: LegacyFeedOptions;
  readonly #watched = new Map<string, { count: number; readonly agreed: Promise<boolean> }>();

  constructor(options: LegacyFeedOptions) {
    this.#options = options;
  }

  async open(): Promise<boolean> {
    return reportedKinds(this.#options.capabilities).length > 0;
  }

  async watch(uri: string): Promise<boolean> {
    if (!isSubscribable(this.#options.capabilities)) return false;
    let entry = this.#watched.get(uri);
    if (entry === undefined) {
      entry = { count: 0, agreed: this.#options.request('resources/subscribe', encodeJson({ uri })) };
      this.#watched.set(uri, entry);
    }
    entry.count++;
    const isAgreed = await entry.agreed;
    if (!isAgreed && this.#watched.get(uri) === entry) this.#watched.delete(uri);
    return isAgreed;
  }

  async unwatch(uri: string): Promise<void> {
    const entry = this.#watched.get(uri);
    if (entry === undefined || --entry.count > 0) return;
    this.#watched.delete(uri);
    await this.#options.request('resources/unsubscribe', encodeJson({ uri }));
  }

  // A legacy server reports its tasks unasked, or never.
  async watchTask(): Promise<boolean> {
    return true;
  }

  async unwatchTask(): Promise<void> {
    // Nothing was asked for.
  }

  receive(notification: NotificationMessage): boolean {
    const change = changeOf(notification);
    if (change !== undefined) this.#options.onChange(change);
    return change !== undefined;
  }

  end(): void {
    this.#watched.clear();
  }
}
