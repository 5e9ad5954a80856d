import { expect, test } from 'vitest';
import type { GatewayEvent } from '../../packages/breakwater/src/core/events.ts';
import { RollCall } from '../../packages/breakwater/src/fleet/roll-call.ts';
import { MemoryStore } from '../../packages/breakwater/src/store/memory.ts';
import { ManualClock } from '../downstream/manual-clock.ts';

const SILENCE_MS = 10_000;

function makeNodes(names: readonly string[]) {
  const clock = new ManualClock();
  const store = new MemoryStore(clock);
  const entered = new Set(names);
  const events: GatewayEvent[] = [];
  const nodes = names.map((node) => {
    const emit = (event: GatewayEvent): void => void events.push(event);
    const isEntered = async (name: string): Promise<boolean> => entered.has(name);
    return new RollCall({ store, clock, emit, node, silenceMs: SILENCE_MS, isEntered });
  });
  const lost = (): number => events.filter(({ type }) => type === 'node-lost').length;
  return { clock, store, nodes, entered, lost };
}

const [ONE, TWO, THREE] = ['aaaaaaaaaa', 'bbbbbbbbbb', 'cccccccccc'] as const;

test('nodes know of each other, and a silent one is lost once its record is gone as well', async () => {
  const { clock, nodes, entered, lost } = makeNodes([ONE, TWO, THREE]);
  for (let round = 0; round < 2; round++) for (const node of nodes) await node.answer();
  expect(nodes.map(({ size }) => size)).toEqual([3, 3, 3]);

  const [one, two] = nodes;
  await clock.advance(SILENCE_MS + 1);
  // News were missed, but both are there.
  await one?.answer();
  expect([one?.size, lost()]).toEqual([3, 0]);

  entered.delete(THREE);
  await clock.advance(SILENCE_MS + 1);
  await two?.answer();
  await one?.answer();
  expect([one?.size, lost()]).toEqual([2, 2]);
});

test('one that leaves is not lost', async () => {
  const { clock, nodes, entered, lost } = makeNodes([ONE, TWO]);
  const [one, two] = nodes;
  for (let round = 0; round < 2; round++) for (const node of nodes) await node.answer();
  await two?.leave();
  entered.delete(TWO);
  await clock.advance(SILENCE_MS + 1);
  await one?.answer();
  expect([one?.size, lost()]).toEqual([1, 0]);
});

// Attack: who can write to the store names nodes without end, and what can be no node's name.
test('what is remembered of nodes is bounded', async () => {
  const { nodes, store } = makeNodes([ONE]);
  const [one] = nodes;
  await one?.answer();
  for (let at = 0; at < 5_000; at++) await store.publish('nodes', Buffer.from(`n${String(at).padStart(9, '0')}`));
  await store.publish('nodes', Buffer.from('<script>'));
  expect(one?.size).toBe(1_001);
});
