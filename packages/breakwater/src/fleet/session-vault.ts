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
import { openSession, sealSession, uidOf } from './session-token.ts';
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
 * How long it is written down that a session ended. Afterwards its record is missing, which says the same; until then the mark also outweighs what
 * other nodes write late.
 */
const TOMBSTONE_MS = 3_600_000;
const LEAST_TTL_MS = 1_000;
/** Every node is sent what is for one of them. */
const MOST_ASIDE_BYTES = 65_536;
/** Descriptions of clients that are shared by the sessions read here. */
const MOST_CLIENTS = 500;

/** What was written last of how a session stands, or is on its way. */
interface Written {
  readonly at: number;
  readonly stage: Session['stage'];
  /** Nobody else can have heard of it from us. */
  readonly isFresh: boolean;
}

/** The sessions of a fleet: what never changes is in their ids, what changes is one record each in the store. */
export class FleetSessions implements SessionVault {
  readonly #deps: VaultDeps;
  readonly #bus: SessionBus;
  readonly #writes: WriteBehind;
  readonly #written = new WeakMap<Session, Written>();
  readonly #clients = new Map<string, SessionInit['client']>();
  #listener: VaultListener | undefined;
  /** The store took nothing when it was last written to: what is new must not rely on it. */
  #isRefused = false;

  constructor(deps: VaultDeps) {
    this.#deps = deps;
    this.#bus = new SessionBus(deps);
    this.#writes = new WriteBehind(deps.store, deps.clock);
  }

