import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { scratch } from '../audit/support.ts';
import { PATIENT, REPOSITORY, runProgram, startProgram } from '../e2e/support/programs.ts';
import { startRedis } from '../fixtures/redis.ts';
import { startTcpProxy } from '../fixtures/tcp-proxy.ts';
import { createAuthority } from '../listen/support/certificates.ts';
import { ask as askOnce } from '../listen/support/wire.ts';
import { openSession, toolText } from '../requirements/support/clients.ts';
import { at, textAt } from '../requirements/support/json.ts';
import { ask, isAlive, startWorkers, type Workers } from './support.ts';

const TEST_MS = 120_000;
const SERVER = join(REPOSITORY, 'test/gateway/support/pid-server.ts');
const PROGRAM = { one: { command: process.execPath, args: [SERVER] } };
const BIN = join(REPOSITORY, 'packages/breakwater/src/bin.ts');

/** Legacy sessions over connections of their own, as many as it takes for each worker to have had some. */
async function openSessions(workers: Workers, count = 6) {
  const sessions = [];
  for (let at = 0; at < count; at++) sessions.push(await openSession(`${workers.origin}/mcp`));
  return sessions;
}

async function pidOf(session: Awaited<ReturnType<typeof openSession>>): Promise<string> {
  const answer = await session.request('tools/call', { name: 'pid', arguments: {} });
  expect(answer.status, answer.text).toBe(200);
  return toolText(answer.messages().at(-1));
}

