import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { callModern, toolText } from '../requirements/support/clients.ts';
import { startGateway } from '../requirements/support/gateway.ts';
import { isAlive } from '../upstream/harness.ts';

const EATER = fileURLToPath(new URL('./servers/eater.ts', import.meta.url));

test('a server process that grows beyond its limit is replaced between calls, and the log says why', async () => {
  const eater = { command: process.execPath, args: [EATER], era: 'legacy' as const, limits: { memoryBytes: '200MiB' } };
  await using gateway = await startGateway({ upstreams: { eater } });
  const eat = async (mib: number) => {
    const answer = await callModern(gateway.url, 'tools/call', { name: 'eat', arguments: { mib } });
    return Number(toolText(answer.json()));
  };
  const first = await eat(1);
  expect(await eat(1)).toBe(first);
  await eat(400);
  await expect.poll(() => eat(1), { timeout: 20_000, interval: 250 }).not.toBe(first);
  await expect.poll(() => isAlive(first), { timeout: 10_000 }).toBe(false);
  const notice = gateway.events.find((event) => event.type === 'notice' && event.message.includes('more memory'));
  expect(notice).toMatchObject({ detail: { upstream: 'eater', limitBytes: 200 * 2 ** 20 } });
  expect(gateway.events).toContainEqual(expect.objectContaining({ resource: 'handle', reason: 'memory' }));
});
