import { GatewayError, toGatewayError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { Clock, HandleNeed, Lease, Random } from '../core/ports.ts';
import { NO_QUESTIONS } from '../protocol/capabilities.ts';
import { eraOf } from '../protocol/revision.ts';
import { BackOff } from './back-off.ts';
import { FairQueue } from './fair-queue.ts';
import { type HandleKey, handleKey } from './key.ts';
import type { HandleOpener, OpenedHandle } from './opener.ts';
import type { CommonUpstreamOptions } from './options.ts';
import type { PoolEntry, Waiter } from './pool-entry.ts';

/** What a pool works with. */
export interface PoolDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly emit: Emit;
  readonly open: HandleOpener;
  /** What is known of the transport now; a URL may turn out to be either. */
  readonly transport: () => 'duplex' | 'http';
  /** A number in [0, 1); Math.random unless a test needs to know it. */
  readonly jitter?: () => number;
}

/** The part of an upstream's options that concerns its pool. */
export type PoolOptions = Pick<CommonUpstreamOptions, 'name' | 'isolation' | 'limits' | 'idleMs' | 'restart'>;

/** How long the gateway's own reads of a server wait for its next opening after a failure: about two short restarts. */
const OWN_READ_WAIT_MS = 1_000;

/** What became of a waiter: it has a handle or waits for a certain one; or no place is free; or the upstream may not be opened yet. */
type Placement = 'placed' | 'full' | 'back-off';

/**
 * The handles of one upstream by key: opened when first needed, once for all who need the same one; bounded in number, the wait for a free
 * place fair between principals; closed when idle. The place of a handle is free again when nothing of it is left.
 */
export class HandlePool {
  readonly #options: PoolOptions;
  readonly #deps: PoolDeps;
  readonly #entries = new Set<PoolEntry>();
  readonly #byKey = new Map<string, PoolEntry>();
  readonly #queue = new FairQueue<Waiter>();
  readonly #backOff: BackOff;
  #hasSession: boolean | undefined;
  #isWakeUpSet = false;
  #closed = false;

  constructor(options: PoolOptions, deps: PoolDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#backOff = new BackOff(deps.clock, { ...options.restart, jitter: deps.jitter ?? Math.random });
  }

  /** Places taken: handles opening, open and closing. */
  get size(): number {
    return this.#entries.size;
  }

