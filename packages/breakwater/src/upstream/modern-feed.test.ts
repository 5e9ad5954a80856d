import { expect, test } from 'vitest';
import type { Clock, ServerChange } from '../core/ports.ts';
import { makeId, type RawId } from '../jsonrpc/id.ts';
import { encodeJson, scanObject } from '../jsonrpc/raw.ts';
import type { JsonObject } from '../protocol/capabilities.ts';
import { META } from '../protocol/meta.ts';
import { ModernFeed } from './modern-feed.ts';

const ALL = { tools: { listChanged: true }, prompts: {}, resources: { listChanged: true, subscribe: true } };

/** A feed, the listens it sent, and hands to play the server's part. */
function setup(capabilities: JsonObject = ALL) {
  const listens: { id: RawId; filter: JsonObject; end: () => void }[] = [];
  const cancelled: RawId[] = [];
  const changes: ServerChange[] = [];
  const timers: (() => void)[] = [];
  const clock: Clock = {
    now: () => 0,
    after: (_delayMs, run) => {
      timers.push(run);
      return { clear: () => void timers.splice(timers.indexOf(run), 1) };
    },
  };
  const feed = new ModernFeed({
    capabilities,
    clock,
    listen: (filter, end) => {
      const id = makeId(listens.length + 1);
      listens.push({ id, filter, end });
      return id;
    },
    cancel: (id) => void cancelled.push(id),
    onChange: (change) => void changes.push(change),
  });
  const say = (method: string, id: number, params: object = {}): boolean => {
    const bytes = encodeJson({ ...params, _meta: { [META.subscriptionId]: id } });
    return feed.receive({ kind: 'notification', method, params: scanObject(bytes) });
  };
  const acknowledge = async (id: number, notifications: object): Promise<void> => {
    say('notifications/subscriptions/acknowledged', id, { notifications });
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { feed, listens, cancelled, changes, timers, say, acknowledge };
}

test('only what the server declares is asked for', async () => {
  const { feed, listens, acknowledge } = setup();
  const open = feed.open();
  expect(listens[0]?.filter).toEqual({ toolsListChanged: true, resourcesListChanged: true });
  await acknowledge(1, { toolsListChanged: true });
  expect(await open).toBe(true);
  const bare = setup({ tools: {} });
  expect(await bare.feed.open()).toBe(false);
  expect(await bare.feed.watch('a:1')).toBe(false);
  expect(bare.listens).toEqual([]);
});

test('a further wish is a new listen, and the old one ends when the new one is acknowledged', async () => {
  const { feed, listens, cancelled, changes, say, acknowledge } = setup();
  void feed.open();
  await acknowledge(1, { toolsListChanged: true });
  const watched = feed.watch('a:1');
  expect(listens[1]?.filter).toMatchObject({ toolsListChanged: true, resourceSubscriptions: ['a:1'] });
  say('notifications/tools/list_changed', 1);
  expect([cancelled, changes.length]).toEqual([[], 1]);
  await acknowledge(2, { toolsListChanged: true, resourceSubscriptions: ['a:1'] });
  expect(await watched).toBe(true);
  expect(cancelled).toEqual(['1']);
  say('notifications/tools/list_changed', 1);
  say('notifications/resources/updated', 2, { uri: 'a:1' });
  expect(changes.map(({ kind, uri }) => [kind, uri])).toEqual([
    ['tools', undefined],
    ['updated', 'a:1'],
  ]);
});

test('wishes that come while a listen is under way are met by one more', async () => {
  const { feed, listens, acknowledge } = setup();
  const watches = ['a:1', 'a:2', 'a:3'].map((uri) => feed.watch(uri));
  await acknowledge(1, { resourceSubscriptions: ['a:1'] });
  expect(listens.map(({ filter }) => filter['resourceSubscriptions'])).toEqual([['a:1'], ['a:1', 'a:2', 'a:3']]);
  await acknowledge(2, { resourceSubscriptions: ['a:1', 'a:3'] });
  expect(await Promise.all(watches)).toEqual([true, false, true]);
});

test('a listen that the server ends is opened again, and what may have been missed is reported', async () => {
  const { feed, listens, changes, timers, acknowledge } = setup();
  void feed.open();
  void feed.watch('a:1');
  await acknowledge(1, { toolsListChanged: true });
  await acknowledge(2, { toolsListChanged: true, resourceSubscriptions: ['a:1'] });
  listens[1]?.end();
  expect(changes).toEqual([]);
  timers.pop()?.();
  await acknowledge(3, { toolsListChanged: true, resourceSubscriptions: ['a:1'] });
  expect(changes.map(({ kind }) => kind)).toEqual(['tools', 'updated']);
});

test('the other way to end a listen (spec#3348) is understood too', async () => {
  const { feed, listens, timers, acknowledge } = setup();
  void feed.open();
  await acknowledge(1, { toolsListChanged: true });
  const params = scanObject(encodeJson({ requestId: 1 }));
  expect(feed.receive({ kind: 'notification', method: 'notifications/cancelled', params })).toBe(true);
  timers.pop()?.();
  expect(listens).toHaveLength(2);
});

test('a refusal is an answer, and a silent server is given up', async () => {
  const { feed, listens, cancelled, timers } = setup();
  const refused = feed.open();
  listens[0]?.end();
  expect(await refused).toBe(false);
  const silent = feed.watch('a:1');
  timers.pop()?.();
  expect(await silent).toBe(false);
  expect(cancelled).toEqual(['2']);
});

test('the last wish ends the listen', async () => {
  const { feed, listens, cancelled, acknowledge } = setup();
  const watched = feed.watch('a:1');
  await acknowledge(1, { resourceSubscriptions: ['a:1'] });
  await watched;
  await feed.unwatch('a:1');
  await feed.unwatch('a:1');
  expect(cancelled).toEqual(['1']);
  expect(listens).toHaveLength(1);
});
