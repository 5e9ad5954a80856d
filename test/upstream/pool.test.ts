import { afterEach, expect, test } from 'vitest';
import { GatewayError } from '../../packages/breakwater/src/core/errors.ts';
import type { GatewayEvent } from '../../packages/breakwater/src/core/events.ts';
import type { HandleNeed, Lease } from '../../packages/breakwater/src/core/ports.ts';
import { NO_QUESTIONS } from '../../packages/breakwater/src/protocol/capabilities.ts';
import type { OpenedHandle, OpenNeed } from '../../packages/breakwater/src/upstream/opener.ts';
import { HandlePool } from '../../packages/breakwater/src/upstream/pool.ts';
import type { PoolDeps, PoolOptions } from '../../packages/breakwater/src/upstream/pool-options.ts';
import { ManualClock, settle } from './manual-clock.ts';

/** The least a pool needs of a handle: it lives until it is closed or crashes. */
class BareHandle implements OpenedHandle {
  readonly upstream = 'test';
  readonly revision = '2025-11-25';
  readonly server = { info: Buffer.from('{}'), capabilities: {}, instructions: undefined };
  readonly id: string;
  readonly hasSession: boolean;
  closedBecause: string | undefined;
  resident = 0;
  readonly #listeners: ((reason: string) => void)[] = [];

  constructor(id: string, hasSession: boolean) {
    this.id = id;
    this.hasSession = hasSession;
  }

  call(): never {
    throw new Error('a pool calls nothing');
  }

  openFeed = async (): Promise<boolean> => false;
  watch = async (): Promise<boolean> => false;
  unwatch = async (): Promise<void> => undefined;
  watchTask = async (): Promise<boolean> => false;
  unwatchTask = async (): Promise<void> => undefined;
  onChange = (): (() => void) => () => undefined;
  onPage = (): (() => void) => () => undefined;
  onQuestion = (): (() => void) => () => undefined;
  onProgress = (): (() => void) => () => undefined;

  onEnd(listener: (reason: string) => void): () => void {
    this.#listeners.push(listener);
    return () => undefined;
  }

  memoryBytes(): number {
    return this.resident;
  }

  async close(reason: string): Promise<void> {
    this.closedBecause = reason;
  }

