import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../../test/downstream/manual-clock.ts';
import { NO_QUESTIONS } from '../protocol/capabilities.ts';
import { TASKS_EXTENSION } from '../protocol/meta.ts';
import { GatewayError } from './errors.ts';
import type { Handle, Lease, Principal } from './ports.ts';
import type { RouteMember } from './route.ts';
import { freshKeyRing } from './seal.ts';
import { TaskBook } from './task-book.ts';
import { TaskWatch, watchDelayMs } from './task-watch.ts';

const principal: Principal = { key: 'ann', personal: true };

/** A server that can be reached or not, and ends when told to. */
function setUp(jitter: number) {
  const clock = new ManualClock();
  const server = { isUp: true, tries: 0, leases: 0, end: (): void => undefined };
  const handle: Handle = {
    id: 'h',
    upstream: 'u',
    revision: '2026-07-28',
    server: { capabilities: {}, info: Buffer.from('{}'), instructions: undefined },
    call: () => ({ cancel: () => undefined, pause: () => undefined, resume: () => undefined }),
    openFeed: async () => true,
    watch: async () => true,
    unwatch: async () => undefined,
    watchTask: async () => true,
    unwatchTask: async () => undefined,
    onChange: () => () => undefined,
    onPage: () => () => undefined,
    onQuestion: () => () => undefined,
    onProgress: () => () => undefined,
    onEnd: (listener) => {
      server.end = () => listener('gone');
      return () => undefined;
    },
    close: async () => undefined,
  };
  const member: RouteMember = {
    upstream: {
      name: 'u',
      acquire: async () => {
        server.tries++;
        if (!server.isUp) throw new GatewayError('upstream.unavailable');
        server.leases++;
        const lease: Lease = { handle, release: () => void server.leases--, share: () => lease };
        return lease;
      },
      endSession: async () => undefined,
      close: async () => undefined,
    },
    prefix: '',
    cached: true,
    crossTasks: false,
    ttlMs: 1,
    disabledTools: new Set(),
    acquireTimeoutMs: 1,
    requestTimeoutMs: 1,
  };
  const emit = (): void => undefined;
  const book = new TaskBook({ keys: freshKeyRing(), clock, emit });
  const capabilities = { extensions: { [TASKS_EXTENSION]: {} } };
  const client = { revision: '2026-07-28', info: undefined, capabilities, profile: NO_QUESTIONS } as const;
  const subscriber = { route: '/mcp', principal, sessionId: undefined, client };
  const cross = { describe: async () => undefined };
  const deps = { book, clock, emit, members: [member], subscriber, listener: emit, cross, jitter: () => jitter };
  const name = book.nameOf(subscriber, { upstream: 'u', id: 't' });
  return { clock, server, watch: new TaskWatch(deps, name) };
}

/** Lets what is settled already go on. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

describe('the watch of a task', () => {
  it('comes back with back-off when its server is gone, and lets go of everything when it is closed', async () => {
    const { clock, server, watch } = setUp(1);
    expect(await watch.start()).toBe(true);
    server.isUp = false;
    server.end();
    const tries: number[] = [];
    for (const delayMs of [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]) {
      clock.advance(delayMs - 1);
      await settle();
      const early = server.tries;
      clock.advance(1);
      await settle();
      tries.push(server.tries - early);
    }
    expect(tries).toEqual([1, 1, 1, 1, 1, 1, 1]);
    expect(server.tries).toBe(8);
    server.isUp = true;
    clock.advance(60_000);
    await settle();
    expect(server.leases).toBe(1);
    await watch.close();
    expect(server.leases).toBe(0);
    clock.advance(600_000);
    await settle();
    expect(server.tries).toBe(9);
  });
});

describe('the time until the next try', () => {
  it('doubles up to a bound and is spread over half of it', () => {
    fc.assert(
      fc.property(fc.nat(1_000), fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), (attempt, random) => {
        const longest = watchDelayMs(attempt, 1);
        const delayMs = watchDelayMs(attempt, random);
        expect(longest).toBe(Math.min(60_000, 2_000 * 2 ** Math.min(attempt, 10)));
        expect(delayMs).toBeGreaterThanOrEqual(longest / 2);
        expect(delayMs).toBeLessThanOrEqual(longest);
      }),
    );
  });
});
