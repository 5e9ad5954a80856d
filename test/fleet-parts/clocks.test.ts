import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../packages/breakwater/src/clock.ts';
import type { GatewayEvent } from '../../packages/breakwater/src/core/events.ts';
import type { Clock } from '../../packages/breakwater/src/core/ports.ts';
import type { Session, SessionInit } from '../../packages/breakwater/src/core/session.ts';
import { type SessionLimits, Sessions } from '../../packages/breakwater/src/core/sessions.ts';
import { FleetClock } from '../../packages/breakwater/src/fleet/fleet-clock.ts';
import { FleetSessions } from '../../packages/breakwater/src/fleet/session-vault.ts';
import { NO_QUESTIONS } from '../../packages/breakwater/src/protocol/capabilities.ts';
import { MemoryStore } from '../../packages/breakwater/src/store/memory.ts';
import { ManualClock } from '../downstream/manual-clock.ts';

const MINUTE = 60_000;
const LIMITS: SessionLimits = {
  idleMs: 30 * MINUTE,
  ephemeralIdleMs: 5 * MINUTE,
  handshakeMs: MINUTE / 2,
  maxAgeMs: 24 * 60 * MINUTE,
  routes: new Map(),
  clients: new Map(),
  perPrincipal: 3,
  total: 5,
};
const INIT: SessionInit = {
  route: '/mcp',
  transport: 'streamable',
  principal: { key: 'alice', personal: true },
  client: { revision: '2025-06-18', info: Buffer.from('{"name":"x"}'), capabilities: {}, profile: NO_QUESTIONS },
};