  crash(): void {
    for (const listener of this.#listeners) listener('crashed');
  }
}

interface Setup {
  readonly pool: HandlePool;
  readonly clock: ManualClock;
  /** Openings under way, oldest first. */
  readonly openings: {
    readonly need: OpenNeed;
    readonly succeed: (hasSession?: boolean) => BareHandle;
    readonly fail: (error: Error) => void;
  }[];
  readonly events: GatewayEvent[];
  acquire(overrides?: Partial<HandleNeed>): Promise<Lease>;
}

const setups: Setup[] = [];

function setup(options: Partial<PoolOptions> = {}, deps: Partial<PoolDeps> = {}): Setup {
  const clock = new ManualClock();
  const events: GatewayEvent[] = [];
  const openings: Setup['openings'] = [];
  let ids = 0;
  const pool = new HandlePool(
    {
      name: 'test',
      isolation: 'auto',
      limits: { handles: 2, acquireTimeoutMs: 1_000, startTimeoutMs: 60_000 },
      idleMs: 600_000,
      restart: { minDelayMs: 100, maxDelayMs: 1_000 },
      ...options,
    },
    {
      clock,
      random: { id: () => `h${++ids}` },
      emit: (event) => void events.push(event),
      transport: () => 'duplex',
      jitter: () => 0.999_999,
      open: (need) =>
        new Promise((resolve, reject) => {
          openings.push({
            need,
            succeed: (hasSession = true) => {
              const handle = new BareHandle(need.handleId, hasSession);
              resolve(handle);
              return handle;
            },
            fail: reject,
          });
          need.signal.addEventListener('abort', () => reject(new GatewayError('upstream.unavailable')));
        }),
      ...deps,
    },
  );
  const made: Setup = {
    pool,
    clock,
    openings,
    events,
    acquire: (overrides = {}) => {
      const lease = Promise.resolve(
        pool.acquire({
          principal: { key: 'alice', personal: true },
          sessionId: undefined,
          profile: NO_QUESTIONS,
          clientInfo: undefined,
          deadline: clock.now() + 5_000,
          ...overrides,
        }),
      );
      lease.catch(() => undefined); // looked at later
      return lease;
    },
  };
  setups.push(made);
  return made;
}

// The ledger: after everything is closed, every handle that was opened was closed, once.
afterEach(async () => {
  for (const { pool, events } of setups.splice(0)) {
    await pool.close();
    expect(pool.size).toBe(0);
    const of = (type: string): string[] =>
      events.flatMap((event) => (event.type === type && 'resource' in event ? [event.id] : [])).sort();
    expect(of('close')).toEqual(of('open'));
  }
});

const bob = { principal: { key: 'bob', personal: true } };
const carol = { principal: { key: 'carol', personal: true } };

test('those who need the same handle wait for one opening', async () => {
  const { acquire, openings } = setup();
  const leases = [acquire(), acquire(), acquire()];
  expect(openings).toHaveLength(1);
  openings[0]?.succeed();
  const handles = (await Promise.all(leases)).map((lease) => lease.handle);
  expect(new Set(handles).size).toBe(1);
  expect((await acquire()).handle).toBe(handles[0]);
});

test('principals do not share, and strangers share a handle that declares nothing', async () => {
  const { acquire, openings } = setup();
  const stranger = { principal: { key: 'public', personal: false }, profile: { ...NO_QUESTIONS, elicitForm: true } };
  void acquire();
  void acquire(stranger);
  void acquire({ ...stranger, clientInfo: Buffer.from('{}') });
  expect(openings.map(({ need }) => need.shared)).toEqual([false, true]);
  expect(openings[1]?.need).toMatchObject({ profile: NO_QUESTIONS, clientInfo: undefined });
});

test('one caller’s deadline ends its own wait and not the opening', async () => {
  const { acquire, openings, clock } = setup();
  const hasty = acquire();
  const patient = acquire({ deadline: clock.now() + 30_000 });
  await clock.advance(5_000);
  await expect(hasty).rejects.toMatchObject({ code: 'upstream.timeout' });
  openings[0]?.succeed();
  expect((await patient).handle.id).toBe('h1');
});

test('at the limit callers wait, and are refused when nothing becomes free', async () => {
  const { acquire, openings, clock } = setup();
  for (const who of [{}, bob]) {
    const lease = acquire(who);
    openings.at(-1)?.succeed();
    await lease;
  }
  const waiting = acquire(carol);
  await clock.advance(1_000);
  await expect(waiting).rejects.toMatchObject({ code: 'upstream.busy' });
  expect(openings).toHaveLength(2);
});

test('an idle handle makes room for who waits, the longest unused first', async () => {
  const { acquire, openings, clock } = setup();
  const first = acquire();
  const alices = openings[0]?.succeed();
  const second = acquire(bob);
  const bobs = openings[1]?.succeed();
  (await second).release();
  await clock.advance(10);
  (await first).release();
  const waiting = acquire(carol);
  await settle();
  expect([alices?.closedBecause, bobs?.closedBecause]).toEqual([undefined, 'evicted']);
  openings[2]?.succeed();
  expect((await waiting).handle.id).toBe('h3');
});

test('a handle that is given back serves who waited for room', async () => {
  const { acquire, openings } = setup({ limits: { handles: 1, acquireTimeoutMs: 1_000, startTimeoutMs: 60_000 } });
  const held = acquire();
  openings[0]?.succeed();
  const waiting = acquire(bob);
  expect(openings).toHaveLength(1);
  (await held).release();
  await settle();
  openings[1]?.succeed();
  expect((await waiting).handle.id).toBe('h2');
});

test('waiting is fair between principals', async () => {
  // Attack: one principal with many sessions keeps everybody else out.
  const limits = { handles: 1, acquireTimeoutMs: 60_000, startTimeoutMs: 60_000 };
  const { acquire, openings } = setup({ limits, isolation: 'request' });
  const served: string[] = [];
  const use = async (name: string, who: Partial<HandleNeed>): Promise<void> => {
    const lease = await acquire({ ...who, deadline: Number.MAX_SAFE_INTEGER });
    served.push(name);
    lease.release();
  };
  const uses = [use('alice 1', {}), use('alice 2', {}), use('alice 3', {}), use('bob 1', bob), use('bob 2', bob)];
  for (let index = 0; index < uses.length; index++) {
    openings[index]?.succeed();
    await settle();
  }
  await Promise.all(uses);
  expect(served).toEqual(['alice 1', 'alice 2', 'bob 1', 'alice 3', 'bob 2']);
});

test('a failed opening fails those who waited for it, and the next one waits longer each time', async () => {
  const { acquire, openings, clock } = setup();
  const waits = [100, 200, 400, 800, 1_000, 1_000];
  for (const [index, waitMs] of waits.entries()) {
    const lease = acquire();
    await clock.advance(0);
    openings[index]?.fail(new GatewayError('upstream.unavailable', { cause: `failure ${index}` }));
    await expect(lease).rejects.toMatchObject({ code: 'upstream.unavailable', cause: `failure ${index}` });
    const next = acquire({ deadline: clock.now() + 60_000 });
    await clock.advance(waitMs - 2);
    expect(openings).toHaveLength(index + 1);
    await clock.advance(4);
    expect(openings).toHaveLength(index + 2);
    next.catch(() => undefined);
  }
});

test('who cannot wait for the end of the back-off is told at once, with the cause', async () => {
  const { acquire, openings, clock } = setup({ restart: { minDelayMs: 10_000, maxDelayMs: 20_000 } });
  const first = acquire();
  const cause = new GatewayError('upstream.unavailable', { cause: 'no such program' });
  openings[0]?.fail(cause);
  await expect(first).rejects.toBe(cause);
  await expect(acquire()).rejects.toMatchObject({
    code: 'upstream.unavailable',
    cause,
    data: { retryAfterMs: 10_000 },
  });
  await clock.advance(10_000);
  const again = acquire();
  openings[1]?.succeed();
  await again;
});

test('a crash frees the place and delays the next opening; a long good run forgets earlier failures', async () => {
  const { acquire, openings, clock } = setup();
  const lease = acquire();
  const handle = openings[0]?.succeed();
  await lease;
  handle?.crash();
  expect(setups.at(-1)?.pool.size).toBe(0);
  const second = acquire();
  expect(openings).toHaveLength(1);
  await clock.advance(100);
  const other = openings[1]?.succeed();
  await second;
  await clock.advance(1_000);
  other?.crash();
  const third = acquire();
  await clock.advance(100);
  expect(openings).toHaveLength(3);
  openings[2]?.succeed();
  await third;
});

test('an idle handle is closed, one in use never', async () => {
  const { acquire, openings, clock } = setup();
  const held = acquire();
  const handle = openings[0]?.succeed();
  await held;
  await clock.advance(700_000);
  expect(handle?.closedBecause).toBeUndefined();
  (await held).release();
  (await held).release();
  await clock.advance(599_999);
  const again = await acquire();
  await clock.advance(600_000);
  expect(handle?.closedBecause).toBeUndefined();
  again.release();
  await clock.advance(600_000);
  expect(handle?.closedBecause).toBe('idle');
});

test('the end of a session closes what only it used, opening or open, and refuses who waits for it', async () => {
  const { acquire, openings, pool } = setup({ isolation: 'session' });
  const one = acquire({ sessionId: 's1' });
  const mine = openings[0]?.succeed();
  await one;
  const other = acquire({ sessionId: 's2' });
  const others = openings[1]?.succeed();
  await other;
  const queued = acquire({ sessionId: 's1', profile: { ...NO_QUESTIONS, roots: true } });
  await pool.endSession('s1');
  expect([mine?.closedBecause, others?.closedBecause]).toEqual(['session-ended', undefined]);
  await expect(queued).rejects.toMatchObject({ code: 'upstream.unavailable' });
  const opening = acquire({ sessionId: 's3' });
  expect(openings[2]?.need.signal.aborted).toBe(false);
  await pool.endSession('s3');
  expect(openings[2]?.need.signal.aborted).toBe(true);
  await expect(opening).rejects.toMatchObject({ code: 'upstream.unavailable' });
});

test('closing refuses who waits and stops what opens', async () => {
  const { acquire, openings, pool } = setup();
  const waiting = [acquire(), acquire(bob), acquire(carol)];
  await pool.close();
  for (const lease of waiting) await expect(lease).rejects.toMatchObject({ code: 'gateway.draining' });
  await expect(acquire()).rejects.toMatchObject({ code: 'gateway.draining' });
  expect(openings.every(({ need }) => need.signal.aborted)).toBe(true);
});

test('a handle that comes after it was given up is closed', async () => {
  const arrived = Promise.withResolvers<OpenedHandle>();
  const { acquire, pool, events } = setup({}, { open: () => arrived.promise });
  const lease = acquire();
  const closed = pool.close();
  const late = new BareHandle('late', true);
  arrived.resolve(late);
  await closed;
  await expect(lease).rejects.toMatchObject({ code: 'gateway.draining' });
  expect(late.closedBecause).toBe('closed');
  expect(events.filter((event) => event.type === 'open')).toEqual([]);
});

test('the catalogue takes any handle of its principal', async () => {
  const { acquire, openings } = setup();
  const lease = acquire({ sessionId: 's1', profile: { ...NO_QUESTIONS, sampling: true } });
  openings[0]?.succeed();
  const { handle } = await lease;
  expect((await acquire({ anyProfile: true })).handle).toBe(handle);
  void acquire({ ...bob, anyProfile: true });
  expect(openings).toHaveLength(2);
});

test('strangers get a fresh HTTP session each, until the server turns out to have none', async () => {
  const { acquire, openings } = setup({}, { transport: () => 'http' });
  const stranger = { principal: { key: 'public', personal: false } };
  const first = acquire(stranger);
  const handle = openings[0]?.succeed(true);
  (await first).release();
  await settle();
  expect(handle?.closedBecause).toBe('used');
  const second = acquire(stranger);
  openings[1]?.succeed(false);
  (await second).release();
  await settle();
  const third = acquire(stranger);
  openings[2]?.succeed(false);
  const shared = await third;
  expect((await acquire(stranger)).handle).toBe(shared.handle);
  expect(openings).toHaveLength(3);
});

test('after failures in a row nobody waits, one at a time tries, and an answer lets everybody in again', async () => {
  const restart = { minDelayMs: 100, maxDelayMs: 1_000, failFastAfter: 3 };
  const { acquire, openings, clock, pool } = setup({ restart });
  for (let index = 0; index < 3; index++) {
    const lease = acquire({ deadline: clock.now() + 60_000 });
    await clock.advance(1_000);
    openings[index]?.fail(new GatewayError('upstream.unavailable', { cause: `failure ${index}` }));
    await expect(lease).rejects.toMatchObject({ code: 'upstream.unavailable' });
  }
  expect(pool.status).toMatchObject({ circuit: 'open', failures: 3 });
  // Without the circuit it would wait: it has a minute.
  const patient = { deadline: clock.now() + 60_000 };
  await expect(acquire(patient)).rejects.toMatchObject({
    data: { retryAfterMs: 1_000 },
    cause: { cause: 'failure 2' },
  });
  await clock.advance(1_000);
  const trial = acquire({ deadline: clock.now() + 60_000 });
  expect(pool.status.circuit).toBe('half-open');
  await expect(acquire(bob)).rejects.toMatchObject({ code: 'upstream.unavailable' });
  expect(openings).toHaveLength(4);
  openings[3]?.succeed();
  await trial;
  expect(pool.status.circuit).toBe('closed');
  void acquire(bob);
  expect(openings).toHaveLength(5);
});

test('requests that do not reach a server open the circuit over its open handle', async () => {
  const restart = { minDelayMs: 100, maxDelayMs: 1_000, failFastAfter: 2 };
  const { acquire, openings, clock, pool } = setup({ restart }, { transport: () => 'http' });
  const first = acquire();
  openings[0]?.succeed(false);
  await first;
  pool.noteReached(new Error('refused'));
  await acquire();
  pool.noteReached(new Error('refused'));
  await expect(acquire()).rejects.toMatchObject({ code: 'upstream.unavailable' });
  await clock.advance(1_000);
  await acquire();
  await expect(acquire()).rejects.toMatchObject({ code: 'upstream.unavailable' });
  pool.noteReached(undefined);
  await acquire();
  expect(pool.status.circuit).toBe('closed');
});

test('a process that uses too much memory gets no new callers and goes when those it has are done', async () => {
  const limits = { handles: 2, acquireTimeoutMs: 1_000, startTimeoutMs: 60_000, memoryBytes: 1_000 };
  const { acquire, openings, clock, events } = setup({ limits });
  const lease = acquire();
  const fat = openings[0]?.succeed();
  const held = await lease;
  await clock.advance(10_000);
  const second = await acquire();
  expect(second.handle).toBe(fat);
  if (fat !== undefined) fat.resident = 1_001;
  await clock.advance(2_000);
  expect(events).toContainEqual(expect.objectContaining({ type: 'notice', level: 'warn' }));
  const next = acquire();
  openings[1]?.succeed();
  expect((await next).handle).not.toBe(fat);
  held.release();
  expect(fat?.closedBecause).toBeUndefined();
  second.release();
  expect(fat?.closedBecause).toBe('memory');
});
