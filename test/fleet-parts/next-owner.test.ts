import { expect, test } from 'vitest';
import { systemClock } from '../../packages/breakwater/src/clock.ts';
import { NO_QUESTIONS } from '../../packages/breakwater/src/protocol/capabilities.ts';
import { MemoryStore } from '../../packages/breakwater/src/store/memory.ts';
import {
  callAsGateway,
  callOnce,
  callTool,
  effectsFile,
  needOf,
  startNode,
  textOf,
  toolsUpstream,
  until,
} from './support.ts';

test('calls that an owner never began, because it was leaving, are made by the next one: nobody is told to try again', async () => {
  await using file = await effectsFile();
  const store = new MemoryStore(systemClock);
  const options = { upstream: toolsUpstream(file.path) };
  const owner = await startNode(store, options);
  await using other = await startNode(store, options);
  const plain = needOf('ann', { profile: NO_QUESTIONS });
  const first = await callOnce(owner, 'pid', {}, plain);
  expect(textOf(await callAsGateway(other, 'pid'))).toBe(first);
  await owner.close();
  // The other node has not heard of the end yet; each of these meets the old handle, or none, or the new one.
  const texts = await Promise.all([1, 2, 3].map(async () => textOf(await callAsGateway(other, 'pid'))));
  expect(new Set(texts).size).toBe(1);
  expect(texts[0]).toMatch(/^\d+$/);
  expect(texts[0]).not.toBe(first);
  expect((await file.lines()).filter((line) => line.startsWith('start'))).toHaveLength(2);
});

test('a program that was still starting when its node began to leave is not kept from the others', async () => {
  await using file = await effectsFile();
  const store = new MemoryStore(systemClock);
  await using leaving = await startNode(store, { upstream: toolsUpstream(file.path, 1_000) });
  await using other = await startNode(store, { upstream: toolsUpstream(file.path) });
  const acquiring = leaving.upstream.acquire(needOf('ann', { profile: NO_QUESTIONS }));
  await until('it starts', async () => (await file.lines()).length > 0);
  leaving.upstream.handOver();
  const drained = leaving.fleet.drain();
  const lease = await acquiring;
  // Whoever waited for it is served, and everybody else by the next owner's, long before that.
  const call = callTool(lease.handle, 'work', { id: 'first', ms: 3_000 });
  const pid = textOf(await callAsGateway(other, 'pid'));
  expect(pid).toMatch(/^\d+$/);
  expect(call.outcomes).toEqual([]);
  expect(textOf(await call.outcome)).toBe('done');
  expect((await file.lines()).filter((line) => line.startsWith('end first'))).not.toContain(`end first ${pid}`);
  lease.release();
  await drained;
});
