import type { Session, SessionKeeper } from '../core/session.ts';
import type { SessionNews } from '../core/session-vault.ts';
import type { Change } from '../core/subscription.ts';
import { scanObject } from '../jsonrpc/raw.ts';
import type { Context } from './inbound.ts';
import { SessionLog } from './session-log.ts';
import { type SessionSide, SessionState } from './session-state.ts';
import { SessionStream } from './session-stream.ts';

/** What a session keeps on this side; each part is made when it is first needed, because most sessions need none. */
interface Parts {
  /** Does for the session what its parts need, under the configuration of the newest request. */
  readonly side: StreamableSession;
  state?: SessionState;
  log?: SessionLog;
  stream?: SessionStream;
  /** Calls that are being taken over from nodes that are gone, by stream. */
  adoptions?: Map<string, Promise<boolean>>;
  /** Set while what is subscribed to is being looked up; `again`: it changed since. */
  following?: { again: boolean };
  /** Who waits for a stream on another node, and until when there is one. */
  seeking?: Set<() => void>;
  readUntil?: number;
}

/** How long it is believed that another node has the session's stream: it could be gone at any time. */
const READ_MS = 2_000;

const PARTS = new WeakMap<Session, Parts>();

/** A legacy session of the Streamable HTTP transport as one request sees it. */
export class StreamableSession implements SessionSide {
  readonly session: Session;
  #context: Context;

  constructor(context: Context, session: Session) {
    this.#context = context;
    this.session = session;
  }

  /** What runs and what is asked in the session. */
  get state(): SessionState {
    const parts = this.#parts();
    parts.state ??= new SessionState(this.session, this.#context.deps.sessions, parts.side);
    return parts.state;
  }

  onChange(change: Change): void {
    this.stream.report(change);
  }

  requestAside(message: Buffer): boolean {
    const { stream, readUntil = 0 } = this.#parts();
    if (stream?.request(message) === true) return true;
    const { clock, sessions } = this.#context.deps;
    if (clock.now() >= readUntil) return false;
    return sessions.vault?.pass(this.session.id, { type: 'aside', message: message.toString() }) === true;
  }

  onceReadable(run: () => void): () => void {
    const parts = this.#parts();
    const stops = [this.stream.onceOpen(run)];
    if (this.session.isShared) {
      parts.seeking ??= new Set();
      const { seeking } = parts;
      seeking.add(run);
      stops.push(() => void seeking.delete(run));
      this.#context.deps.sessions.vault?.pass(this.session.id, { type: 'seek' });
    }
    return () => {
      for (const stop of stops) stop();
      this.#context.deps.sessions.loosen(this.session);
    };
  }

  get mint(): SessionSide['mint'] {
    return this.#context.deps.peers?.tags.mint;
  }

  /** What its streams sent, for clients that resume. */
  get log(): SessionLog {
    const parts = this.#parts();
    parts.log ??= this.#openLog();
    return parts.log;
  }

  /** The taking over of a call, while it is under way. */
  adoptionOf(streamId: string): Promise<boolean> | undefined {
    return this.#parts().adoptions?.get(streamId);
  }

  /** Takes a call over, with all who want that at this moment. */
  adoptOnce(streamId: string, adopt: () => Promise<boolean>): Promise<boolean> {
    const parts = this.#parts();
    parts.adoptions ??= new Map();
    const { adoptions } = parts;
    const running = adoptions.get(streamId) ?? adopt().finally(() => adoptions.delete(streamId));
    adoptions.set(streamId, running);
    return running;
  }

  /** Its GET stream. */
  get stream(): SessionStream {
    const parts = this.#parts();
    parts.stream ??= new SessionStream(this.#context, this.state, () => this.log);
    return parts.stream;
  }

  #parts(): Parts {
    let parts = PARTS.get(this.session);
    if (parts === undefined) {
      parts = { side: this };
      PARTS.set(this.session, parts);
      if (this.session.isShared) this.session.keeper = this.#keeper(parts);
    }
    // A session lives longer than a configuration: what it does beside its requests must not be done under a former one, nor keep that alive.
    parts.side.#context = this.#context;
    return parts;
  }

  #openLog(): SessionLog {
    const log = new SessionLog(this.#context, this.session.id);
    this.session.owner.defer(() => {
      // What still runs ends first: it would go on writing to a log that is no more.
      this.#parts().state?.abort();
      log.close(this.session.livesOn);
    });
    return log;
  }

  #keeper(parts: Parts): SessionKeeper {
    return {
      get isBusy() {
        const { stream, state } = parts;
        return stream?.isOpen === true || stream?.isAwaited === true || state?.isSubscribed === true;
      },
      hear: (news) => this.#hear(parts, news),
    };
  }

  #hear(parts: Parts, news: SessionNews): void {
    const { state, stream } = parts;
    switch (news.type) {
      case 'stream':
        if (stream === undefined) state?.subscription.letGo();
        else stream.yieldTo(news.at);
        return;
      case 'watches':
        void this.#followWatches(parts);
        return;
      case 'kept':
        if (stream?.isOpen !== true) state?.subscription.letGo();
        return;
      case 'cancel':
        state?.cancel(news.requestId);
        return;
      case 'seek':
        if (stream?.isOpen === true) this.#context.deps.sessions.vault?.pass(this.session.id, { type: 'reads' });
        return;
      case 'reads':
        return this.#onRead(parts);
      case 'aside':
        stream?.request(Buffer.from(news.message));
        return;
      case 'task': {
        const { taskId, isProgress } = news;
        const params = scanObject(Buffer.from(news.params));
        if (stream?.isOpen === true && params !== undefined)
          stream.report({ kind: 'task', taskId, params, isProgress });
      }
    }
  }

  #onRead(parts: Parts): void {
    parts.readUntil = this.#context.deps.clock.now() + READ_MS;
    const seeking = [...(parts.seeking ?? [])];
    parts.seeking?.clear();
    for (const run of seeking) run();
  }

  // Whoever has the stream looks after everything; without one, each node looks after what it was asked for.
  async #followWatches(parts: Parts): Promise<void> {
    if (parts.following !== undefined) {
      parts.following.again = true;
      return;
    }
    const following = { again: true };
    parts.following = following;
    try {
      while (following.again) {
        following.again = false;
        await this.#follow(parts);
      }
    } catch {
      // The store is away; what is watched here goes on.
    }
    delete parts.following;
  }

  async #follow({ state, stream }: Parts): Promise<void> {
    const { vault } = this.#context.deps.sessions;
    if (state === undefined || vault === undefined || !state.isSubscribed) return;
    const uris = await vault.urisOf(this.session);
    if (stream?.isOpen !== true) return await state.subscription.retain(this.#context, uris);
    await state.subscription.follow(this.#context, uris);
    vault.tellKept(this.session);
  }
}
