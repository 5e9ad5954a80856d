import { GatewayError, toGatewayError } from '../core/errors.ts';
import type { HandleNeed, Lease } from '../core/ports.ts';
import { NO_QUESTIONS } from '../protocol/capabilities.ts';
import { Circuit } from './circuit.ts';
import { FairQueue } from './fair-queue.ts';
import { type HandleKey, handleKey } from './key.ts';
import { MemoryWatch } from './memory-watch.ts';
import type { OpenedHandle, OpenNeed } from './opener.ts';
import { hasSession, haveHandle, isNowhereElse, type Placed } from './placing.ts';
import { awaitIdle, bestOf, obstacleTo, type PoolEntry, type Waiter } from './pool-entry.ts';
import { PoolLease } from './pool-lease.ts';
import type { PoolDeps, PoolOptions, PoolStatus } from './pool-options.ts';

/** How long the gateway's own reads of a server wait for its next opening after a failure: about two short restarts. */
const OWN_READ_WAIT_MS = 1_000;

/**
 * What became of a waiter: it has a handle or waits for a certain one; or no place is free; or the upstream may not be opened yet; or it is
 * down and nobody is to wait for it.
 */
type Placement = 'placed' | 'full' | 'back-off' | 'refused';

/** How long a node that hands over waits for a next owner of what its last callers need. */
const HAND_OVER_MS = 1_000;
/** How often a node that hands over looks for the next owner, for the last callers it has. */
const HAND_OVER_POLL_MS = 200;
/** How long another node's handle stays open unused: it keeps the owner's from being idle. */
const BORROWED_IDLE_MS = 10_000;

/** Isolations under which callers of one principal may meet on a handle. */
const SHARES: ReadonlySet<string> = new Set(['auto', 'principal']);

