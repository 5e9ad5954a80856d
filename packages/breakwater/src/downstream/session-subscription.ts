import type { Session } from '../core/session.ts';
import type { Change, Subscription } from '../core/subscription.ts';
import type { Context } from './inbound.ts';

/** What one session may watch at a time. */
export const MAX_WATCHED_URIS = 1_000;

/**
 * The one subscription of a legacy session: all list changes plus the URIs it subscribed to. It is opened by the first stream or
 * resources/subscribe, because most sessions need neither and an open feed costs an upstream connection.
 */
export class SessionSubscription {
  readonly #context: Context;
  readonly #session: Session;
  readonly #onChange: (change: Change) => void;
  readonly #uris = new Set<string>();
  #opening: Promise<Subscription> | undefined;

  constructor(context: Context, session: Session, onChange: (change: Change) => void) {
    this.#context = context;
    this.#session = session;
    this.#onChange = onChange;
  }

  /** Opens it if it is not open. Never rejects: without a feed the session works on, and the next stream tries again. */
  async open(): Promise<void> {
    try {
      await this.#opened();
    } catch (error) {
      const detail = { session: this.#session.id, error };
      this.#context.deps.emit({ type: 'notice', level: 'warn', message: 'No change feed for a session.', detail });
    }
  }

  /** Watches a URI; false when no upstream accepts it or the session watches too many. */
  async add(uri: string): Promise<boolean> {
    if (this.#uris.has(uri)) return true;
    if (this.#uris.size >= MAX_WATCHED_URIS) return false;
    const subscription = await this.#opened();
    if (!(await subscription.add(uri))) return false;
    this.#uris.add(uri);
    return true;
  }

  /** Stops watching a URI. */
  async remove(uri: string): Promise<void> {
    if (this.#uris.delete(uri)) await (await this.#opened()).remove(uri);
  }

  #opened(): Promise<Subscription> {
    this.#opening ??= this.#start();
    return this.#opening;
  }

  async #start(): Promise<Subscription> {
    const { route, principal, client, id, owner } = this.#session;
    const filter = { tools: true, prompts: true, resources: true, uris: [] };
    try {
      const subscriber = { route, principal, client, sessionId: id };
      const subscription = await this.#context.deps.subscriptions.open(subscriber, filter, this.#onChange);
      // A session that ended meanwhile releases it at once.
      owner.defer(() => subscription.close('session-ended'));
      return subscription;
    } catch (error) {
      this.#opening = undefined;
      throw error;
    }
  }
}
