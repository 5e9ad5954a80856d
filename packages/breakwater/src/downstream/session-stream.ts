import { GatewayError } from '../core/errors.ts';
import type { LoggedEvent } from '../core/event-log.ts';
import type { Clock } from '../core/ports.ts';
import type { Sessions } from '../core/sessions.ts';
import { type Change, taskNews } from '../core/subscription.ts';
import { encodeError, writeError } from '../jsonrpc/write.ts';
import type { CallStream } from './call-stream.ts';
import { writeChange } from './change-notification.ts';
import { EventStream } from './event-stream.ts';
import type { Context, Inbound } from './inbound.ts';
import { MissedChanges } from './missed-changes.ts';
import type { EndReason } from './paced-writer.ts';
import { refuse, rpcErrorOf } from './refusal.ts';
import type { SessionLog, SessionLogStream } from './session-log.ts';
import type { SessionState } from './session-state.ts';

const NOTHING = Buffer.alloc(0);
const RETRY_MS = 1_000;
const SWAPS = 5;
const NO_SWAPS: readonly number[] = [];
const SWAP_WINDOW_MS = 10_000;
const LISTS: readonly Change[] = [{ kind: 'tools' }, { kind: 'prompts' }, { kind: 'resources' }];

/**
 * The GET stream of a legacy session: at most one connection, the newest wins (a client behind a proxy reconnects while its dead stream is
 * still open here; a refusal would lock it out). Changes without a connection are kept as a set and sent when the next one opens.
 */
export class SessionStream {
  readonly #sessions: Sessions;
  readonly #clock: Clock;
  readonly #state: SessionState;
  readonly #logOf: () => SessionLog;
  /** The revision knows events without data and `retry` (2025-11-25). */
  readonly #primes: boolean;
  #missed: MissedChanges | undefined;
  /** What it is in the log; made when something is logged. */
  #logged: SessionLogStream | undefined;
  #stream: EventStream | undefined;
  #openedAt = 0;
  #swaps = NO_SWAPS;
  /** Made when somebody waits: hardly any session is asked something without a stream. */
  #onOpen: Set<() => void> | undefined;

