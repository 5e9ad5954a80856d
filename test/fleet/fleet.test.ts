import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RedisServer, startRedis, startSentinel, until } from '../fixtures/redis.ts';
import { check, type Verdict } from './harness/check.ts';
import { connectModern } from './harness/clients.ts';
import { startFleet, type TestFleet } from './harness/fleet.ts';
import { startLoad } from './harness/load.ts';
import { takesSessions } from './harness/node.ts';

const TEST_MS = 180_000;
/** Longer than a balancer takes to find that a node listens no more, and shorter than a node may take to leave. */
const LONG_MS = 6_000;
let plays = 0;

/** Plays load on the fleet, a fault in the middle of it, and load again; says what became of every call. */
async function suffer(fleet: TestFleet, name: string, fault: () => Promise<void>): Promise<Verdict> {
  // What was broken before has to be whole again.
  for (const node of fleet.nodes) await until(`${node.name} takes sessions`, () => takesSessions(node));
  // A retry plays on the same fleet: its calls must not be taken for those of the first attempt.
  const load = await startLoad(fleet, `${name}-${++plays}`);
  const enough = async (count: number): Promise<void> => {
    const from = load.records.length;
    while (load.records.length < from + count) await sleep(50);
  };
  await enough(40);
  await fault();
  await enough(60);
  const verdict = check(await load.stop(), fleet.effects());
  process.stdout.write(`fleet, ${name}: ${JSON.stringify(verdict)}\n`);
  return verdict;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

describe.each(['nginx', 'haproxy'] as const)('three nodes behind %s, with Redis', (balancer) => {
  let redis: RedisServer;
  let fleet: TestFleet;

  beforeAll(async () => {
    redis = await startRedis({ keepsData: true });
    fleet = await startFleet({ balancer, storePort: redis.port });
  }, TEST_MS);
  afterAll(async () => {
    await fleet?.[Symbol.asyncDispose]();
    await redis?.[Symbol.asyncDispose]();
  });

  it('serves every client from any node', { timeout: TEST_MS }, async () => {
    const verdict = await suffer(fleet, `${balancer}-calm`, async () => undefined);
    expect(verdict).toMatchObject({ faults: [], told: {}, broken: {}, ok: verdict.calls });
  });

  it('survives the death of a node', { timeout: TEST_MS }, async () => {
    const [node] = fleet.nodes;
    const verdict = await suffer(fleet, `${balancer}-kill`, async () => {
      await node?.kill();
      await sleep(4_000);
      await node?.start();
    });
    expect(verdict.faults).toEqual([]);
  });

  it('loses nothing in a rolling deploy', { timeout: TEST_MS }, async () => {
    const verdict = await suffer(fleet, `${balancer}-deploy`, async () => {
      for (const node of fleet.nodes) {
        await node.stop();
        await node.start();
        await sleep(1_000);
      }
    });
    expect(verdict.faults).toEqual([]);
  });

  // Attack: a node that is drained answers no health check; a balancer that cuts what runs on a node it thinks down cuts calls that would be answered.
  it('lets nodes that are drained finish long calls', { timeout: TEST_MS }, async () => {
    const name = `${balancer}-long-${++plays}`;
    const clients = await Promise.all(
      fleet.nodes.flatMap(({ name: node }) => [
        connectModern(`${name}-${node}-a`, fleet.url('/modern')),
        connectModern(`${name}-${node}-b`, fleet.url('/modern')),
      ]),
    );
    const calls = clients.map((client) => client.call('slow', LONG_MS));
    const begun = () => fleet.effects().filter(({ call }) => call.startsWith(name)).length;
    await until('all calls run', async () => begun() === calls.length);
    const stopped = Promise.all(fleet.nodes.map((node) => node.stop()));
    const verdict = check(await Promise.all(calls), fleet.effects());
    await stopped;
    await Promise.all(fleet.nodes.map((node) => node.start()));
    await Promise.all(clients.map((client) => client.close()));
    expect(verdict).toMatchObject({ ok: calls.length, stories: [] });
  });

  if (balancer === 'haproxy') return;

  it('is not confused by a node that sleeps past its leases', { timeout: TEST_MS }, async () => {
    const [, node] = fleet.nodes;
    const verdict = await suffer(fleet, `${balancer}-pause`, async () => {
      node?.pause();
      await sleep(6_000);
      node?.resume();
    });
    expect(verdict.faults).toEqual([]);
  });

  it('lives through a restart of Redis', { timeout: TEST_MS }, async () => {
    const verdict = await suffer(fleet, `${balancer}-redis-restart`, async () => {
      await redis.stop();
      await sleep(1_000);
      await redis.start();
    });
    expect(verdict.faults).toEqual([]);
  });

  it('lives through a Redis that forgets everything', { timeout: TEST_MS }, async () => {
    const verdict = await suffer(fleet, `${balancer}-redis-flush`, async () => {
      await redis.command('flushall');
    });
    expect(verdict.faults).toEqual([]);
  });

  it('lives through a cut between a node and Redis', { timeout: TEST_MS }, async () => {
    const [link] = fleet.storeLinks;
    const verdict = await suffer(fleet, `${balancer}-store-cut`, async () => {
      link?.blackhole();
      await sleep(5_000);
      link?.pass();
    });
    expect(verdict.faults).toEqual([]);
  });

  it('lives through a cut between nodes', { timeout: TEST_MS }, async () => {
    const [, , link] = fleet.peerLinks;
    const verdict = await suffer(fleet, `${balancer}-peer-cut`, async () => {
      link?.blackhole();
      await sleep(5_000);
      link?.pass();
    });
    expect(verdict.faults).toEqual([]);
  });
});

describe('three nodes with a Redis that fails over', () => {
  it('goes on with the new master', { timeout: TEST_MS }, async () => {
    await using sentinel = await startSentinel(3);
    await using fleet = await startFleet({ balancer: 'haproxy', storeUrl: sentinel.url });
    const former = await sentinel.masterPort();
    const verdict = await suffer(fleet, 'failover', async () => {
      await sentinel.master.kill();
      while ((await sentinel.masterPort()) === former) await sleep(100);
    });
    expect(verdict.faults).toEqual([]);
  });
});
