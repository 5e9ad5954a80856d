import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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
