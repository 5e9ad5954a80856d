import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { findFreePort, REPOSITORY, runProgram } from '../e2e/support/programs.ts';
import { startRedis } from '../fixtures/redis.ts';

const TEST_MS = 90_000;
const BIN = join(REPOSITORY, 'packages/breakwater/src/bin.ts');

async function serve(config: object) {
  const folder = await mkdtemp(join(tmpdir(), 'breakwater-store-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'config.yaml');
  await writeFile(file, JSON.stringify(config));
  return await runProgram(process.execPath, [BIN, 'serve', '-c', file], {
    env: { FLEET_SECRET: 'the secret of a fleet that only tests know' },
  });
}

// Attack: none is needed, an operator who forgets the channels is enough. The node has entered itself, its peer port is open, and it would neither serve nor
// end: other nodes would pass requests on to it for ever.
test('a store that lets the node hear nothing ends it, everything closed, and it says what is missing', {
  timeout: TEST_MS,
}, async () => {
  await using redis = await startRedis();
  await redis.command('acl', 'setuser', 'deaf', 'on', '>secret-word', '~*', 'resetchannels', '+@all');
  const peer = await findFreePort();
  const { code, stderr } = await serve({
    listen: { port: 0 },
    store: `redis://deaf:secret-word@127.0.0.1:${redis.port}`,
    fleet: { secret: { env: 'FLEET_SECRET' }, listen: { host: '127.0.0.1', port: peer } },
    upstreams: { a: { url: 'http://127.0.0.1:1/mcp' } },
  });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^breakwater: the store cannot be used: .*NOPERM.*; docs\/store\.md/m);
  expect(stderr).not.toContain('secret-word');
  const socket = connect(peer, '127.0.0.1');
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNREFUSED');
  expect(await redis.command('keys', 'bw:{n:*')).toBe('');
});

test('a store that cannot be reached is named, with the reason', { timeout: TEST_MS }, async () => {
  const { code, stderr } = await serve({
    listen: { port: 0 },
    store: `redis://127.0.0.1:${await findFreePort()}`,
    fleet: { secret: { env: 'FLEET_SECRET' }, listen: { host: '127.0.0.1', port: 0 } },
    upstreams: { a: { url: 'http://127.0.0.1:1/mcp' } },
  });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^breakwater: the store redis:\/\/127\.0\.0\.1:\d+.* cannot be used: .*ECONNREFUSED/m);
});
