import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { systemRandom } from '../../packages/breakwater/src/clock.ts';
import type { GatewayEvent } from '../../packages/breakwater/src/core/events.ts';
import type { SessionInit } from '../../packages/breakwater/src/core/session.ts';
import { type SessionLimits, Sessions } from '../../packages/breakwater/src/core/sessions.ts';
import { FleetSessions } from '../../packages/breakwater/src/fleet/session-vault.ts';
import { profileOf } from '../../packages/breakwater/src/protocol/capabilities.ts';
import { MemoryStore } from '../../packages/breakwater/src/store/memory.ts';
import { ManualClock } from '../downstream/manual-clock.ts';
import { until } from './nodes.ts';

const LIMITS: SessionLimits = {
  idleMs: 600_000,
  ephemeralIdleMs: 600_000,
  handshakeMs: 30_000,
  maxAgeMs: 86_400_000,
  routes: new Map(),
  clients: new Map(),
  perPrincipal: 1,
  total: 100,
};
const INIT: SessionInit = {
  route: '/mcp',
  transport: 'streamable',
  principal: { key: 'ann', personal: true },
  client: { revision: '2025-11-25', info: undefined, capabilities: {}, profile: profileOf({}) },
};

/** Registries of several nodes on one store; each notes of which sessions it ended the upstream handles. */
async function nodes(count: number) {
  const clock = new ManualClock();
  const store = new MemoryStore(clock);
  const ring = [randomBytes(32)] as const;
  const made = [];
  for (let at = 0; at < count; at++) {
    const released: string[] = [];
    const events: GatewayEvent[] = [];
    const emit = (event: GatewayEvent): void => void events.push(event);
    const common = { clock, random: systemRandom, emit };
    const vault = new FleetSessions({
      ...common,
      store,
      ring,
      node: `node${at}`.padEnd(10, '0'),
      policy: () => LIMITS,
    });
    const releaseHandles = async (id: string): Promise<void> => void released.push(id);
    const sessions = new Sessions({ ...common, limits: LIMITS, vault, releaseHandles });
    await vault.start();
    made.push({ sessions, released, events });
  }
  return made;
}

test('a session that makes room on a node of a fleet keeps its server: it lives on, and so does what the server knows of it', async () => {
  const [a, b] = await nodes(2);
  if (a === undefined || b === undefined) throw new Error('two nodes');
  const first = a.sessions.create(INIT);
  await a.sessions.keep(first);
  a.sessions.record({ type: 'open', resource: 'handle', id: 'h1', owner: 'ann', detail: 'one', session: first.id });
  const second = a.sessions.create(INIT);
  await a.sessions.keep(second);
  await until(() => a.events.some((event) => event.type === 'close' && event.id === first.id));
  expect(a.events.at(-1)).toMatchObject({ resource: 'session', id: first.id, reason: 'evicted' });
  expect([a.sessions.size, a.released]).toEqual([1, []]);
  // It goes on elsewhere, with the handle that is still on the first node.
  expect((await b.sessions.find({ ...INIT, id: first.id }))?.id).toBe(first.id);
  expect(a.released).toEqual([]);
  // And when it ends there, the handle ends here.
  await b.sessions.end(first.id, 'deleted');
  await until(() => a.released.length > 0);
  expect(a.released).toEqual([first.id]);
});
