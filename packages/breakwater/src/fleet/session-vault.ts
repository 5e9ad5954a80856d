import { isGatewayError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { Clock, Random } from '../core/ports.ts';
import type { KeyRing } from '../core/seal.ts';
import type { Session, SessionInit, SessionKey } from '../core/session.ts';
import { type SessionPolicy, silenceMs } from '../core/session-policy.ts';
import type {
  AsideNews,
  CheckedSession,
  Inheritance,
  KnownSession,
  SessionNews,
  SessionProgress,
  SessionVault,
  VaultListener,
} from '../core/session-vault.ts';
import type { FieldChange, Fields, Store } from '../core/store.ts';
import type { Change } from '../core/subscription.ts';
import type { RawId } from '../jsonrpc/id.ts';
import { SessionBus } from './session-bus.ts';
import {
  forgetMissed,
  isTombstone,
  livelinessOf,
  mayWatch,
  missChange,
  readMissed,
  readProgress,
  readWatches,
  recordKey,
  settingsOf,
  streamAt,
  streamNodeOf,
  TOMBSTONE,
  watchChange,
  withoutMissed,
} from './session-record.ts';
import { openSession, type SessionBirth, sealSession, uidOf } from './session-token.ts';
import { WriteBehind } from './write-behind.ts';

/** What a {@link FleetSessions} works with. */
export interface VaultDeps {
  readonly store: Store;
  readonly ring: KeyRing;
  readonly node: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly emit: Emit;
  /** How long sessions live, as it is configured now. */
  readonly policy: () => SessionPolicy;
}

/** Signs of life are written at most this often per session, and more often only where sessions live for seconds. */
const TOUCH_MS = 5_000;
/** A record outlives its session's silence by what may lie between a sign of life and its being written. */
const GRACE_MS = 2_000;
/**
 * How long it is written down at least that a session ended. Afterwards its record is missing, which says the same; until then the mark also outweighs what
 * other nodes write late. Not longer: of a thousand sessions a second, which the field's are, it is what fills a store.
 */
const TOMBSTONE_MS = 600_000;
const LEAST_TTL_MS = 1_000;
/** Every node is sent what is for one of them. */
const MOST_ASIDE_BYTES = 65_536;
/** Descriptions of clients that are shared by the sessions read here. */
const MOST_CLIENTS = 500;

/** The sessions of a fleet: what never changes is in their ids, what changes is one record each in the store. */
export class FleetSessions implements SessionVault {
  readonly #deps: VaultDeps;
  readonly #bus: SessionBus;
  readonly #writes: WriteBehind;
  readonly #clients = new Map<string, SessionInit['client']>();
  #listener: VaultListener | undefined;
  /** The store did not take the last session that had to be written down: what is new must not rely on it. */
  #isRefused = false;

  constructor(deps: VaultDeps) {
    this.#deps = deps;
    this.#bus = new SessionBus(deps);
    this.#writes = new WriteBehind(deps.store, deps.clock);
  }

  /** Begins to hear the other nodes. Rejects with `store.unavailable`. */
  async start(): Promise<void> {
    await this.#bus.open(
      (sessionId, news) => {
        // What waits would be written over the mark of its end, and give that a shorter life.
        if (news.type === 'ended') void this.#writes.take(recordKey(uidOf(sessionId)));
        this.#listener?.onNews(sessionId, news);
      },
      () => this.#listener?.onGap(),
    );
  }

  /** Writes what waits and hears nothing any more. */
  async close(): Promise<void> {
    await this.#writes.close();
    await this.#bus.close();
  }

  listen(listener: VaultListener): void {
    this.#listener = listener;
  }

  mint(init: SessionInit, createdAt: number): string {
    const { client, isStrict = false } = init;
    return sealSession(this.#deps.ring, this.#deps.random.id(), init, { client, createdAt, isStrict });
  }

  // Most sessions are over before anybody else could ask for them, and their ids say all there is to know.
  async keep(session: Session): Promise<void> {
    if (this.#goesWithout(session)) return;
    try {
      await this.#deps.store.write(keyOf(session), standingOf(session), this.#ttlMs(session));
      this.#isRefused = false;
    } catch (error) {
      this.#isRefused = true;
      throw error;
    }
    this.#mark(session);
  }

  async find(key: SessionKey): Promise<KnownSession | undefined> {
    const { ring, clock, store } = this.#deps;
    const opened = openSession(ring, key.id, key);
    if (opened === undefined || this.#isOverAge(opened.createdAt)) return undefined;
    const record = recordKey(opened.uid);
    const fields = await store.read(record);
    const now = clock.now();
    if (fields === undefined) {
      if (!(await this.#livesWithoutRecord(opened))) return undefined;
      const progress = readProgress(new Map(), now);
      const { ephemeralIdleMs } = this.#deps.policy();
      await store.create(record, { seen: Buffer.from(String(now)) }, ephemeralIdleMs + GRACE_MS);
      return this.#known(key, opened, progress);
    }
    return isTombstone(fields) ? undefined : this.#known(key, opened, readProgress(fields, now));
  }

  async check(session: Session): Promise<CheckedSession | undefined> {
    const { store, clock, node } = this.#deps;
    if (this.#isOverAge(session.createdAt)) return undefined;
    const fields = await store.read(keyOf(session));
    if (fields === undefined) {
      if (!(await this.#livesWithoutRecord(session))) return undefined;
      // The store forgot, or was never told; what this node knows is the best there is.
      if (!this.#goesWithout(session)) await store.write(keyOf(session), standingOf(session), this.#ttlMs(session));
      return { ...progressOf(session), streamElsewhere: false };
    }
    if (isTombstone(fields)) return undefined;
    const at = streamNodeOf(fields);
    return { ...readProgress(fields, clock.now()), streamElsewhere: at !== undefined && at !== node };
  }

  touch(session: Session): void {
    const last = session.written;
    const isDue = last === undefined || session.lastSeenAt - last.at >= this.#touchMs(session);
    if (!isDue && last.stage === session.stage) return;
    this.#note(session, livelinessOf(session));
  }

  async settle(session: Session): Promise<void> {
    const { initialized, confirmed, logLevel } = session;
    // Who finds no record takes the handshake for complete, and who has read that it is not asks again.
    if (session.written?.isSettled !== true && logLevel === undefined && this.#goesWithout(session)) {
      this.#note(session, standingOf(session), true);
      return;
    }
    await this.#write(session, settingsOf(session));
    await this.#bus.tellSurely(session.id, { type: 'changed', progress: { initialized, confirmed, logLevel } });
  }

  leave(session: Session): void {
    const last = session.written;
    if (last === undefined ? this.#goesWithout(session) : last.at >= session.lastSeenAt) return;
    this.#note(session, livelinessOf(session));
  }

  async end(session: Session): Promise<void> {
    const { policy, clock } = this.#deps;
    const ageMs = clock.now() - session.createdAt;
    const neededMs = Math.max(TOMBSTONE_MS, this.#youthMs(session.isStrict) - ageMs + GRACE_MS);
    const ttlMs = Math.min(Math.max(policy().maxAgeMs - ageMs, LEAST_TTL_MS), neededMs);
    const key = keyOf(session);
    await Promise.all([
      // Of one that ended nothing else matters.
      this.#writes.take(key).then(() => this.#writeOrLater(key, TOMBSTONE, ttlMs)),
      this.#bus.tellSurely(session.id, { type: 'ended' }),
    ]);
  }

  async takeStream(session: Session, at: number): Promise<Inheritance> {
    const { store, ring, node } = this.#deps;
    const uid = uidOf(session.id);
    const fields: Fields = (await store.read(keyOf(session))) ?? new Map();
    const before = streamNodeOf(fields);
    const waiting = withoutMissed(await this.#writes.take(keyOf(session)));
    const change = { ...waiting, ...forgetMissed(fields), ...streamAt(node) };
    await store.write(keyOf(session), change, this.#ttlMs(session));
    await this.#tell(session, { type: 'stream', at });
    return {
      moved: before !== undefined && before !== node,
      uris: readWatches(ring, uid, fields),
      missed: readMissed(ring, uid, fields),
    };
  }

  async mayWatch(session: Session, uri: string, most: number): Promise<boolean> {
    const fields = await this.#deps.store.read(keyOf(session));
    return fields === undefined || mayWatch(fields, uri, most);
  }

  async urisOf(session: Session): Promise<readonly string[]> {
    const fields = await this.#deps.store.read(keyOf(session));
    return fields === undefined ? [] : readWatches(this.#deps.ring, uidOf(session.id), fields);
  }

  async watch(session: Session, uri: string, isWatched: boolean): Promise<void> {
    await this.#write(session, watchChange(this.#deps.ring, uidOf(session.id), uri, isWatched));
    await this.#tell(session, { type: 'watches' });
  }

  tellKept(session: Session): void {
    void this.#tell(session, { type: 'kept' });
  }

  miss(session: Session, change: Change): void {
    const missed = missChange(this.#deps.ring, uidOf(session.id), change);
    if (missed !== undefined) this.#writes.add(keyOf(session), missed, this.#ttlMs(session));
  }

  cancel(session: Session, requestId: RawId): void {
    void this.#tell(session, { type: 'cancel', requestId });
  }

  pass(sessionId: string, news: AsideNews): boolean {
    const bytes = news.type === 'aside' ? news.message.length : news.type === 'task' ? news.params.length : 0;
    if (bytes > MOST_ASIDE_BYTES) return false;
    void this.#tellAbout(sessionId, news);
    return true;
  }

  #known(key: SessionKey, born: SessionBirth, progress: SessionProgress): KnownSession {
    const { route, transport, principal } = key;
    const { createdAt, isStrict } = born;
    return { init: { route, transport, principal, client: this.#intern(born.client), isStrict }, createdAt, progress };
  }

  #intern(client: SessionInit['client']): SessionInit['client'] {
    const { revision, capabilities, info } = client;
    const key = `${revision}\n${JSON.stringify(capabilities)}\n${info?.toString('latin1') ?? ''}`;
    const known = this.#clients.get(key);
    if (known === undefined && this.#clients.size < MOST_CLIENTS) this.#clients.set(key, client);
    return known ?? client;
  }

  #isOverAge(createdAt: number): boolean {
    return createdAt + this.#deps.policy().maxAgeMs <= this.#deps.clock.now();
  }

  // Silence ends a session by taking its record. A session lives whose record is missing for another reason: the store lost it, or its node was lost before it wrote one.
  async #livesWithoutRecord({ createdAt, isStrict }: Pick<Session, 'createdAt' | 'isStrict'>): Promise<boolean> {
    const youthMs = this.#youthMs(isStrict);
    return this.#deps.clock.now() - createdAt < youthMs || createdAt < (await this.#deps.store.born());
  }

  /**
   * Up to this age silence cannot have ended a session of which anything was heard since `initialize`, so one without a record lives. One of which nothing was
   * heard may live somewhat longer so where its node is lost, but not where the handshake matters. With the grace that a record has: what is left unwritten
   * must not end sooner than what is written.
   */
  #youthMs(isStrict: boolean): number {
    const { handshakeMs, ephemeralIdleMs, idleMs } = this.#deps.policy();
    const youthMs = Math.min(ephemeralIdleMs, idleMs);
    return isStrict ? Math.min(youthMs, handshakeMs) : youthMs + GRACE_MS;
  }

  /** True while the session needs no record: were this node lost now, others would take it for young for as long as it may be silent. */
  #goesWithout(session: Session): boolean {
    const { store, policy, clock } = this.#deps;
    if (session.isStrict || !store.isUp || this.#isRefused || this.#writes.isFailing) return false;
    const leftMs = session.createdAt + this.#youthMs(false) - clock.now();
    return silenceMs(policy(), session.stage) <= leftMs;
  }

  #touchMs(session: Session): number {
    return Math.min(TOUCH_MS, silenceMs(this.#deps.policy(), session.stage) / 4);
  }

  #ttlMs(session: Session): number {
    const silence = silenceMs(this.#deps.policy(), session.stage);
    return silence + this.#touchMs(session) + GRACE_MS;
  }

  #mark(session: Session, isSettled = session.written?.isSettled === true): void {
    session.written = { at: session.lastSeenAt, stage: session.stage, isSettled };
  }

  #note(session: Session, change: FieldChange, isSettled?: boolean): void {
    this.#mark(session, isSettled);
    this.#writes.add(keyOf(session), change, this.#ttlMs(session));
  }

  async #write(session: Session, change: FieldChange): Promise<void> {
    await this.#writeOrLater(keyOf(session), { ...livelinessOf(session), ...change }, this.#ttlMs(session));
    this.#mark(session);
  }

  async #writeOrLater(key: string, change: FieldChange, ttlMs: number): Promise<void> {
    try {
      await this.#writes.now(key, change, ttlMs);
    } catch (error) {
      this.#expectAway(error);
    }
  }

  // Who does not hear it looks for itself once the store is back.
  #tell(session: Session, news: SessionNews): Promise<void> {
    return this.#tellAbout(session.id, news);
  }

  async #tellAbout(sessionId: string, news: SessionNews): Promise<void> {
    try {
      await this.#bus.tell(sessionId, news);
    } catch (error) {
      this.#expectAway(error);
    }
  }

  #expectAway(error: unknown): void {
    if (isGatewayError(error) && error.code === 'store.unavailable') return;
    this.#deps.emit({
      type: 'notice',
      level: 'error',
      message: 'A session could not be written down.',
      detail: { error },
    });
  }
}

function keyOf(session: Session): string {
  return recordKey(uidOf(session.id));
}

/** All that a record of a new session says. */
function standingOf(session: Session): FieldChange {
  return { ...livelinessOf(session), ...settingsOf(session) };
}

function progressOf(session: Session): SessionProgress {
  const { lastSeenAt, stage, initialized, confirmed, logLevel } = session;
  return { lastSeenAt, stage, initialized, confirmed, logLevel, ...session.use };
}