  /** Begins to hear the other nodes. Rejects with `store.unavailable`. */
  async start(): Promise<void> {
    await this.#bus.open(
      (sessionId, news) => this.#listener?.onNews(sessionId, news),
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

  // Most sessions are over before anybody else could ask for them. While nothing was heard of one since `initialize` its id says all there is to know: no
  // record and too young to have ended by silence means that it lives.
  async keep(session: Session): Promise<void> {
    const isKnownByAge = silenceMs(this.#deps.policy(), session.stage) <= this.#youthMs;
    this.#mark(session, true);
    if (isKnownByAge && !session.isStrict && this.#deps.store.isUp && !this.#isRefused) return;
    await this.#try(() => this.#deps.store.write(keyOf(session), standingOf(session), this.#ttlMs(session)));
    this.#mark(session, false);
  }

  async find(key: SessionKey): Promise<KnownSession | undefined> {
    const { ring, clock, store } = this.#deps;
    const opened = openSession(ring, key.id, key);
    if (opened === undefined || this.#isOverAge(opened.createdAt)) return undefined;
    const { uid, createdAt, isStrict } = opened;
    const record = recordKey(uid);
    const fields = await store.read(record);
    const now = clock.now();
    if (fields === undefined) {
      if (!(await this.#livesWithoutRecord(createdAt))) return undefined;
      // Of one that is old, or was written down at once, the record was lost. Of another one there may be none yet.
      const isFresh = !isStrict && this.#isYoung(createdAt);
      const progress = { ...readProgress(new Map(), now), ...(isFresh && { initialized: false }) };
      const { ephemeralIdleMs } = this.#deps.policy();
      const change = { seen: Buffer.from(String(now)), ...settingsOf(progress) };
      await store.create(record, change, ephemeralIdleMs + GRACE_MS);
      return this.#known(key, opened, progress);
    }
    return isTombstone(fields) ? undefined : this.#known(key, opened, readProgress(fields, now));
  }

  async check(session: Session): Promise<CheckedSession | undefined> {
    const { store, clock, node } = this.#deps;
    if (this.#isOverAge(session.createdAt)) return undefined;
    const fields = await store.read(keyOf(session));
    if (fields === undefined) {
      if (!(await this.#livesWithoutRecord(session.createdAt))) return undefined;
      // The store forgot; what this node knows is the best there is.
      await store.write(keyOf(session), standingOf(session), this.#ttlMs(session));
      return { ...progressOf(session), streamElsewhere: false };
    }
    if (isTombstone(fields)) return undefined;
    const at = streamNodeOf(fields);
    return { ...readProgress(fields, clock.now()), streamElsewhere: at !== undefined && at !== node };
  }

  touch(session: Session): void {
    const last = this.#written.get(session);
    const isDue = last === undefined || session.lastSeenAt - last.at >= this.#touchMs(session);
    if (!isDue && last.stage === session.stage) return;
    this.#note(session, livelinessOf(session));
  }

  async settle(session: Session): Promise<void> {
    if (this.#written.get(session)?.isFresh === true && (await this.#create(session))) return;
    const { initialized, confirmed, logLevel } = session;
    await this.#write(session, settingsOf(session));
    await this.#bus.tellSurely(session.id, { type: 'changed', progress: { initialized, confirmed, logLevel } });
  }

  leave(session: Session): void {
    const last = this.#written.get(session);
    if (last === undefined || last.at < session.lastSeenAt) this.#note(session, livelinessOf(session));
  }

  async end(session: Session): Promise<void> {
    const leftMs = session.createdAt + this.#deps.policy().maxAgeMs - this.#deps.clock.now();
    const ttlMs = Math.min(Math.max(leftMs, LEAST_TTL_MS), TOMBSTONE_MS);
    // Of one that ended nothing else matters.
    this.#writes.take(keyOf(session));
    await Promise.all([
      this.#writeOrLater(keyOf(session), TOMBSTONE, ttlMs),
      this.#bus.tellSurely(session.id, { type: 'ended' }),
    ]);
  }

  async takeStream(session: Session, at: number): Promise<Inheritance> {
    const { store, ring, node } = this.#deps;
    const uid = uidOf(session.id);
    const fields: Fields = (await store.read(keyOf(session))) ?? new Map();
    const before = streamNodeOf(fields);
    const waiting = withoutMissed(this.#writes.take(keyOf(session)));
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

  pass(sessionId: string, news: AsideNews): void {
    const bytes = news.type === 'aside' ? news.message.length : news.type === 'task' ? news.params.length : 0;
    if (bytes > MOST_ASIDE_BYTES) return;
    void this.#tellAbout(sessionId, news);
  }

  #known(
    key: SessionKey,
    born: { readonly client: SessionInit['client']; readonly createdAt: number },
    progress: SessionProgress,
  ): KnownSession {
    const { route, transport, principal } = key;
    const { createdAt } = born;
    return { init: { route, transport, principal, client: this.#intern(born.client) }, createdAt, progress };
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

  // Silence ends a session by taking its record. Nothing else does but a store that lost it: then the session lives.
  async #livesWithoutRecord(createdAt: number): Promise<boolean> {
    return this.#isYoung(createdAt) || createdAt < (await this.#deps.store.born());
  }

  #isYoung(createdAt: number): boolean {
    return this.#deps.clock.now() - createdAt < this.#youthMs;
  }

  /** No silence that ends a session is shorter. */
  get #youthMs(): number {
    const { handshakeMs, ephemeralIdleMs, idleMs } = this.#deps.policy();
    return Math.min(handshakeMs, ephemeralIdleMs, idleMs);
  }

  #touchMs(session: Session): number {
    return Math.min(TOUCH_MS, silenceMs(this.#deps.policy(), session.stage) / 4);
  }

  #ttlMs(session: Session): number {
    const silence = silenceMs(this.#deps.policy(), session.stage);
    return silence + this.#touchMs(session) + GRACE_MS;
  }

  #mark(session: Session, isFresh = this.#written.get(session)?.isFresh === true): void {
    this.#written.set(session, { at: session.lastSeenAt, stage: session.stage, isFresh });
  }

  #note(session: Session, change: FieldChange): void {
    this.#mark(session);
    this.#writes.add(keyOf(session), change, this.#ttlMs(session));
  }

  /** Writes a session down that is in no record yet; false where another node had it before, or nobody can say. */
  async #create(session: Session): Promise<boolean> {
    const key = keyOf(session);
    const change = { ...this.#writes.take(key), ...standingOf(session) };
    this.#mark(session, false);
    try {
      return await this.#try(() => this.#deps.store.create(key, change, this.#ttlMs(session)));
    } catch (error) {
      this.#expectAway(error);
      return false;
    }
  }

  async #write(session: Session, change: FieldChange): Promise<void> {
    await this.#writeOrLater(keyOf(session), { ...livelinessOf(session), ...change }, this.#ttlMs(session));
    this.#mark(session, false);
  }

  async #writeOrLater(key: string, change: FieldChange, ttlMs: number): Promise<void> {
    const whole = { ...this.#writes.take(key), ...change };
    try {
      await this.#try(() => this.#deps.store.write(key, whole, ttlMs));
    } catch (error) {
      this.#expectAway(error);
      this.#writes.add(key, whole, ttlMs);
    }
  }

  /** Takes note of whether the store takes what is written. */
  async #try<T>(write: () => Promise<T>): Promise<T> {
    try {
      const done = await write();
      this.#isRefused = false;
      return done;
    } catch (error) {
      this.#isRefused = true;
      throw error;
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