  /** @param logOf brings the session's event log, which is made when something is logged. */
  constructor(context: Context, state: SessionState, logOf: () => SessionLog) {
    this.#sessions = context.deps.sessions;
    this.#clock = context.deps.clock;
    this.#state = state;
    this.#logOf = logOf;
    this.#primes = state.session.client.revision >= '2025-11-25';
    state.session.owner.defer(() => this.#stream?.end('session-ended'));
  }

  /** Answers a GET that asks for this session's stream, or for the rest of another one by `Last-Event-ID`. */
  open(inbound: Inbound, lastEventId: string | undefined): void {
    const resumption = lastEventId === undefined ? undefined : this.#logOf().resume(lastEventId);
    if (resumption?.kind === 'known' && resumption.owner !== undefined) {
      if (resumption.lastLost) this.#tellLost(inbound, resumption.owner);
      else this.#resumeCall(inbound, resumption.owner, resumption.events);
      return;
    }
    const { drain, deps } = inbound.context;
    // Passed on for the rest of an answer that is not kept any more: the session's own stream is not for a node that leaves.
    if (drain.begun && deps.peers?.wasForwarded(inbound.req) === true)
      return refuse(inbound, 'gateway.draining', { close: true });
    if (!this.#mayReplace(inbound)) return;
    // Unknown, malformed and foreign ids open a fresh stream: clients that get an error try the same id again and give up.
    const missed = resumption?.kind === 'known' ? resumption.events : [];
    if (resumption?.kind === 'known' && resumption.trimmed) for (const change of LISTS) this.#keep(change);
    this.#start(inbound, missed);
    if (this.#state.session.isShared) void this.#inherit(inbound.context);
    else void this.#state.subscription.open(inbound.context);
  }

  /** True while a connection is open. */
  get isOpen(): boolean {
    return this.#stream?.open === true;
  }

  /** Another node has the stream since `at`, and what was missed with it. */
  yieldTo(at: number): void {
    if (this.isOpen && at < this.#openedAt) return;
    this.#missed = undefined;
    this.#stream?.end('replaced');
    this.#state.subscription.letGo();
  }

  /** Reports a change: on the stream, or kept for it. */
  readonly report = (change: Change): void => {
    const stream = this.#stream;
    if (stream?.open !== true) {
      const kept = this.#keep(change);
      if (kept !== undefined && this.#state.session.isShared) this.#tellFleet(kept);
      return;
    }
    if (!stream.slow) return this.#send(change);
    // What a client has not read yet need not pile up: that a thing changed twice is the same news.
    if (this.#missed === undefined) stream.onceDrained(() => this.#sendMissed());
    this.#keep(change);
  };

  #tellFleet(change: Change): void {
    const { session } = this.#state;
    const { vault } = this.#sessions;
    const news = taskNews(change);
    if (news === undefined) vault?.miss(session, change);
    else vault?.pass(session.id, news);
  }

  /** Sends a request to the client; false when no connection is open. */
  request(message: Buffer): boolean {
    if (this.#stream?.open !== true) return false;
    this.#publish(message);
    return true;
  }

  /** Somebody waits for the next connection. */
  get isAwaited(): boolean {
    return this.#onOpen !== undefined && this.#onOpen.size > 0;
  }

  /** Calls `run` once, when the next connection opens. Returns the removal. */
  onceOpen(run: () => void): () => void {
    this.#onOpen ??= new Set();
    this.#onOpen.add(run);
    return () => void this.#onOpen?.delete(run);
  }

  /** Ends the stream for a shutdown or a reload; the client comes back by itself and is then told that lists may differ. */
  drain(): void {
    for (const change of LISTS) this.#keep(change);
    this.#stream?.end('drain', this.#primes ? { id: this.#position(), data: NOTHING, retry: RETRY_MS } : undefined);
  }

  #start(inbound: Inbound, missed: readonly LoggedEvent[]): void {
    this.#stream?.end('replaced');
    const removeStep = inbound.context.drain.onBegin(() => this.drain());
    const stream = this.#connect(inbound, (ended) => {
      removeStep();
      if (this.#stream === ended) this.#stream = undefined;
      this.#sessions.loosen(this.#state.session);
    });
    this.#stream = stream;
    this.#openedAt = inbound.context.deps.clock.now();
    // After what was missed there is no need to prime, and before it the id would skip it.
    if (missed.length > 0) for (const event of missed) stream.send(event);
    else if (this.#primes) stream.send({ id: this.#position(), data: NOTHING });
    else stream.comment();
    this.#sendMissed();
    const waiting = this.#onOpen;
    this.#onOpen = undefined;
    for (const run of waiting ?? []) run();
  }

  // From now on this node hears of changes for the whole fleet.
  async #inherit(context: Context): Promise<void> {
    const { session, subscription } = this.#state;
    const stream = this.#stream;
    try {
      const inherited = await context.deps.sessions.vault?.takeStream(session, this.#openedAt);
      if (stream === undefined || this.#stream !== stream || inherited === undefined) return;
      if (inherited.moved) for (const change of LISTS) this.#keep(change);
      for (const change of inherited.missed) this.#keep(change);
      this.#sendMissed();
      await subscription.follow(context, inherited.uris);
    } catch {
      // The store is away: what is known here goes on, and the rest when the client comes back.
      await subscription.open(context);
    }
  }

  #connect(inbound: Inbound, onEnd: (stream: EventStream, reason: EndReason) => void): EventStream {
    const { id } = this.#state.session;
    const stream: EventStream = new EventStream({
      arrival: inbound,
      kind: 'get',
      owner: id,
      sessionId: id,
      isLast: true,
      onEnd: (reason) => onEnd(stream, reason),
    });
    return stream;
  }

  #resumeCall(inbound: Inbound, call: CallStream, missed: readonly LoggedEvent[]): void {
    call.takeOver(
      this.#connect(inbound, (ended) => call.lose(ended)),
      missed,
      this.#primes,
    );
  }

  // The call ran, but its response is not kept any more: an error per request ends the client's waiting.
  #tellLost(inbound: Inbound, call: CallStream): void {
    const stream = this.#connect(inbound, () => undefined);
    const error = encodeError(rpcErrorOf(new GatewayError('stream.lost'), undefined));
    for (const id of call.ids) stream.send({ data: writeError(id, error) });
    stream.end('ended');
  }

  // Two clients that share a session would replace each other's stream for ever.
  #mayReplace(inbound: Inbound): boolean {
    if (this.#stream?.open !== true) return true;
    const now = this.#clock.now();
    this.#swaps = this.#swaps.filter((at) => now - at < SWAP_WINDOW_MS);
    if (this.#swaps.length >= SWAPS) {
      refuse(inbound, 'stream.conflict', { sessionId: this.#state.session.id });
      return false;
    }
    this.#swaps = [...this.#swaps, now];
    return true;
  }

  #sendMissed(): void {
    if (this.#stream?.open !== true) return;
    const kept = this.#missed;
    this.#missed = undefined;
    for (const change of kept?.values() ?? []) this.#send(change);
  }

  #send(change: Change): void {
    const data = writeChange(change, this.#state.session.client.revision);
    if (data !== undefined) this.#publish(data);
  }

  #publish(data: Buffer): void {
    const log = this.#logOf();
    this.#logged ??= log.openOwn();
    const id = log.append(this.#logged, data);
    this.#stream?.send(id === undefined ? { data } : { id, data });
    this.#sessions.touch(this.#state.session);
  }

  #keep(change: Change): Change | undefined {
    this.#missed ??= new MissedChanges();
    return this.#missed.keep(change, () => this.#state.subscription.uris);
  }

  #position(): string {
    const log = this.#logOf();
    this.#logged ??= log.openOwn();
    return log.position(this.#logged);
  }
}