  acquire(need: HandleNeed): Promise<Lease> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { need, resolve, reject, timer: undefined };
      if (this.#closed) reject(new GatewayError('gateway.draining'));
      else this.#enqueue(waiter, this.#place(waiter));
    });
  }

  async endSession(sessionId: string): Promise<void> {
    for (const [group, waiter] of this.#queue.inTurn()) {
      if (waiter.need.sessionId === sessionId) this.#refuse(waiter, new GatewayError('upstream.unavailable'), group);
    }
    const ended = [...this.#entries].filter((entry) => entry.sessionId === sessionId);
    await Promise.all(ended.map((entry) => this.#close(entry, 'session-ended')));
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const [group, waiter] of this.#queue.inTurn())
      this.#refuse(waiter, new GatewayError('gateway.draining'), group);
    await Promise.all([...this.#entries].map((entry) => this.#close(entry, 'closed')));
  }

  /** Gives the waiter a handle, or a seat at one that is being opened; or says why neither can be had now. */
  #place(waiter: Waiter): Placement {
    const key = handleKey(waiter.need, this.#traits());
    const entry = this.#find(waiter.need, key);
    if (entry?.handle !== undefined) {
      this.#grant(entry, entry.handle, waiter);
      return 'placed';
    }
    if (entry !== undefined) {
      this.#seat(entry, waiter);
      return 'placed';
    }
    if (this.#backOff.waitMs > 0) return 'back-off';
    if (this.#entries.size >= this.#options.limits.handles) {
      this.#evictIdle();
      return 'full';
    }
    this.#open(key, waiter);
    return 'placed';
  }

  #traits(): Parameters<typeof handleKey>[1] {
    const traits = { isolation: this.#options.isolation, transport: this.#deps.transport() };
    return this.#hasSession === undefined ? traits : { ...traits, hasSession: this.#hasSession };
  }

  #find(need: HandleNeed, { key }: HandleKey): PoolEntry | undefined {
    const exact = key === undefined ? undefined : this.#byKey.get(key);
    if (exact !== undefined || need.anyProfile !== true || !need.principal.personal) return exact;
    const own = [...this.#byKey.values()].filter((entry) => entry.principal === need.principal.key && !entry.shared);
    // One that ends with a session is the last choice, one that is not open yet the last but one.
    const rank = (entry: PoolEntry): number =>
      (entry.sessionId === undefined ? 0 : 2) + (entry.handle === undefined ? 1 : 0);
    return own.sort((a, b) => rank(a) - rank(b))[0];
  }

  #open(key: HandleKey, first: Waiter): void {
    const { need } = first;
    const { clock, random, open } = this.#deps;
    const entry: PoolEntry = {
      ...key,
      id: random.id(),
      principal: need.principal.key,
      abort: new AbortController(),
      waiters: new Set(),
      opened: Promise.resolve(undefined),
      handle: undefined,
      leases: 0,
      idleSince: clock.now(),
      idleTimer: undefined,
      closing: undefined,
    };
    this.#entries.add(entry);
    if (key.key !== undefined) this.#byKey.set(key.key, entry);
    this.#seat(entry, first);
    const opening = open({
      profile: key.shared ? NO_QUESTIONS : need.profile,
      clientInfo: key.shared ? undefined : need.clientInfo,
      // Not the first waiter's deadline: a program that npx downloads first is worth the wait of those who come after it.
      deadline: clock.now() + this.#options.limits.startTimeoutMs,
      handleId: entry.id,
      shared: key.shared,
      signal: entry.abort.signal,
    });
    entry.opened = opening.then(
      (handle) => {
        this.#onOpened(entry, handle);
        return handle;
      },
      (error: unknown) => {
        this.#onOpenFailed(entry, toGatewayError(error));
        return undefined;
      },
    );
  }

  #onOpened(entry: PoolEntry, handle: OpenedHandle): void {
    if (entry.closing !== undefined) return; // nobody wants it any more; who closes the entry closes the handle
    entry.handle = handle;
    this.#hasSession = handle.hasSession ?? eraOf(handle.revision) === 'legacy';
    this.#backOff.succeed();
    const detail = `${this.#options.name} ${handle.revision}`;
    this.#deps.emit({
      type: 'open',
      resource: 'handle',
      id: entry.id,
      owner: entry.sessionId ?? entry.principal,
      detail,
      session: entry.sessionId,
      principal: entry.principal,
    });
    handle.onEnd((reason) => this.#onEnded(entry, reason));
    if (!this.#entries.has(entry)) return;
    for (const waiter of [...entry.waiters]) this.#grant(entry, handle, waiter);
    if (entry.leases === 0) this.#onIdle(entry);
  }

  #onOpenFailed(entry: PoolEntry, error: GatewayError): void {
    if (entry.closing !== undefined) return;
    this.#backOff.fail(error);
    const detail = { upstream: this.#options.name, code: error.code, cause: error.cause };
    this.#deps.emit({ type: 'notice', level: 'warn', message: 'An upstream could not be opened.', detail });
    this.#remove(entry);
    for (const waiter of [...entry.waiters]) this.#refuse(waiter, error);
    entry.waiters.clear();
    this.#pump();
  }

  #onEnded(entry: PoolEntry, reason: string): void {
    if (entry.closing !== undefined || !this.#entries.has(entry)) return;
    // An HTTP session that expired is no crash: the next one is opened at once.
    if (this.#deps.transport() === 'duplex') this.#backOff.fail(new Error(reason));
    this.#remove(entry);
    this.#deps.emit({ type: 'close', resource: 'handle', id: entry.id, reason });
    if (entry.handle !== undefined) void this.#closeHandle(entry.handle, reason);
    this.#pump();
  }

  #grant(entry: PoolEntry, handle: OpenedHandle, waiter: Waiter): void {
    waiter.timer?.clear();
    entry.waiters.delete(waiter);
    entry.leases++;
    entry.idleTimer?.clear();
    entry.idleTimer = undefined;
    let isHeld = true;
    waiter.resolve({
      handle,
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        entry.leases--;
        if (entry.leases === 0) this.#onIdle(entry);
      },
    });
  }

  #onIdle(entry: PoolEntry): void {
    if (entry.closing !== undefined || !this.#entries.has(entry)) return;
    if (entry.key === undefined) {
      void this.#close(entry, 'used');
      return;
    }
    entry.idleSince = this.#deps.clock.now();
    entry.idleTimer = this.#deps.clock.after(this.#options.idleMs, () => void this.#close(entry, 'idle'));
    this.#pump();
  }

  /** Makes room for those who wait: the handle that nobody has used for longest goes. One that is closing already will make room by itself. */
  #evictIdle(): void {
    let oldest: PoolEntry | undefined;
    for (const entry of this.#entries) {
      if (entry.closing !== undefined) return;
      if (entry.handle === undefined || entry.leases > 0) continue;
      if (oldest === undefined || entry.idleSince < oldest.idleSince) oldest = entry;
    }
    if (oldest !== undefined) void this.#close(oldest, 'evicted');
  }

  #close(entry: PoolEntry, reason: string): Promise<void> {
    if (entry.closing === undefined) {
      // Set before anything ends: a handle reports its end while it is being closed, and that end is ours.
      const { promise, resolve } = Promise.withResolvers<void>();
      entry.closing = promise;
      void this.#end(entry, reason).then(resolve);
    }
    return entry.closing;
  }

  async #end(entry: PoolEntry, reason: string): Promise<void> {
    entry.idleTimer?.clear();
    if (entry.key !== undefined && this.#byKey.get(entry.key) === entry) this.#byKey.delete(entry.key);
    entry.abort.abort();
    const waiters = [...entry.waiters];
    entry.waiters.clear();
    const code = this.#closed ? 'gateway.draining' : 'upstream.unavailable';
    for (const waiter of waiters) this.#refuse(waiter, new GatewayError(code));
    if (entry.handle !== undefined) {
      await this.#closeHandle(entry.handle, reason);
      this.#deps.emit({ type: 'close', resource: 'handle', id: entry.id, reason });
    } else {
      // The opener was told; it may have been too far to stop.
      const late = await entry.opened;
      if (late !== undefined) await this.#closeHandle(late, reason);
    }
    this.#remove(entry);
    this.#pump();
  }

  async #closeHandle(handle: OpenedHandle, reason: string): Promise<void> {
    try {
      await handle.close(reason);
    } catch (error) {
      const detail = { upstream: this.#options.name, error };
      this.#deps.emit({ type: 'notice', level: 'error', message: 'A handle could not be closed cleanly.', detail });
    }
  }

  #remove(entry: PoolEntry): void {
    this.#entries.delete(entry);
    if (entry.key !== undefined && this.#byKey.get(entry.key) === entry) this.#byKey.delete(entry.key);
    entry.idleTimer?.clear();
  }

  #seat(entry: PoolEntry, waiter: Waiter): void {
    entry.waiters.add(waiter);
    this.#setTimer(waiter, waiter.need.deadline, () => {
      entry.waiters.delete(waiter);
      waiter.reject(new GatewayError('upstream.timeout', { message: 'Upstream did not start in time.' }));
    });
  }

  #enqueue(waiter: Waiter, placement: Placement): void {
    if (placement === 'placed') return;
    const now = this.#deps.clock.now();
    const { need } = waiter;
    // Nothing will be tried before the waiter's time is up: it is told now.
    if (placement === 'back-off' && now + this.#backOff.waitMs > this.#patienceOf(need, now)) {
      waiter.reject(this.#unavailable());
      return;
    }
    const group = need.principal.personal ? need.principal.key : (need.sessionId ?? need.principal.key);
    this.#queue.push(group, waiter);
    const busyAt = Math.min(need.deadline, now + this.#options.limits.acquireTimeoutMs);
    this.#setTimer(waiter, placement === 'full' ? busyAt : need.deadline, () => {
      this.#queue.remove(group, waiter);
      waiter.reject(this.#backOff.waitMs > 0 ? this.#unavailable() : new GatewayError('upstream.busy'));
    });
    if (placement === 'back-off') this.#setWakeUp();
  }

  // One dead server must not hold up every list of its route (measured: 50 s each); whoever calls it waits for it.
  #patienceOf({ deadline, anyProfile }: HandleNeed, now: number): number {
    return anyProfile === true ? Math.min(deadline, now + OWN_READ_WAIT_MS) : deadline;
  }

  #unavailable(): GatewayError {
    const { cause, waitMs } = this.#backOff;
    return new GatewayError('upstream.unavailable', { cause, data: { retryAfterMs: Math.ceil(waitMs) } });
  }

  #setWakeUp(): void {
    if (this.#isWakeUpSet) return;
    this.#isWakeUpSet = true;
    this.#deps.clock.after(Math.max(1, Math.ceil(this.#backOff.waitMs)), () => {
      this.#isWakeUpSet = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#closed) return;
    for (const [group, waiter] of this.#queue.inTurn()) {
      const placement = this.#place(waiter);
      if (placement === 'placed') this.#queue.serve(group, waiter);
      else if (placement === 'back-off') this.#setWakeUp();
    }
  }

  #setTimer(waiter: Waiter, at: number, giveUp: () => void): void {
    waiter.timer?.clear();
    waiter.timer = this.#deps.clock.after(Math.max(0, at - this.#deps.clock.now()), giveUp);
  }

  #refuse(waiter: Waiter, error: GatewayError, group?: string): void {
    waiter.timer?.clear();
    if (group !== undefined) this.#queue.remove(group, waiter);
    waiter.reject(error);
  }
}
