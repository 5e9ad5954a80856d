import type { Session } from '../core/session.ts';
import type { Change, Subscription } from '../core/subscription.ts';
import type { Context } from './inbound.ts';

/** What one session may watch at a time. */
export const MAX_WATCHED_URIS = 1_000;

/**
 * The one subscription of a legacy session: all list changes plus the URIs it subscribed to. It is opened by the first stream or
 * resources/subscribe, because most sessions need neither and an open feed costs an upstream connection. A configuration reload brings
 * another context: the subscription then moves to it with the URIs it has.
 */
export class SessionSubscription {
  readonly #session: Session;
  readonly #onChange: (change: Change) => void;
  /** What it watches or is about to, with what came of it. */
  #uris: Map<string, Promise<boolean>> | undefined;
  #context: Context | undefined;
  #opening: Promise<Owned> | undefined;

  constructor(session: Session, onChange: (change: Change) => void) {
    this.#session = session;
    this.#onChange = onChange;
  }

  /** Opens it if it is not open. Never rejects: without a feed the session works on, and the next stream tries again. */
  async open(context: Context): Promise<void> {
    try {
      await this.#opened(context);
    } catch (error) {
      const detail = { session: this.#session.id, error };
      context.deps.emit({ type: 'notice', level: 'warn', message: 'No change feed for a session.', detail });
    }
  }

  /** True when it was opened, or is being opened. */
  get isOpen(): boolean {
    return this.#opening !== undefined;
  }

  /** What it watches or is about to. */
  get uris(): readonly string[] {
    return [...(this.#uris?.keys() ?? [])];
  }

  /** Opens it over just these URIs, as they were subscribed to on any node of the fleet. Never rejects. */
  async follow(context: Context, uris: readonly string[]): Promise<void> {
    await this.retain(context, uris);
    if (this.isOpen) {
      await Promise.allSettled(uris.map((uri) => this.add(context, uri)));
      return;
    }
    this.#uris = new Map(uris.slice(0, MAX_WATCHED_URIS).map((uri) => [uri, Promise.resolve(true)]));
    await this.open(context);
  }

  /** Stops watching what is not among these. Never rejects. */
  async retain(context: Context, uris: readonly string[]): Promise<void> {
    const kept = new Set(uris);
    const gone = this.uris.filter((uri) => !kept.has(uri));
    await Promise.allSettled(gone.map((uri) => this.remove(context, uri)));
  }

  /** Closes it here: another node looks after it. It can be opened again. */
  letGo(): void {
    const opening = this.#opening;
    this.#opening = undefined;
    this.#context = undefined;
    this.#uris = undefined;
    opening?.then((owned) => end(owned, 'moved')).catch(noteNothing);
  }

  /** Watches a URI; false when no upstream accepts it or the session watches too many. */
  async add(context: Context, uri: string): Promise<boolean> {
    this.#uris ??= new Map();
    const uris = this.#uris;
    const known = uris.get(uri);
    if (known !== undefined) return await known;
    if (uris.size >= MAX_WATCHED_URIS) return false;
    // Its place is taken before anybody is asked: requests that come together must not all find the last one free.
    const attempt = this.#opened(context).then((subscription) => subscription.add(uri));
    uris.set(uri, attempt);
    let isWatched = false;
    try {
      isWatched = await attempt;
    } finally {
      if (!isWatched && uris.get(uri) === attempt) uris.delete(uri);
    }
    return isWatched;
  }

  /** Stops watching a URI. */
  async remove(context: Context, uri: string): Promise<void> {
    if (this.#uris?.delete(uri) === true && this.isOpen) await (await this.#opened(context)).remove(uri);
  }

  #opened(context: Context): Promise<Subscription> {
    if (this.#opening === undefined || this.#context !== context) {
      const former = this.#opening;
      this.#context = context;
      this.#opening = this.#start(context);
      former?.then((owned) => end(owned, 'reload')).catch(noteNothing);
    }
    return this.#opening.then(({ subscription }) => subscription);
  }

  async #start(context: Context): Promise<Owned> {
    this.#session.noteStream();
    context.deps.sessions.touch(this.#session);
    try {
      return this.#own(await this.#openFor(context));
    } catch (error) {
      if (this.#context === context) this.#opening = undefined;
      throw error;
    }
  }

  async #openFor({ deps }: Context): Promise<Subscription> {
    const { route, principal, client, id, owner } = this.#session;
    const filter = { tools: true, prompts: true, resources: true, uris: [...(this.#uris?.keys() ?? [])] };
    const left = new AbortController();
    const takeBack = owner.defer(() => left.abort('session-ended'));
    try {
      const subscriber = { route, principal, client, sessionId: id };
      return await deps.subscriptions.open(subscriber, filter, this.#onChange, left.signal);
    } finally {
      takeBack();
    }
  }

  // Apart from how it was opened: what is deferred here lives as long as the session, and with it all that it can see.
  #own(subscription: Subscription): Owned {
    // A session that ended meanwhile releases it at once.
    return { subscription, disown: this.#session.owner.defer(() => subscription.close('session-ended')) };
  }
}

/** A subscription that ends with its session. */
interface Owned {
  readonly subscription: Subscription;
  /** Takes it back from the session: one that lives for days must not keep what every reload replaced. */
  readonly disown: () => void;
}

async function end({ subscription, disown }: Owned, reason: string): Promise<void> {
  disown();
  await subscription.close(reason);
}

function noteNothing(): void {
  // The former subscription failed to open, so there is nothing to close.
}
