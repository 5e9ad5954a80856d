import { describe, expect, it } from 'vitest';
import { NO_QUESTIONS } from '../protocol/capabilities.ts';
import type { GatewayEvent } from './events.ts';
import type { Clock, Principal, Timer } from './ports.ts';
import { type SessionInit, type SessionLimits, Sessions } from './session.ts';

/** A clock that stands still until it is told to move. */
class FakeClock implements Clock {
  #now = 1_000_000;
  #timers: { at: number; run: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(delayMs: number, run: () => void): Timer {
    const timer = { at: this.#now + delayMs, run };
    this.#timers.push(timer);
    const clear = (): void => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
    return { clear };
  }

  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const next = this.#timers.filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now = next.at;
      next.run();
    }
    this.#now = until;
  }
}

const alice: Principal = { key: 'alice', personal: true };
const mallory: Principal = { key: 'mallory', personal: true };

function init(principal: Principal): SessionInit {
  return {
    route: '/mcp',
    transport: 'streamable',
    principal,
    client: { revision: '2025-06-18', info: undefined, capabilities: {}, profile: NO_QUESTIONS },
  };
}

function setUp(limits: Partial<SessionLimits> = {}) {
  const clock = new FakeClock();
  const events: GatewayEvent[] = [];
  let count = 0;
  const sessions = new Sessions({
    limits: { idleMs: 60_000, maxAgeMs: 600_000, perPrincipal: 3, total: 5, ...limits },
    clock,
    random: { id: () => `s${++count}` },
    emit: (event) => void events.push(event),
  });
  const key = (id: string, principal = alice) => ({ id, route: '/mcp', transport: 'streamable' as const, principal });
  const closes = () => events.flatMap((event) => (event.type === 'close' ? [`${event.id} ${event.reason}`] : []));
  return { clock, sessions, key, closes };
}

describe('Sessions', () => {
  it('finds a session only for its own route, transport and principal', async () => {
    const { sessions, key } = setUp();
    const { id } = sessions.create(init(alice));
    expect(await sessions.find(key(id))).toBeDefined();
    // Attack: a stolen or guessed session id used with other credentials; it must look exactly like an unknown id.
    expect(await sessions.find(key(id, mallory))).toBeUndefined();
    expect(await sessions.find({ ...key(id), route: '/other' })).toBeUndefined();
    expect(await sessions.find({ ...key(id), transport: 'sse' })).toBeUndefined();
  });

  it('ends idle sessions, but not while a request runs', async () => {
    const { sessions, clock, closes } = setUp();
    const idle = sessions.create(init(alice));
    const busy = sessions.create(init(alice));
    busy.inFlight = 1;
    clock.advance(90_000);
    await idle.owner.close();
    expect(closes()).toEqual([`${idle.id} idle`]);
    expect(sessions.size).toBe(1);
  });

  it('ends a session at its maximal age, whatever its traffic', async () => {
    const { sessions, clock, key } = setUp({ maxAgeMs: 100_000 });
    const { id } = sessions.create(init(alice));
    for (let i = 0; i < 10; i++) {
      clock.advance(15_000);
      await sessions.find(key(id));
    }
    expect(sessions.size).toBe(0);
  });

  it('makes room by ending the longest idle session of the same principal', () => {
    const { sessions, clock, closes } = setUp();
    const [oldest] = [1, 2, 3].map(() => {
      clock.advance(1);
      return sessions.create(init(alice)).id;
    });
    sessions.create(init(mallory));
    sessions.create(init(alice));
    expect(sessions.size).toBe(4);
    return Promise.resolve().then(() => expect(closes()).toEqual([`${oldest} evicted`]));
  });

  // Attack: one caller opens sessions and keeps each busy, to push everybody else out.
  it('refuses a new session when all of the principal’s sessions are busy', () => {
    const { sessions } = setUp();
    for (let i = 0; i < 3; i++) sessions.create(init(alice)).inFlight = 1;
    expect(() => sessions.create(init(alice))).toThrowError(expect.objectContaining({ code: 'session.limit' }));
    expect(sessions.create(init(mallory)).id).toBeDefined();
  });

  it('releases what a session owns when it ends', async () => {
    const { sessions, closes } = setUp();
    const session = sessions.create(init(alice));
    let released = false;
    session.owner.defer(() => {
      released = true;
    });
    expect(await sessions.end(session.id, 'deleted')).toBe(true);
    expect(await sessions.end(session.id, 'deleted')).toBe(false);
    expect(released).toBe(true);
    expect(closes()).toEqual([`${session.id} deleted`]);
  });
});
