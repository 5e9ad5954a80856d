import { describe, expect, test } from 'vitest';
import type { GatewayEvent, LibraryConfig } from '../../packages/breakwater/src/index.ts';
import { type LegacySession, openSession } from '../requirements/support/clients.ts';
import { type RunningGateway, startGateway } from '../requirements/support/gateway.ts';
import { legacyScript } from '../requirements/support/scripted-eras.ts';
import { resultOf, type ScriptedUpstream, sendJson, startScripted } from '../requirements/support/scripted-upstream.ts';

const NOTHING = { session: 0, stream: 0, subscription: 0, handle: 0, park: 0, call: 0 };

interface Stage {
  readonly gateway: RunningGateway;
  readonly upstream: ScriptedUpstream;
  readonly config: LibraryConfig;
  readonly session: LegacySession;
}

/** A way to end a session. `busy`: also while a call runs. */
interface Ending {
  readonly name: string;
  readonly config?: Partial<LibraryConfig>;
  readonly busy: boolean;
  readonly reason: string;
  end(stage: Stage): Promise<unknown>;
}

const ENDINGS: readonly Ending[] = [
  { name: 'DELETE', busy: true, reason: 'client', end: ({ session }) => session.end() },
  {
    name: 'idleness',
    busy: false,
    reason: 'idle',
    config: { sessions: { idle: '600ms', ephemeralIdle: '600ms' } },
    end: async () => undefined,
  },
  {
    name: 'its maximal age',
    busy: true,
    reason: 'max-age',
    config: { sessions: { maxAge: '1s' } },
    end: async () => undefined,
  },
  {
    name: 'eviction',
    busy: false,
    reason: 'evicted',
    config: { limits: { sessionsPerPrincipal: 1 } },
    end: async ({ gateway }) => (await openSession(gateway.url)).end(),
  },
  {
    name: 'the removal of its route',
    busy: true,
    reason: 'route-removed',
    end: ({ gateway, config }) => gateway.breakwater.reload({ ...config, routes: [{ path: '/other' }] }),
  },
  {
    name: 'the drain',
    busy: true,
    reason: 'drain',
    config: { timeouts: { drain: '50ms' } },
    end: ({ gateway }) => gateway.close(),
  },
];

describe('everything a session opened is closed, last opened first, by', () => {
  test.each(ENDINGS)('$name', async ({ config: own, busy, reason, end }) => {
    await using upstream = await startScripted(heldCallScript());
    const config: LibraryConfig = {
      upstreams: { one: { url: upstream.url, era: 'legacy', isolation: 'session' } },
      routes: [{ path: '/mcp' }],
      ...own,
    };
    await using gateway = await startGateway(config);
    const session = await openSession(gateway.url);
    const listening = await session.listen();
    expect((await session.request('resources/subscribe', { uri: 'x://y' })).status).toBe(200);
    expect((await session.request('tools/call', { name: 'act' })).status).toBe(200);
    const held = busy ? session.request('tools/call', { name: 'hold' }, 'held') : undefined;
    if (busy) await upstream.until(({ body }) => body.includes('"hold"'));
    const { open } = gateway.breakwater.counters();
    expect(open).toMatchObject({ session: 1, stream: 1, subscription: 1 });
    expect(open.handle).toBeGreaterThan(0);

    await end({ gateway, upstream, config, session });
    await expect.poll(() => isClosed(gateway.events, session.id), { timeout: 10_000 }).toBe(true);
    await held;
    await listening.reader.rest();
    expect(gateway.breakwater.counters().orphans).toBe(0);
    expect(lifeOf(gateway.events, session.id)).toEqual([`session ${reason}`]);
    await gateway.close();
    expect(gateway.breakwater.counters()).toMatchObject({ open: NOTHING, orphans: 0 });
    // The server was told too: nothing of the session is left there.
    expect(upstream.seen.filter(({ verb }) => verb === 'DELETE').length).toBeGreaterThan(0);
  });
});

/** A legacy server whose tool `hold` never answers. */
function heldCallScript() {
  return legacyScript({
    instead: (request, response) => {
      if (request.message?.['method'] === 'resources/subscribe') {
        sendJson(response, 200, resultOf(request, {}));
        return true;
      }
      return request.body.includes('"hold"');
    },
  });
}

function isClosed(events: readonly GatewayEvent[], session: string): boolean {
  return events.some((event) => event.type === 'close' && event.resource === 'session' && event.id === session);
}

/** What of a session's own resources is closed after the session itself, which must be nothing but it. */
function lifeOf(events: readonly GatewayEvent[], session: string): string[] {
  const own = new Set(
    events.flatMap((event) =>
      event.type === 'open' && event.session === session ? [`${event.resource} ${event.id}`] : [],
    ),
  );
  const closes = events.flatMap((event) => {
    if (event.type !== 'close') return [];
    if (event.resource === 'session' && event.id === session) return [`session ${event.reason}`];
    return own.has(`${event.resource} ${event.id}`) ? ['own'] : [];
  });
  expect(closes.filter((close) => close === 'own').length).toBe(own.size);
  return closes.slice(closes.findIndex((close) => close !== 'own'));
}
