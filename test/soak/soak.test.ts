import { expect, test } from 'vitest';
import { readAnnouncement, startChild, stopAll } from '../../bench/child.ts';
import { findFreePort } from '../../bench/free-port.ts';
import { startGateway } from '../../bench/memory/measured-process.ts';
import { type RedisServer, startRedis } from '../fixtures/redis.ts';
import { endsClean, HASTY, judge, play, SECONDS, SETTLE_MS, type Soaked, YOUNG } from './rounds.ts';

/** Idle connections to the server end soon, so that what is open after a round is what somebody still uses. */
const KEEP_ALIVE_MS = '2000';
const TEST_MS = SECONDS * 4_000 + 120_000;

// Field-shaped: 93 of 100 sessions never say DELETE, streams are left open by dead clients, uploads stop half-way, readers do not read.
test('after all the clients are gone, so is everything they left', { timeout: TEST_MS }, async () => {
  try {
    const gateway = await startSoaked(await startUpstream(), {}, 0);
    judge(await play([gateway]));
    await endsClean(gateway);
  } finally {
    await stopAll();
  }
});

test('two nodes of a fleet: nothing is left on them, nor in Redis', { timeout: TEST_MS }, async () => {
  await using redis = await startRedis();
  try {
    const upstreamUrl = await startUpstream();
    const settings = {
      store: redis.url,
      fleet: { secret: { env: 'BENCH_SECRET' }, listen: { port: 0 } },
      // Tombstones are kept for as long as a session could have lived.
      sessions: { ...HASTY.sessions, maxAge: '5s' },
    };
    const nodes = [await startSoaked(upstreamUrl, settings, 0), await startSoaked(upstreamUrl, settings, 0)];
    const before = await keysOf(redis);
    const rounds = await play(nodes, async () => {
      await expect.poll(() => keysOf(redis), { timeout: SETTLE_MS, interval: 500 }).toEqual(before);
    });
    judge(rounds);
    for (const node of nodes) await endsClean(node);
  } finally {
    await stopAll();
  }
});

function startUpstream(): Promise<string> {
  return readAnnouncement(
    startChild({ args: [new URL('../../bench/upstream.ts', import.meta.url).pathname, '0', KEEP_ALIVE_MS], core: 1 }),
  );
}

async function startSoaked(upstreamUrl: string, settings: object, core: number): Promise<Soaked> {
  const adminPort = await findFreePort();
  const all = { admin: { port: adminPort }, ...HASTY, ...settings };
  return { process: await startGateway(upstreamUrl, all, core, [YOUNG]), adminPort };
}

/** How many keys there are of each kind that clients cause; those of nodes and of their leases come and go by themselves. */
async function keysOf(redis: RedisServer): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = { sessions: 0, calls: 0, logs: 0, others: 0 };
  const kinds = { 's:': 'sessions', 'f:': 'calls', 'e:': 'logs' } as const;
  for (const key of (await redis.command('keys', '*')).split('\n')) {
    if (key === '' || /\{[nh]:/.test(key)) continue;
    const [, kind] = Object.entries(kinds).find(([mark]) => key.includes(`{${mark}`)) ?? [];
    const name = kind ?? 'others';
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}