test('two workers share a port, one store, one server program, and one admin port', { timeout: TEST_MS }, async () => {
  await using workers = await startWorkers({ upstreams: PROGRAM });
  const sessions = await openSessions(workers);
  // Every session goes on at whichever worker gets its next connection.
  const pids = await Promise.all([...sessions, ...sessions].map(pidOf));
  expect(new Set(pids).size).toBe(1);
  expect(workers.pids()).toHaveLength(2);
  expect(workers.family()).toHaveLength(3);

  const status = await workers.status();
  expect(Object.keys(status)).toEqual(['1', '2']);
  for (const worker of Object.values(status)) {
    expect(at(worker, 'counters', 'exchanges', 'ok')).toBeGreaterThan(0);
    expect(at(worker, 'fleet', 'store', 'up')).toBe(true);
  }
  expect(textAt(status, '1', 'fleet', 'node')).not.toBe(textAt(status, '2', 'fleet', 'node'));
  // Workers that shared the peer port as they share the public one would answer for each other.
  expect(textAt(status, '1', 'fleet', 'peer')).not.toBe(textAt(status, '2', 'fleet', 'peer'));
  const sum = (...path: string[]): number => Number(at(status, '1', ...path)) + Number(at(status, '2', ...path));
  expect([sum('fleet', 'leases'), sum('fleet', 'lent'), sum('upstreams', 'one', 'borrowed')]).toEqual([1, 1, 1]);

  await expect
    .poll(() => workers.metrics(), PATIENT)
    .toMatch(/^mcpgw_fleet_nodes\{worker="1"\} 2\nmcpgw_fleet_nodes\{worker="2"\} 2$/m);
  const metrics = await workers.metrics();
  expect(metrics).toMatch(/^mcpgw_store_up\{worker="1"\} 1\nmcpgw_store_up\{worker="2"\} 1$/m);
  const types = metrics.match(/^# TYPE .+$/gm) ?? [];
  expect(new Set(types).size).toBe(types.length);
});

test('a worker that is killed is replaced, and its sessions go on', { timeout: TEST_MS }, async () => {
  await using workers = await startWorkers({ upstreams: PROGRAM });
  const sessions = await openSessions(workers);
  await Promise.all(sessions.map(pidOf));
  const [first = 0, second = 0] = workers.pids();
  process.kill(first, 'SIGKILL');
  await workers.program.until(/A worker ended/);
  await expect.poll(() => workers.pids().filter((pid) => pid !== second && pid !== first), PATIENT).toHaveLength(1);
  for (const session of sessions) {
    await expect.poll(async () => (await session.request('ping')).status, PATIENT).toBe(200);
    // What the dead one owned is had anew once its lease has run out.
    await expect
      .poll(async () => (await session.request('tools/call', { name: 'pid', arguments: {} })).text, {
        ...PATIENT,
        interval: 200,
      })
      .toMatch(/"text":\s*"\d+"/);
  }
  await expect.poll(async () => Object.keys(await workers.status()), PATIENT).toEqual(['1', '2']);
  const metrics = await workers.metrics();
  expect(metrics).toMatch(/^mcpgw_resources_orphaned\{worker="1"\} 0$/m);
});

test('SIGTERM: what runs is finished, the code is 0, and no process is left', { timeout: TEST_MS }, async () => {
  const upstreams = {
    one: { command: process.execPath, args: [join(REPOSITORY, 'test/listen/support/gated-server.ts')] },
  };
  await using workers = await startWorkers({ upstreams });
  const [session] = await openSessions(workers, 1);
  await session?.request('tools/list');
  const call = session?.request('tools/call', { name: 'quiet', arguments: { ms: 1_500 } });
  await expect.poll(async () => openCalls(await workers.status()), PATIENT).toBeGreaterThan(0);
  const family = workers.family();
  expect(family).toHaveLength(3);
  workers.program.child.kill('SIGTERM');
  expect((await call)?.text).toContain('at last');
  expect(await workers.program.ended).toBe(0);
  expect(family.filter(isAlive)).toEqual([]);
});

test('SIGTERM while workers still start: they end all the same', { timeout: TEST_MS }, async () => {
  await using redis = await startRedis();
  await using way = await startTcpProxy(redis.port);
  way.blackhole();
  const config = {
    listen: { port: 0 },
    upstreams: PROGRAM,
    store: `redis://127.0.0.1:${way.port}`,
    fleet: { secret: { env: 'FLEET_SECRET' } },
    timeouts: { drain: '10m' },
  };
  await using files = await scratch();
  const file = join(files.folder, 'config.json');
  await writeFile(file, JSON.stringify(config));
  const env = { FLEET_SECRET: 'the secret of workers that are told to stop too early' };
  await using program = startProgram(process.execPath, [BIN, 'serve', '-c', file, '--workers', '2'], { env });
  await expect.poll(() => way.accepted, PATIENT).toBeGreaterThanOrEqual(2);
  program.child.kill('SIGTERM');
  await program.until(/stopping/);
  way.pass();
  expect(await program.ended).toBe(0);
});

/** Handles that are in use or open, of all workers. */
function openCalls(status: Readonly<Record<string, unknown>>): number {
  return Object.values(status).reduce<number>(
    (sum, worker) => sum + Number(at(worker, 'upstreams', 'one', 'handles')),
    0,
  );
}

test('a changed configuration reaches every worker', { timeout: TEST_MS }, async () => {
  const upstreams = { one: { url: 'http://127.0.0.1:9/mcp' } };
  await using workers = await startWorkers({ upstreams, routes: [{ path: '/before', upstreams: ['one'] }] });
  await workers.reconfigure({ upstreams, routes: [{ path: '/after', upstreams: ['one'] }] });
  await expect.poll(() => workers.program.output().match(/changed configuration is at work/g)?.length, PATIENT).toBe(2);
  for (const { status } of await ask(`${workers.origin}/before`, 8)) expect(status).toBe(404);
  for (const { status } of await ask(`${workers.origin}/after`, 8)) expect(status).not.toBe(404);
});

test('a port that is taken: code 1 and the usual sentence, once', { timeout: TEST_MS }, async () => {
  await using holder = startProgram(process.execPath, [BIN, 'demo', '--port', '0']);
  const [, port = ''] = await holder.until(/MCP +http:\/\/127\.0\.0\.1:(\d+)/);
  const { code, stderr, stdout } = await runProgram(process.execPath, [BIN, 'demo', '--workers', '2', '--port', port]);
  expect(code).toBe(1);
  expect(stderr.match(/^breakwater: another program listens on 127\.0\.0\.1:\d+; .+$/gm)).toHaveLength(1);
  expect(stdout).toBe('');
});

test('workers whose primary is killed end by themselves', { timeout: TEST_MS }, async () => {
  await using workers = await startWorkers({ upstreams: PROGRAM, timeouts: { drain: '1s' } });
  await pidOf((await openSessions(workers, 1))[0] as Awaited<ReturnType<typeof openSession>>);
  const family = workers.family();
  expect(family).toHaveLength(3);
  onTestFinished(() => {
    for (const pid of family.filter(isAlive)) process.kill(pid, 'SIGKILL');
  });
  workers.program.child.kill('SIGKILL');
  await expect.poll(() => family.filter(isAlive), { timeout: 60_000 }).toEqual([]);
});

test('each worker keeps an audit log that verifies, also after one was killed', { timeout: TEST_MS }, async () => {
  await using place = await scratch();
  const key = join(place.folder, 'key');
  await writeFile(key, 'a key of at least thirty-two characters');
  await using workers = await startWorkers({
    upstreams: PROGRAM,
    audit: { file: place.file, key: { file: key } },
  });
  await openSessions(workers);
  const [first = 0, second = 0] = workers.pids();
  process.kill(first, 'SIGKILL');
  await expect.poll(() => workers.pids().filter((pid) => pid !== second && pid !== first), PATIENT).toHaveLength(1);
  await expect.poll(async () => Object.keys(await workers.status()).length, PATIENT).toBe(2);
  await openSessions(workers);
  expect(await workers.program.stop()).toBe(0);
  for (const worker of [1, 2]) {
    const file = place.file.replace('.ndjson', `.worker-${worker}.ndjson`);
    const { code, stdout } = await runProgram(process.execPath, [BIN, 'audit', 'verify', file, '--key-file', key]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('whole: ') });
  }
});

test('TLS: every worker has the certificate', { timeout: TEST_MS }, async () => {
  await using authority = await createAuthority();
  const { cert, key } = await authority.issue('gate');
  await using workers = await startWorkers({
    listen: { port: 0, tls: { cert, key } },
    upstreams: { one: { url: 'http://127.0.0.1:9/mcp' } },
  });
  expect(workers.origin).toMatch(/^https:/);
  const port = Number(new URL(workers.origin).port);
  for (let time = 0; time < 6; time++) {
    expect((await askOnce({ port, ca: authority.ca, path: '/health' })).status).toBe(200);
  }
});
