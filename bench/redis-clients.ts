/**
 * What one operation on Redis costs this process, by client library and through our own store: `node bench/redis-clients.ts [--rounds N] [--json FILE]`.
 * All of them run in this process in turn, against one Redis server, 50 operations at a time as requests of many clients come. Prints CPU µs per
 * operation, median [min–max].
 */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { createClient, RESP_TYPES } from '@redis/client';
import { Redis } from 'ioredis';
import { systemClock } from '../packages/breakwater/src/clock.ts';
import { openStore } from '../packages/breakwater/src/store/open-store.ts';
import { startRedis } from '../test/fixtures/redis.ts';
import { describeMachine } from './machine.ts';
import { type Spread, summarise } from './stats.ts';
import { writeTable } from './table.ts';

/** One way to reach Redis, and the three kinds of operation a fleet lives on. */
interface Client {
  readonly name: string;
  read(key: string): Promise<unknown>;
  write(key: string, value: Buffer): Promise<unknown>;
  script(key: string, value: Buffer): Promise<unknown>;
  close(): unknown;
}

const KINDS = ['read', 'write', 'script'] as const;
const AT_ONCE = 50;
const BATCHES = 100;
const WARMUP_BATCHES = 300;
const FIELDS = {
  level: Buffer.from('info'),
  seen: Buffer.from('1795248057002'),
  subscriptions: Buffer.alloc(200, 'x'),
};
const SCRIPT = `redis.call('HSET', KEYS[1], 'a', ARGV[1]) redis.call('PEXPIRE', KEYS[1], 60000) return 1`;
const DIGEST = createHash('sha1').update(SCRIPT).digest('hex');
const TTL_MS = 60_000;

async function openNodeRedis(port: number): Promise<Client> {
  const client = createClient({ RESP: 3, socket: { port }, maintNotifications: 'disabled' });
  await client.connect();
  await client.sendCommand(['SCRIPT', 'LOAD', SCRIPT]);
  const options = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer, [RESP_TYPES.MAP]: Array } };
  return {
    name: '@redis/client',
    read: (key) => client.sendCommand(['HGETALL', key], options),
    write: (key, value) => client.sendCommand(['HSET', key, 'a', value], options),
    script: (key, value) => client.sendCommand(['EVALSHA', DIGEST, '1', key, value], options),
    close: () => client.destroy(),
  };
}

async function openIoredis(port: number, enableAutoPipelining: boolean): Promise<Client> {
  const client = new Redis({ port, enableAutoPipelining });
  await client.call('SCRIPT', 'LOAD', SCRIPT);
  return {
    name: enableAutoPipelining ? 'ioredis, auto-pipelining' : 'ioredis',
    read: (key) => client.hgetallBuffer(key),
    write: (key, value) => client.hset(key, 'a', value),
    script: (key, value) => client.evalsha(DIGEST, 1, key, value),
    close: () => client.disconnect(),
  };
}

async function openOurs(port: number): Promise<Client> {
  const store = await openStore({ url: `redis://127.0.0.1:${port}` }, { clock: systemClock, jitter: Math.random });
  const bounds = { entries: 200, bytes: 1_000_000, ttlMs: TTL_MS };
  await store.write('{k}', FIELDS, TTL_MS);
  await store.openLog('{k}:log', 'w', Buffer.alloc(0), TTL_MS);
  return {
    name: 'RedisStore (read, write, append)',
    read: () => store.read('{k}'),
    write: (_, value) => store.write('{k}:w', { a: value }, TTL_MS),
    script: (_, value) => store.append('{k}:log', 'w', value, bounds),
    close: () => store.close(),
  };
}

async function run(client: Client, kind: (typeof KINDS)[number], batches: number): Promise<void> {
  const value = Buffer.alloc(200, 'v');
  for (let batch = 0; batch < batches; batch++) {
    await Promise.all(
      Array.from({ length: AT_ONCE }, () => (kind === 'read' ? client.read('k') : client[kind]('k2', value))),
    );
  }
}

async function measure(client: Client, kind: (typeof KINDS)[number]): Promise<number> {
  const start = process.cpuUsage();
  await run(client, kind, BATCHES);
  const { user, system } = process.cpuUsage(start);
  return (user + system) / (BATCHES * AT_ONCE);
}

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '20' }, json: { type: 'string' } } });
const machine = describeMachine();
process.stdout.write(`${machine.cpu}, ${machine.kernel}, node ${machine.node}\n`);
await using redis = await startRedis();
const clients = [
  await openNodeRedis(redis.port),
  await openIoredis(redis.port, false),
  await openIoredis(redis.port, true),
  await openOurs(redis.port),
];
try {
  await redis.command('hset', 'k', ...Object.entries(FIELDS).flatMap(([name, value]) => [name, value.toString()]));
  const rows = clients.flatMap((client) => KINDS.map((kind) => ({ client, kind, micros: [] as number[] })));
  for (const { client, kind } of rows) await run(client, kind, WARMUP_BATCHES);
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const row of round % 2 ? rows.toReversed() : rows) row.micros.push(await measure(row.client, row.kind));
  }
  const results = rows.map(({ client, kind, micros }) => ({ client: client.name, kind, cpuMicros: summarise(micros) }));
  const show = (spread: Spread | undefined, key: 'median' | 'min' | 'max'): string => spread?.[key].toFixed(1) ?? '–';
  const lines = results.map(({ client, kind, cpuMicros }) => [
    `${client}, ${kind}`,
    ...(['median', 'min', 'max'] as const).map((key) => show(cpuMicros, key)),
  ]);
  process.stdout.write(`${writeTable([['CPU µs per operation', 'median', 'min', 'max'], ...lines])}\n`);
  if (values.json !== undefined) {
    const report = { startedAt: new Date().toISOString(), machine, atOnce: AT_ONCE, results };
    await writeFile(values.json, `${JSON.stringify(report, null, 1)}\n`);
  }
} finally {
  for (const client of clients) await client.close();
}