// Made once: the reason that an abort makes for itself looks at the stack each time.
const NOT_NEEDED = new Error('Nobody needs the handle any more.');

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
  readonly #circuit: Circuit;
  readonly #memory: MemoryWatch | undefined;
  #hasSession: boolean | undefined;
  #isWakeUpSet = false;
  #handedOverAt: number | undefined;
  #closed = false;

  constructor(options: PoolOptions, deps: PoolDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#circuit = new Circuit(
      options.name,
      { ...options.restart, jitter: deps.jitter ?? Math.random },
      { clock: deps.clock, emit: deps.emit, onTripped: () => this.#pump() },
    );
    const { memoryBytes } = options.limits;
    this.#memory =
      memoryBytes === undefined
        ? undefined
        : new MemoryWatch(deps.clock, memoryBytes, this.#entries, (entry, bytes) => this.#replace(entry, bytes));
  }

  /** Places taken: handles opening, open and closing. One that is another node's takes a place there. */
  get size(): number {
    let size = 0;
    for (const { isBorrowed } of this.#entries) if (!isBorrowed) size++;
    return size;
  }

  get status(): PoolStatus {
    let handles = 0;
    let borrowed = 0;
    for (const entry of this.#entries) {
      if (entry.handle === undefined) continue;
      handles++;
      if (entry.isBorrowed) borrowed++;
    }
    return {
      handles,
      borrowed,
      opening: this.#entries.size - handles,
      waiting: this.#queue.size,
      circuit: this.#circuit.state,
      failures: this.#circuit.total,
    };
  }

  /** Takes note of how a request over an open handle fared: with an error when it did not reach the server. */
  noteReached(error: Error | undefined): void {
    // Every response comes by here, and there may be thousands of handles.
    if (error === undefined && !this.#circuit.hasFailed) return;
    // What happens while a handle opens is told by whether it opens: a server may answer and still refuse us.
    for (const entry of this.#entries) if (entry.handle === undefined && entry.closing === undefined) return;
    if (error === undefined) return this.#circuit.answer();
    this.#circuit.miss(error);
  }

  acquire(need: HandleNeed): Lease | Promise<Lease> {
    return this.#lendOpen(need) ?? this.#acquireLater(need);
  }

  /** The common case without a promise: the handle is there, nothing is in its way, and nobody is before us. */
  #lendOpen(need: HandleNeed): Lease | undefined {
    if (this.#closed || this.#circuit.state !== 'closed') return undefined;
    const entry = this.#find(need, handleKey(need, this.#traits()));
    if (entry?.handle === undefined || obstacleTo(entry, need) !== undefined) return undefined;
    return this.#lend(entry, entry.handle);
  }

  #acquireLater(need: HandleNeed): Promise<Lease> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { need, resolve, reject, timer: undefined };
      if (this.#closed) reject(new GatewayError('gateway.draining'));
      else this.#enqueue(waiter, this.#place(waiter, true));
    });
  }

  async endSession(sessionId: string): Promise<void> {
    for (const [group, waiter] of this.#queue.isEmpty ? [] : this.#queue.inTurn()) {
      if (waiter.need.sessionId === sessionId) this.#refuse(waiter, new GatewayError('upstream.unavailable'), group);
    }
    const ended: Promise<void>[] = [];
    for (const entry of this.#entries) {
      if (entry.sessionId !== sessionId) continue;
      // It was opened before it was known that the server has no sessions: others of the same person are on it by now, and finish.
      if (entry.handle !== undefined && !hasSession(entry.handle)) this.#retire(entry, 'session-ended');
      else void this.#close(entry, 'session-ended');
      if (entry.closing !== undefined) ended.push(entry.closing);
    }
    if (ended.length > 0) await Promise.all(ended);
  }

  /**
   * Lets another node of the fleet have what exists once: here it gets no new callers, and ends with those it has. The next owner does not wait for
   * that: of a child process there are two until then.
   */
  handOver(): void {
    this.#handedOverAt = this.#deps.clock.now();
    for (const entry of [...this.#entries]) {
      if (entry.handle !== undefined) this.#handOver(entry);
      // After those who wait for it to open.
      else void entry.opened.then(() => this.#handOver(entry));
    }
  }

  #handOver(entry: PoolEntry): void {
    if (entry.hold === undefined) return;
    void entry.hold.release();
    entry.hold = undefined;
    this.#retire(entry, 'closed'); // not as one that ended: the next owner goes on with the session that a server keeps for it
  }

  // Where no other node wants it, because all of them are leaving, the last callers are served here after all.
  get #leavesToOthers(): boolean {
    return this.#handedOverAt !== undefined && this.#deps.clock.now() - this.#handedOverAt < HAND_OVER_MS;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#memory?.stop();
    for (const [group, waiter] of this.#queue.inTurn())
      this.#refuse(waiter, new GatewayError('gateway.draining'), group);
    await Promise.all([...this.#entries].map((entry) => this.#close(entry, 'closed')));
  }

  /** Gives the waiter a handle, or a seat at one that is being opened; or says why neither can be had now. */
  #place(waiter: Waiter, isNew = false): Placement {
    const key = handleKey(waiter.need, this.#traits());
    const entry = this.#find(waiter.need, key);
    if (entry?.handle !== undefined) {
      const obstacle = obstacleTo(entry, waiter.need);
      if (obstacle !== undefined) {
        this.#refuse(waiter, obstacle);
        return 'placed';
      }
      // A child that runs is asked whatever happened to others; a server behind a network may be down though its handle is there.
      if (this.#deps.transport() === 'http' && this.#circuit.state !== 'closed' && this.#circuit.enter() === 'refuse')
        return 'refused';
      this.#grant(entry, entry.handle, waiter);
      return 'placed';
    }
    if (entry !== undefined) {
      this.#seat(entry, waiter);
      return 'placed';
    }
    if (this.#circuit.state === 'closed' && this.#circuit.waitMs > 0) return 'back-off';
    if (this.size >= this.#options.limits.handles) {
      this.#evictIdle();
      if (!isNew || !this.#isOwned(key)) return 'full';
      // What another node has takes no place here. Asked once: a long queue must not ask the store again with each place that becomes free.
      this.#open(key, waiter, true);
      return 'placed';
    }
    if (this.#circuit.enter() !== 'pass') return 'refused';
    this.#open(key, waiter);
    return 'placed';
  }

  #traits(): Parameters<typeof handleKey>[1] {
    return { isolation: this.#options.isolation, transport: this.#deps.transport(), hasSession: this.#hasSession };
  }

  #find(need: HandleNeed, { key }: HandleKey): PoolEntry | undefined {
    const exact = key === undefined ? undefined : this.#byKey.get(key);
    // A server without sessions learns with each request who asks; a second child for another profile would cost its start for nothing.
    const isAnyGood = need.anyProfile === true || (this.#hasSession === false && SHARES.has(this.#options.isolation));
    if (exact !== undefined || !isAnyGood || !need.principal.personal) return exact;
    return bestOf(this.#byKey.values(), need.principal.key);
  }

  #open(key: HandleKey, first: Waiter, isBorrowed = false): void {
    const { need } = first;
    const { clock, random } = this.#deps;
    const entry: PoolEntry = {
      ...key,
      id: random.id(),
      principal: need.principal.key,
      abort: new AbortController(),
      waiters: new Set(),
      opened: Promise.resolve(undefined),
      handle: undefined,
      hold: undefined,
      isBorrowed,
      leases: 0,
      idleSince: clock.now(),
      idleTimer: undefined,
      retired: undefined,
      closing: undefined,
    };
    this.#entries.add(entry);
    if (key.key !== undefined) this.#byKey.set(key.key, entry);
    this.#seat(entry, first);
    const bounds: OpenNeed = {
      profile: key.shared ? NO_QUESTIONS : need.profile,
      clientInfo: key.shared ? undefined : need.clientInfo,
      // Not the first waiter's deadline: a program that npx downloads first is worth the wait of those who come after it.
      deadline: clock.now() + this.#options.limits.startTimeoutMs,
      handleId: entry.id,
      shared: key.shared,
      signal: entry.abort.signal,
    };
    const onOwner = (isTheirs: boolean): void => {
      entry.isBorrowed = isTheirs;
      if (isTheirs) this.#pump();
    };
    const placing = {
      upstream: this.#options.name,
      need,
      open: bounds,
      mayOpen: !isBorrowed && !this.#leavesToOthers,
      onOwner,
    };
    const opening = haveHandle(this.#deps, { ...placing, key: this.#isOwned(key) ? key.key : undefined });
    entry.opened = opening.then(
      (placed) => {
        this.#onOpened(entry, placed);
        return placed;
      },
      (error: unknown) => {
        this.#onOpenFailed(entry, toGatewayError(error));
        return undefined;
      },
    );
  }

  /** True for a handle that can exist once in the fleet. */
  #isOwned({ key }: Pick<HandleKey, 'key'>): boolean {
    return this.#deps.ownership !== undefined && key !== undefined && this.#hasSession !== false;
  }

  #onOpened(entry: PoolEntry, { handle, hold }: Placed): void {
    if (entry.closing !== undefined) return; // nobody wants it any more; who closes the entry closes the handle
    entry.handle = handle;
    entry.hold = hold;
    this.#hasSession = hasSession(handle);
    this.#circuit.succeed();
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
    handle.onRetired?.(() => this.#retire(entry, 'handed over'));
    // Another node has it now: two of them must not both do what they are asked.
    hold?.onLost(() => void this.#close(entry, 'lease-lost'));
    if (!this.#entries.has(entry) || entry.closing !== undefined) return;
    for (const waiter of [...entry.waiters]) {
      const obstacle = obstacleTo(entry, waiter.need);
      if (obstacle === undefined) this.#grant(entry, handle, waiter);
      else this.#refuse(waiter, obstacle);
    }
    entry.waiters.clear();
    if (entry.leases === 0) this.#onIdle(entry);
    if (handle.memoryBytes !== undefined) this.#memory?.start();
  }

  #onOpenFailed(entry: PoolEntry, error: GatewayError): void {
    if (entry.closing !== undefined) return;
    if (isNowhereElse(error)) return this.#awaitPlace(entry);
    // That the fleet did not settle whose it is says nothing about the server.
    if (error.code !== 'store.unavailable' && error.code !== 'fleet.owner-gone') this.#circuit.fail(error);
    const detail = { upstream: this.#options.name, code: error.code, cause: error.cause };
    this.#deps.emit({ type: 'notice', level: 'warn', message: 'An upstream could not be opened.', detail });
    this.#remove(entry);
    for (const waiter of [...entry.waiters]) this.#refuse(waiter, error);
    entry.waiters.clear();
    this.#pump();
  }

  /** No place here, and no other node has it: whoever wants it waits for a place. */
  #awaitPlace(entry: PoolEntry): void {
    this.#remove(entry);
    for (const waiter of [...entry.waiters]) this.#enqueue(waiter, 'full');
    entry.waiters.clear();
    // Its next owner is whichever node is asked for it first.
    if (this.#leavesToOthers) this.#deps.clock.after(HAND_OVER_POLL_MS, () => this.#pump());
    else if (this.size < this.#options.limits.handles) this.#pump();
  }

  #onEnded(entry: PoolEntry, reason: string): void {
    if (entry.closing !== undefined || !this.#entries.has(entry)) return;
    // An HTTP session that expired is no crash: the next one is opened at once.
    if (this.#deps.transport() === 'duplex' && !entry.isBorrowed) this.#circuit.fail(new Error(reason));
    this.#remove(entry);
    this.#deps.emit({ type: 'close', resource: 'handle', id: entry.id, reason });
    if (entry.handle !== undefined) void this.#closeHandle({ handle: entry.handle, hold: entry.hold }, reason);
    this.#pump();
  }

  #grant(entry: PoolEntry, handle: OpenedHandle, waiter: Waiter): void {
    waiter.timer?.clear();
    entry.waiters.delete(waiter);
    waiter.resolve(this.#lend(entry, handle));
  }

  #lend(entry: PoolEntry, handle: OpenedHandle): Lease {
    return new PoolLease(entry, handle, this.#onUnused);
  }

  readonly #onUnused = (entry: PoolEntry): void => this.#onIdle(entry);

  #onIdle(entry: PoolEntry): void {
    if (entry.closing !== undefined || !this.#entries.has(entry)) return;
    if (entry.key === undefined || entry.retired !== undefined) {
      void this.#close(entry, entry.retired ?? 'used');
      return;
    }
    entry.idleSince = this.#deps.clock.now();
    const idleMs = entry.isBorrowed ? Math.min(BORROWED_IDLE_MS, this.#options.idleMs) : this.#options.idleMs;
    awaitIdle(entry, idleMs, this.#deps.clock, () => void this.#close(entry, 'idle'));
    this.#pump();
  }

  /** New callers get a fresh process; this one goes when the calls it has are done. */
  #replace(entry: PoolEntry, memoryBytes: number): void {
    const { limits, name } = this.#options;
    const detail = { upstream: name, handle: entry.id, memoryBytes, limitBytes: limits.memoryBytes };
    const message = 'A server process uses more memory than it may; it is replaced when its calls are done.';
    this.#deps.emit({ type: 'notice', level: 'warn', message, detail });
    this.#retire(entry, 'memory');
  }

  #retire(entry: PoolEntry, reason: string): void {
    entry.retired = reason;
    if (entry.key !== undefined && this.#byKey.get(entry.key) === entry) this.#byKey.delete(entry.key);
    if (entry.leases === 0) this.#onIdle(entry);
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
    entry.abort.abort(NOT_NEEDED);
    const waiters = [...entry.waiters];
    entry.waiters.clear();
    const code = this.#closed ? 'gateway.draining' : 'upstream.unavailable';
    for (const waiter of waiters) this.#refuse(waiter, new GatewayError(code));
    if (entry.handle !== undefined) {
      await this.#closeHandle({ handle: entry.handle, hold: entry.hold }, reason);
      this.#deps.emit({ type: 'close', resource: 'handle', id: entry.id, reason });
    } else {
      // The opener was told; it may have been too far to stop.
      const late = await entry.opened;
      if (late !== undefined) await this.#closeHandle(late, reason);
    }
    this.#remove(entry);
    this.#pump();
  }

  async #closeHandle({ handle, hold }: Placed, reason: string): Promise<void> {
    try {
      // In doubt it may be another node's, which has gone on with what the server keeps for it: that must not end with ours.
      await handle.close(hold?.isHeld === false ? 'lease-lost' : reason);
    } catch (error) {
      const detail = { upstream: this.#options.name, error };
      this.#deps.emit({ type: 'notice', level: 'error', message: 'A handle could not be closed cleanly.', detail });
    }
    // Not before: the next owner's would exist beside it.
    await hold?.release();
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
    const isInVain = placement === 'back-off' && now + this.#circuit.waitMs > this.#patienceOf(need, now);
    if (placement === 'refused' || isInVain) {
      waiter.reject(this.#circuit.refusal);
      return;
    }
    const group = need.principal.personal ? need.principal.key : (need.sessionId ?? need.principal.key);
    this.#queue.push(group, waiter);
    const busyAt = Math.min(need.deadline, now + this.#options.limits.acquireTimeoutMs);
    this.#setTimer(waiter, placement === 'full' ? busyAt : need.deadline, () => {
      this.#queue.remove(group, waiter);
      waiter.reject(this.#circuit.waitMs > 0 ? this.#circuit.refusal : new GatewayError('upstream.busy'));
    });
    if (placement === 'back-off') this.#setWakeUp();
  }

  // One dead server must not hold up every list of its route (measured: 50 s each); whoever calls it waits for it.
  #patienceOf({ deadline, anyProfile }: HandleNeed, now: number): number {
    return anyProfile === true ? Math.min(deadline, now + OWN_READ_WAIT_MS) : deadline;
  }

  #setWakeUp(): void {
    if (this.#isWakeUpSet) return;
    this.#isWakeUpSet = true;
    this.#deps.clock.after(Math.max(1, Math.ceil(this.#circuit.waitMs)), () => {
      this.#isWakeUpSet = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#closed || this.#queue.isEmpty) return;
    for (const [group, waiter] of this.#queue.inTurn()) {
      const placement = this.#place(waiter);
      if (placement === 'placed') this.#queue.serve(group, waiter);
      else if (placement === 'back-off') this.#setWakeUp();
      else if (placement === 'refused') this.#refuse(waiter, this.#circuit.refusal, group);
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
