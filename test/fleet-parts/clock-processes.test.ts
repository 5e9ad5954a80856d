import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type Scratch, scratch } from '../audit/support.ts';
import { type Program, REPOSITORY, startProgram } from '../e2e/support/programs.ts';
import { startRedis } from '../fixtures/redis.ts';
import { openSession } from '../requirements/support/clients.ts';
import { post } from '../requirements/support/wire.ts';

const BIN = join(REPOSITORY, 'packages/breakwater/src/bin.ts');
const TOOLS = join(REPOSITORY, 'test/fleet-parts/tools-server.ts');

/** The program as a node whose machine's clock is ahead. */
async function startNode(
  redis: string,
  files: Scratch,
  aheadMs: number,
): Promise<{ program: Program; url: string } & AsyncDisposable> {
  const file = join(files.folder, `${aheadMs}.json`);
  const config = {
    listen: { port: 0 },
    admin: { port: 0 },
    upstreams: { one: { command: process.execPath, args: [TOOLS], env: { EFFECTS: join(files.folder, 'effects') } } },
    store: redis,
    fleet: { secret: { env: 'FLEET_SECRET' }, listen: { host: '127.0.0.1', port: 0 } },
  };
  await writeFile(file, JSON.stringify(config));
  const shift = `const now = Date.now; Date.now = () => now() + ${aheadMs};`;
  const env = {
    FLEET_SECRET: 'the secret of nodes that do not know what time it is',
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(shift)}`,
  };
  const program = startProgram(process.execPath, [BIN, 'serve', '-c', file], { env });
  const [, url = ''] = await program.until(/MCP +(http:\S+)/);
  return { program, url, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() };
}

test('a session goes on at a node whose machine is minutes ahead, and the other way round', async () => {
  await using redis = await startRedis();
  await using files = await scratch();
  await using right = await startNode(redis.url, files, 0);
  await using wrong = await startNode(redis.url, files, 420_000);
  expect(right.program.output()).not.toContain('clock of this machine');
  expect(wrong.program.output()).toContain('The clock of this machine differs from the store');
  for (const [from, to] of [
    [right, wrong],
    [wrong, right],
  ] as const) {
    const { headers } = await openSession(from.url);
    const answer = await post(to.url, { jsonrpc: '2.0', id: 1, method: 'ping' }, headers);
    expect(answer.status, answer.text).toBe(200);
  }
}, 60_000);

/** Longer than a node keeps a session by itself that nobody asks for: then it asks the store. */
const FORGOTTEN_MS = 8_000;

// Attack: somebody sets the clock of a machine while it serves. Whatever is kept for some minutes seems to be over.
test('sessions of workers outlive that the clock of their machine is set ahead by an hour', async () => {
  await using files = await scratch();
  const flag = join(files.folder, 'set');
  const shift = `import { existsSync } from 'node:fs'; const now = Date.now; let ahead = 0; Date.now = () => now() + ahead;
    setInterval(() => { if (existsSync(${JSON.stringify(flag)})) ahead = 3_600_000; }, 50).unref();`;
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(shift)}` };
  const file = join(files.folder, 'workers.json');
  const upstreams = {
    one: { command: process.execPath, args: [TOOLS], env: { EFFECTS: join(files.folder, 'effects') } },
  };
  await writeFile(file, JSON.stringify({ listen: { port: 0 }, workers: 2, upstreams }));
  await using program = startProgram(process.execPath, [BIN, 'serve', '-c', file], { env });
  const [, url = ''] = await program.until(/MCP +(http:\S+)/);
  const sessions = await Promise.all(Array.from({ length: 8 }, () => openSession(url)));
  const ping = async () => (await Promise.all(sessions.map((session) => session.request('ping')))).map((a) => a.status);
  expect(await ping()).toEqual(Array(8).fill(200));
  await sleep(1_000);
  await writeFile(flag, '');
  await sleep(FORGOTTEN_MS);
  expect(await ping()).toEqual(Array(8).fill(200));
}, 60_000);
