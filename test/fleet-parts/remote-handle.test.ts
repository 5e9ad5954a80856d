import { expect, test } from 'vitest';
import { systemClock } from '../../packages/breakwater/src/clock.ts';
import type { ServerChange } from '../../packages/breakwater/src/core/ports.ts';
import { leaseName } from '../../packages/breakwater/src/fleet/ownership.ts';
import { MemoryStore } from '../../packages/breakwater/src/store/memory.ts';
import { handleKey } from '../../packages/breakwater/src/upstream/key.ts';
import {
  callOnce,
  callTool,
  effectsFile,
  needOf,
  pathToNode,
  startNode,
  textOf,
  toolsUpstream,
  until,
} from './support.ts';

test('a child process exists once for three nodes', async () => {
  await using file = await effectsFile();
  const store = new MemoryStore(systemClock);
  const options = { upstream: toolsUpstream(file.path) };
  await using a = await startNode(store, options);
  await using b = await startNode(store, options);
  await using c = await startNode(store, options);
  const pids = await Promise.all([a, b, c, a, b, c].map((node) => callOnce(node, 'pid')));
  expect(new Set(pids).size).toBe(1);
  expect((await file.lines()).filter((line) => line.startsWith('start'))).toHaveLength(1);
  // Another person gets another one, wherever she asks.
  const other = needOf('bob');
  expect(await callOnce(b, 'pid', {}, other)).toBe(await callOnce(c, 'pid', {}, other));
  expect((await file.lines()).filter((line) => line.startsWith('start'))).toHaveLength(2);
});

test('a handle of another node takes no place here', async () => {
  await using file = await effectsFile();
  const store = new MemoryStore(systemClock);
  const upstream = toolsUpstream(file.path);
  const options = { upstream: { ...upstream, limits: { ...upstream.limits, handles: 1 } } };
  await using a = await startNode(store, options);
  await using b = await startNode(store, options);
  const anns = await callOnce(a, 'pid');
  const borrowed = await b.upstream.acquire(needOf());
  // Both places are taken now, one on each node, and both nodes serve both people.
  const bobs = await callOnce(b, 'pid', {}, needOf('bob'));
  expect(bobs).not.toBe(anns);
  expect(await callOnce(a, 'pid', {}, needOf('bob'))).toBe(bobs);
  borrowed.release();
});

test('attack: a node that is said to own what it does not neither opens it for others nor asks a third one', async () => {
  await using file = await effectsFile();
  const store = new MemoryStore(systemClock);
  const options = { upstream: toolsUpstream(file.path) };
  await using named = await startNode(store, options);
  await using asking = await startNode(store, options);
  const { key } = handleKey(needOf(), { isolation: 'auto', transport: 'duplex' });
  await store.claim(leaseName('tools', key ?? ''), named.fleet.tags.node, 2_000);
  // Opened here, once the lease that nobody renews has run out.
  expect(await callOnce(asking, 'pid')).toMatch(/^\d+$/);
  expect(await store.holder(leaseName('tools', key ?? ''))).toMatchObject({ holder: asking.fleet.tags.node });
  expect(named.upstream.status.handles).toBe(0);
  expect((await file.lines()).filter((line) => line.startsWith('start'))).toHaveLength(1);
});

test('a call that meets an owner in doubt about its lease is not begun', async () => {
  await using file = await effectsFile();
  const store = new MemoryStore(systemClock);
  const options = { upstream: toolsUpstream(file.path) };
  await using owner = await startNode(store, options);
  await using other = await startNode(store, options);
  const acquire = owner.upstream.acquire.bind(owner.upstream);
  let isHeld = true;
  owner.upstream.acquire = async (need) =>
    Object.defineProperty(await acquire(need), 'isHeld', { get: () => isHeld, configurable: true });
  await callOnce(owner, 'pid');
  const lease = await other.upstream.acquire(needOf());
  isHeld = false;
  expect(textOf(await callTool(lease.handle, 'work', { id: 'w', ms: 0 }).outcome)).toBe('store.unavailable');
  isHeld = true;
  expect(textOf(await callTool(lease.handle, 'work', { id: 'x', ms: 0 }).outcome)).toBe('done');
  expect((await file.lines()).filter((line) => line.startsWith('begin'))).toHaveLength(1);
  lease.release();
});

test('facts, results and numbers cross as the server sent them', async () => {
  await using file = await effectsFile();
  const store = new MemoryStore(systemClock);
  const options = { upstream: toolsUpstream(file.path) };
  await using owner = await startNode(store, options);
  await using other = await startNode(store, options);
  const ours = await owner.upstream.acquire(needOf());
  const theirs = await other.upstream.acquire(needOf());
  expect(theirs.handle.revision).toBe(ours.handle.revision);
  expect(theirs.handle.server).toEqual(ours.handle.server);
  const outcome = await callTool(theirs.handle, 'pid').outcome;
  expect(outcome.kind === 'result' && outcome.result.toString()).toContain('"big":12345678901234567890}');
  theirs.release();
  ours.release();
});

test('a question of the owner’s child is answered by a client of another node', async () => {
  await using file = await effectsFile();
  const store = new MemoryStore(systemClock);
  const options = { upstream: toolsUpstream(file.path) };
  await using owner = await startNode(store, options);
  await using other = await startNode(store, options);
  await callOnce(owner, 'pid');
  const lease = await other.upstream.acquire(needOf());
  const called = callTool(
    lease.handle,
    'ask',
    {},
    {
      onAsk: (question) => {
        expect(question.method).toBe('elicitation/create');
        question.answer({ result: Buffer.from('{"action":"accept","content":{"name":"Ann"}}') });
      },
    },
  );
  expect(textOf(await called.outcome)).toBe('Ann');
  lease.release();
});

