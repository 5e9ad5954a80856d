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

/** How many keys there are of each kind that clients cause; those of nodes and of their leases come and go by themselves. Counted by Redis: they can be many. */
async function keysOf(redis: RedisServer): Promise<Readonly<Record<string, number>>> {
  const counted = (await redis.command('eval', COUNT_KEYS, '0')).split('\n').map(Number);
  return Object.fromEntries(
    ['sessions', 'calls', 'logs', 'others'].map((kind, at) => [kind, counted[at] ?? Number.NaN]),
  );
}

const COUNT_KEYS = `
local counts = { 0, 0, 0, 0 }
local kinds = { ['{s:'] = 1, ['{f:'] = 2, ['{e:'] = 3 }
for _, key in ipairs(redis.call('KEYS', '*')) do
  local mark = string.match(key, '{%a:')
  if mark ~= '{n:' and mark ~= '{h:' then
    local at = kinds[mark] or 4
    counts[at] = counts[at] + 1
  end
end
return counts`;
