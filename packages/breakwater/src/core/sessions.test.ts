import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../../test/downstream/manual-clock.ts';
import { NO_QUESTIONS } from '../protocol/capabilities.ts';
import type { GatewayEvent } from './events.ts';
import type { Principal } from './ports.ts';
import type { Session, SessionInit } from './session.ts';
import { type SessionLimits, Sessions } from './sessions.ts';

const alice: Principal = { key: 'alice', personal: true };
const mallory: Principal = { key: 'mallory', personal: true };
const MINUTE = 60_000;

function init(principal: Principal, name = 'a client', route = '/mcp'): SessionInit {
  const info = Buffer.from(JSON.stringify({ name, version: '1' }));
  return {
    route,
    transport: 'streamable',
    principal,
    client: { revision: '2025-06-18', info, capabilities: {}, profile: NO_QUESTIONS },
  };
}

function setUp(limits: Partial<SessionLimits> = {}, releaseHandles?: (id: string) => Promise<void>) {
  const clock = new ManualClock();
  const events: GatewayEvent[] = [];
  let count = 0;
  const sessions = new Sessions({
    limits: {
      idleMs: 30 * MINUTE,
      ephemeralIdleMs: 5 * MINUTE,
      handshakeMs: 30_000,
      maxAgeMs: 24 * 60 * MINUTE,
      routes: new Map(),
      clients: new Map(),
      perPrincipal: 3,
      total: 5,
      ...limits,
    },
    clock,
    random: { id: () => `s${++count}` },
    emit: (event) => void events.push(event),
    ...(releaseHandles !== undefined && { releaseHandles }),
  });
  const key = (id: string, principal = alice) => ({ id, route: '/mcp', transport: 'streamable' as const, principal });
  const closes = () => events.flatMap((event) => (event.type === 'close' ? [`${event.id} ${event.reason}`] : []));
  /** Ends what is being ended. */
  const settle = () => sessions.endAll('never', () => false);
  /** A session whose client was heard again, so that it is past its opening. */
  const heard = async (of: SessionInit = init(alice)): Promise<Session> => {
    const session = sessions.create(of);
    await sessions.find({ ...key(session.id, of.principal), route: of.route });
    return session;
  };
  return { clock, sessions, key, closes, settle, heard, events };
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

  it('releases a handshake that never completes, and serves who skips a step of it', async () => {
    const { clock, sessions, key, closes, settle } = setUp();
    const [silent, late] = [sessions.create(init(alice)), sessions.create(init(alice))];
    clock.advance(29_000);
    expect(await sessions.find(key(late.id))).toBe(late);
    clock.advance(2_000);
    await settle();
    expect(closes()).toEqual([`${silent.id} handshake`]);
    clock.advance(4 * MINUTE);
    expect(await sessions.find(key(late.id))).toBe(late);
  });

  it('ends an ephemeral session after five minutes and an interactive one after thirty', async () => {
    const { clock, sessions, closes, settle, heard } = setUp();
    const [lists, burst, listener] = [await heard(), await heard(), await heard()];
    burst.noteCall();
    sessions.begin(burst)();
    listener.noteStream();
    sessions.touch(listener);
    clock.advance(5 * MINUTE + 200);
    await settle();
    expect(closes().sort()).toEqual([`${lists.id} idle`, `${burst.id} idle`]);
    clock.advance(25 * MINUTE);
    await settle();
    expect(closes()).toContain(`${listener.id} idle`);
  });

  it('takes calls that are spread over time for a person', async () => {
    const { clock, sessions, key, settle, heard } = setUp();
    const { id } = await heard();
    clock.advance(2 * MINUTE);
    const session = await sessions.find(key(id));
    session?.noteCall();
    if (session !== undefined) sessions.begin(session)();
    clock.advance(29 * MINUTE);
    await settle();
    expect(await sessions.find(key(id))).toBe(session);
  });

  it('keeps to the kind that is configured: by client name, else by route', async () => {
    const { clock, closes, settle, heard } = setUp({
      clients: new Map([['ide', 'interactive']]),
      routes: new Map([['/batch', 'ephemeral']]),
    });
    const [named, routed] = [await heard(init(alice, 'ide', '/batch')), await heard(init(alice, 'other', '/batch'))];
    routed.noteStream();
    clock.advance(10 * MINUTE);
    await settle();
    expect(closes()).toEqual([`${routed.id} idle`]);
    clock.advance(20 * MINUTE + 200);
    await settle();
    expect(closes()).toContain(`${named.id} idle`);
  });

  it('does not end a session while a request runs, and counts silence from its end', async () => {
    const { sessions, clock, closes, settle, heard } = setUp();
    const session = await heard();
    const end = sessions.begin(session);
    clock.advance(60 * MINUTE);
    await settle();
    expect(closes()).toEqual([]);
    end();
    end();
    expect(session.inFlight).toBe(0);
    clock.advance(4 * MINUTE);
    await settle();
    expect(closes()).toEqual([]);
    clock.advance(MINUTE + 200);
    await settle();
    expect(closes()).toEqual([`${session.id} idle`]);
  });

  it('ends a session at its maximal age, whatever its traffic', async () => {
    const { sessions, clock, key, closes, settle } = setUp({ maxAgeMs: 100_000 });
    const { id } = sessions.create(init(alice));
    const busy = sessions.create(init(alice));
    sessions.begin(busy);
    for (let i = 0; i < 10; i++) {
      clock.advance(15_000);
      await sessions.find(key(id));
    }
    await settle();
    expect(closes().sort()).toEqual([`${id} max-age`, `${busy.id} max-age`]);
  });

  it('makes room by ending the longest idle session of the same principal', async () => {
    const { sessions, clock, key, closes, settle } = setUp();
    const ids = [1, 2, 3].map(() => {
      clock.advance(1);
      return sessions.create(init(alice)).id;
    });
    clock.advance(1);
    await sessions.find(key(ids[0] ?? ''));
    sessions.create(init(mallory));
    sessions.create(init(alice));
    await settle();
    expect(sessions.size).toBe(4);
    expect(closes()).toEqual([`${ids[1]} evicted`]);
  });

  it('makes room on a full node by ending the longest idle session that got least far', async () => {
    const { sessions, clock, closes, settle, heard } = setUp({ total: 3 });
    const person = await heard(init(mallory));
    person.noteStream();
    sessions.touch(person);
    clock.advance(1);
    const lists = await heard(init(alice));
    clock.advance(1);
    const opening = sessions.create(init(alice));
    sessions.create(init({ key: 'carol', personal: true }));
    await settle();
    expect(closes()).toEqual([`${opening.id} evicted`]);
    await heard(init({ key: 'dave', personal: true }));
    await heard(init({ key: 'erin', personal: true }));
    await settle();
    expect(closes().slice(1)).toEqual([expect.stringMatching(/evicted$/), `${lists.id} evicted`]);
  });

  // Attack: on an open route everybody shares one principal; a stranger sends as many cheap initialize requests as one principal may have sessions,
  // and with that ended the sessions of everybody else.
  it('lets no stranger end a session by opening many', async () => {
    const { sessions, key, heard } = setUp({ perPrincipal: 3, total: 20 });
    const anybody: Principal = { key: 'anybody', personal: false };
    const person = await heard(init(anybody));
    person.noteStream();
    sessions.touch(person);
    for (let i = 0; i < 100; i++) sessions.create(init(anybody));
    expect(sessions.size).toBe(20);
    expect(await sessions.find(key(person.id, anybody))).toBe(person);
  });

  // Attack: a script that holds somebody's token opens sessions in a loop, next to the one that person works in.
  it('evicts what was only opened before what is worked with, also within one principal', async () => {
    const { sessions, clock, key, heard } = setUp({ perPrincipal: 3 });
    const person = await heard();
    person.noteStream();
    sessions.touch(person);
    for (let i = 0; i < 10; i++) {
      clock.advance(1);
      sessions.create(init(alice));
    }
    expect(sessions.size).toBe(3);
    expect(await sessions.find(key(person.id))).toBe(person);
  });

  // Attack: one caller opens sessions and keeps each busy, to push everybody else out.
  it('refuses a new session when all of the principal’s sessions are busy', () => {
    const { sessions } = setUp();
    for (let i = 0; i < 3; i++) sessions.begin(sessions.create(init(alice)));
    expect(() => sessions.create(init(alice))).toThrowError(expect.objectContaining({ code: 'session.limit' }));
    expect(sessions.create(init(mallory)).id).toBeDefined();
  });

  it('takes initialize followed by DELETE for a probe, however often, and evicts nobody for it', async () => {
    const { sessions, events, closes, heard } = setUp();
    const stays = await heard();
    for (let i = 0; i < 1_000; i++) await sessions.end(sessions.create(init(alice)).id, 'client');
    expect(sessions.size).toBe(1);
    expect(closes().some((line) => line.startsWith(`${stays.id} `))).toBe(false);
    expect(events.at(-1)).toMatchObject({ type: 'close', detail: 'probe' });
  });

  it('releases what a session owns, then its handles, and reports its end last', async () => {
    const order: string[] = [];
    const { sessions, closes, settle } = setUp({}, async (id) => void order.push(`handles of ${id}`));
    const session = sessions.create(init(alice));
    session.owner.defer(() => void order.push('first'));
    session.owner.defer(() => void order.push('second'));
    expect(await sessions.end(session.id, 'deleted')).toBe(true);
    expect(await sessions.end(session.id, 'deleted')).toBe(false);
    await settle();
    expect(order).toEqual(['second', 'first', `handles of ${session.id}`]);
    expect(closes()).toEqual([`${session.id} deleted`]);
    // A race: what is handed to it after its end goes at once.
    session.owner.defer(() => void order.push('late'));
    expect(order.at(-1)).toBe('late');
  });

  it('has no timer left when no session is', async () => {
    const { sessions, clock } = setUp();
    for (let i = 0; i < 3; i++) sessions.create(init(alice));
    expect(clock.pending).toBe(1);
    await sessions.endAll('drain');
    expect(clock.pending).toBe(0);
  });
});