test('a call that is cancelled elsewhere is cancelled at the server', async () => {
  await using file = await effectsFile();
  const store = new MemoryStore(systemClock);
  const options = { upstream: toolsUpstream(file.path) };
  await using owner = await startNode(store, options);
  await using other = await startNode(store, options);
  await callOnce(owner, 'pid');
  const lease = await other.upstream.acquire(needOf());
  const called = callTool(lease.handle, 'work', { id: 'w', ms: 5_000 });
  await until('it works', async () => (await file.lines()).some((line) => line.startsWith('begin w')));
  called.cancel('the client said so');
  await until('it is cancelled', async () => (await file.lines()).some((line) => line.startsWith('cancelled')));
  expect(called.outcomes).toEqual([]);
  lease.release();
});

test('changes and watches cross; what a lost borrower watched is not watched any more', async () => {
  await using file = await effectsFile();
  const store = new MemoryStore(systemClock);
  const options = { upstream: toolsUpstream(file.path) };
  await using owner = await startNode(store, options);
  const other = await startNode(store, options);
  await callOnce(owner, 'pid');
  const lease = await other.upstream.acquire(needOf());
  const changes: ServerChange[] = [];
  lease.handle.onChange((change) => changes.push(change));
  expect(await lease.handle.openFeed()).toBe(true);
  expect(await lease.handle.watch('test://a')).toBe(true);
  await callTool(lease.handle, 'change').outcome;
  await until('both changes are told', () => changes.length === 2);
  expect(changes.map(({ kind, uri }) => [kind, uri])).toEqual([
    ['tools', undefined],
    ['updated', 'test://a'],
  ]);
  await other.close();
  await until('the watch is taken back', async () => (await file.lines()).includes('resources/unsubscribe test://a'));
});

test('a slow reader elsewhere makes the server wait, and gets everything in the end', async () => {
  await using file = await effectsFile();
  const store = new MemoryStore(systemClock);
  const options = { upstream: toolsUpstream(file.path) };
  await using owner = await startNode(store, options);
  await using other = await startNode(store, options);
  await callOnce(owner, 'pid');
  const lease = await other.upstream.acquire(needOf());
  let isPaused = false;
  const count = 8_000;
  const called = callTool(
    lease.handle,
    'flood',
    { count, bytes: 8_000 },
    {
      onNotify: () => {
        if (isPaused) return;
        isPaused = true;
        called.pause();
      },
    },
  );
  await until('the first ones arrived', () => called.notifications.length > 0);
  // The server stands still: what it has sent does not grow any more, and is a small part of the 64 MB.
  const sent = async (): Promise<number> => (await file.lines()).filter((line) => line.startsWith('sent')).length * 10;
  let last = -1;
  await until('the server stands still', async () => {
    const before = last;
    last = await sent();
    await new Promise((resolve) => setTimeout(resolve, 400));
    return last === before && last === (await sent());
  });
  expect(last).toBeLessThan(count / 2);
  expect(called.outcomes).toEqual([]);
  called.resume();
  expect(textOf(await called.outcome)).toBe('sent all');
  expect(called.notifications).toHaveLength(count);
  lease.release();
});

test('a child that crashes fails its calls elsewhere once, and the next call starts another one', async () => {
  await using file = await effectsFile();
  const store = new MemoryStore(systemClock);
  const options = { upstream: toolsUpstream(file.path) };
  await using owner = await startNode(store, options);
  await using other = await startNode(store, options);
  await callOnce(owner, 'pid');
  const lease = await other.upstream.acquire(needOf());
  const called = callTool(lease.handle, 'crash');
  expect(textOf(await called.outcome)).toBe('upstream.lost');
  lease.release();
  expect(await callOnce(other, 'pid')).toMatch(/^\d+$/);
  expect(called.outcomes).toHaveLength(1);
});

test('an owner that leaves gives its handles to whoever asks next', async () => {
  await using file = await effectsFile();
  const store = new MemoryStore(systemClock);
  const options = { upstream: toolsUpstream(file.path) };
  const owner = await startNode(store, options);
  await using other = await startNode(store, options);
  const first = await callOnce(owner, 'pid');
  expect(await callOnce(other, 'pid')).toBe(first);
  await owner.close();
  // A call that met the handle while it was given up did not run, and says so.
  let second: string;
  do second = await callOnce(other, 'pid');
  while (second === 'fleet.owner-gone');
  expect(second).toMatch(/^\d+$/);
  expect(second).not.toBe(first);
});

test('a cut between two nodes ends the calls over it once, and cancels them where they run', async () => {
  await using file = await effectsFile();
  const store = new MemoryStore(systemClock);
  const options = { upstream: toolsUpstream(file.path) };
  const { path, ports } = await pathToNode();
  await using _path = path;
  await using owner = await startNode(store, { ...options, ...ports });
  await callOnce(owner, 'pid');
  await using other = await startNode(store, options);
  const lease = await other.upstream.acquire(needOf());
  const called = callTool(lease.handle, 'work', { id: 'w', ms: 60_000 });
  await until('it works', async () => (await file.lines()).some((line) => line.startsWith('begin w')));
  // Attack: a network that swallows everything, so that neither side is told.
  path.blackhole();
  expect(textOf(await called.outcome)).toBe('fleet.node-lost');
  expect(called.outcomes).toHaveLength(1);
  // Before its client is told that it is lost: what it does next must not meet what is left of this.
  expect((await file.lines()).filter((line) => /^(begin|cancelled)/.test(line))).toHaveLength(2);
  lease.release();
});