/** A machine whose clock shows another time than it is. */
function machineOf(time: ManualClock, aheadMs: () => number): Clock {
  return { now: () => time.now() + aheadMs(), after: (delayMs, run) => time.after(delayMs, run) };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Two nodes; the second one's machine is ahead of the first one's, whose time is the store's. */
async function setUp(aheadMs: number) {
  const time = new ManualClock();
  const store = new MemoryStore(time);
  time.advance(1);
  const ring = [randomBytes(32)] as const;
  const join = async (node: string, ahead: number) => {
    const events: GatewayEvent[] = [];
    const emit = (event: GatewayEvent): void => void events.push(event);
    const clock = new FleetClock({ machine: machineOf(time, () => ahead), steady: () => time.now(), store, emit });
    await clock.open();
    const common = { clock, random: systemRandom, emit };
    const vault = new FleetSessions({ ...common, store, ring, node, policy: () => LIMITS });
    const sessions = new Sessions({ ...common, limits: LIMITS, vault });
    await vault.start();
    const find = async (id: string): Promise<Session | undefined> => await sessions.find({ ...INIT, id });
    return { sessions, clock, find, events };
  };
  const [here, there] = [await join('here000000', 0), await join('there00000', aheadMs)];
  return { time, here, there };
}

function bothWays<T>(here: T, there: T): readonly (readonly [from: T, to: T])[] {
  return [
    [here, there],
    [there, here],
  ];
}

describe.each([
  ['ahead', 7 * MINUTE],
  ['behind', -7 * MINUTE],
])('a node whose clock is minutes %s of the others', (_where, aheadMs) => {
  it('finds their sessions, and they find its own, before anything of them is written down', async () => {
    const { here, there } = await setUp(aheadMs);
    for (const [from, to] of bothWays(here, there)) {
      const session = from.sessions.create(INIT);
      await from.sessions.keep(session);
      expect((await to.find(session.id))?.id).toBe(session.id);
    }
  });

  it('keeps none longer or shorter than the others do', async () => {
    const { time, here, there } = await setUp(aheadMs);
    for (const [from, to] of bothWays(here, there)) {
      const [heard, silent] = [from.sessions.create(INIT), from.sessions.create(INIT)];
      time.advance(LIMITS.ephemeralIdleMs - 1_000);
      expect(await to.find(heard.id)).toBeDefined();
      time.advance(4_000);
      await settled();
      expect(await to.find(silent.id)).toBeUndefined();
      expect(await to.find(heard.id)).toBeDefined();
      time.advance(LIMITS.ephemeralIdleMs + 20_000);
      await settled();
      expect(await from.find(heard.id)).toBeUndefined();
    }
  });

  it('ends no session that another node has heard of since', async () => {
    const { time, here, there } = await setUp(aheadMs);
    for (const [from, to] of bothWays(here, there)) {
      const session = from.sessions.create(INIT);
      await from.sessions.keep(session);
      // Something of it is on both, so that neither lets go of it.
      session.keeper = { isBusy: true, hear: () => undefined };
      await from.find(session.id);
      for (let at = 0; at < 8; at++) {
        time.advance(MINUTE);
        await settled();
        const found = await to.find(session.id);
        expect(found?.id).toBe(session.id);
        if (found !== undefined) found.keeper = { isBusy: true, hear: () => undefined };
      }
      expect(from.sessions.size).toBe(1);
      await from.sessions.end(session.id, 'client');
      await settled();
    }
  });
});

describe('the clock of a node', () => {
  it('follows the machine’s where that is right, or nearly so', async () => {
    const { time, there } = await setUp(900);
    expect(there.clock.now()).toBe(time.now() + 900);
    expect(there.events).toEqual([]);
  });

  it('follows the store’s once the machine’s is wrong, and the machine’s again once it is right', async () => {
    const time = new ManualClock();
    const events: GatewayEvent[] = [];
    let aheadMs = 0;
    const emit = (event: GatewayEvent): void => void events.push(event);
    const machine = machineOf(time, () => aheadMs);
    const clock = new FleetClock({ machine, steady: () => time.now(), store: new MemoryStore(time), emit });
    await clock.open();
    for (const wrong of [3 * MINUTE, -MINUTE, 0]) {
      aheadMs = wrong;
      time.advance(10_000);
      await settled();
      expect(clock.now()).toBe(time.now());
    }
    expect(events).toMatchObject([
      { level: 'warn', detail: { differenceMs: 3 * MINUTE } },
      { level: 'warn', detail: { differenceMs: -MINUTE } },
      { level: 'info' },
    ]);
    clock.close();
    expect(time.pending).toBe(0);
  });

  it('stays as it was while the store is away', async () => {
    const time = new ManualClock();
    const store = new MemoryStore(time);
    const machine = machineOf(time, () => MINUTE);
    const clock = new FleetClock({ machine, steady: () => time.now(), store, emit: () => undefined });
    await clock.open();
    await store.close();
    time.advance(30_000);
    await settled();
    expect(clock.now()).toBe(time.now());
  });

  // Attack: somebody sets the clock of a machine that serves. What was written down before would be hours ago, and what is written down then still to come.
  it('moves neither forth nor back when the machine’s is set', async () => {
    const { time, clock, machine } = await setApart();
    for (const set of [60 * MINUTE, -60 * MINUTE, 0]) {
      machine.aheadMs = set;
      expect(clock.now()).toBe(time.now());
      await settled();
      expect(clock.now()).toBe(time.now());
    }
    clock.close();
  });

  it('has gone on when the machine has slept', async () => {
    const { time, clock, machine } = await setApart();
    machine.sleptMs = 60 * MINUTE;
    time.advance(60 * MINUTE);
    clock.now();
    await settled();
    expect(clock.now()).toBe(time.now());
    clock.close();
  });
});

/** One clock of a node, whose machine is set and put to sleep, beside what time it is. */
async function setApart() {
  const time = new ManualClock();
  const state = { aheadMs: 0, sleptMs: 0 };
  const machine = machineOf(time, () => state.aheadMs);
  const steady = (): number => time.now() - state.sleptMs;
  const clock = new FleetClock({ machine, steady, store: new MemoryStore(time), emit: () => undefined });
  await clock.open();
  return { time, clock, machine: state };
}
