import { expect, test } from 'vitest';
import type { Store } from '../../packages/breakwater/src/core/store.ts';
import { Directory } from '../../packages/breakwater/src/fleet/directory.ts';
import { MemoryStore } from '../../packages/breakwater/src/store/memory.ts';
import { ManualClock } from '../downstream/manual-clock.ts';

const A = 'aaaaaaaaaa';
const B = 'bbbbbbbbbb';
const ADDRESS = { host: '127.0.0.1', port: 4100 };

/** A store that notes which keys are read. */
function watched(store: Store): { store: Store; reads: string[] } {
  const reads: string[] = [];
  const read = (key: string): ReturnType<Store['read']> => {
    reads.push(key);
    return store.read(key);
  };
  return { store: new Proxy(store, { get: (at, name) => (name === 'read' ? read : bound(at, name)) }), reads };
}

function bound(target: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name, target);
  return typeof value === 'function' ? value.bind(target) : value;
}

async function two() {
  const clock = new ManualClock();
  const shared = new MemoryStore(clock);
  const { store, reads } = watched(shared);
  const common = { clock, emit: () => undefined };
  const a = new Directory({ ...common, store, node: A, address: ADDRESS });
  const b = new Directory({ ...common, store: shared, node: B, address: { ...ADDRESS, port: 4101 } });
  await a.open();
  await b.open();
  reads.length = 0;
  return { clock, shared, reads, a, b };
}

const invented = (at: number): string => String(at).padStart(10, 'x');

test('attack: invented names of nodes neither cost the store a read each nor push out the nodes that there are', async () => {
  const { clock, reads, a } = await two();
  expect((await a.find(B))?.port).toBe(4101);
  expect(reads).toEqual([`{n:${B}}`]);
  const found = await Promise.all(Array.from({ length: 5_000 }, (_, at) => a.find(invented(at))));
  expect(found.every((address) => address === undefined)).toBe(true);
  expect(reads.length).toBeLessThanOrEqual(101);
  // Known as before, without another look.
  const before = reads.length;
  expect((await a.find(B))?.port).toBe(4101);
  expect(reads).toHaveLength(before);
  // Nor by the other way to ask.
  expect(await Promise.all(Array.from({ length: 500 }, (_, at) => a.has(invented(9_000 + at))))).not.toContain(true);
  expect(reads).toHaveLength(before);
  clock.advance(1_000);
  await Promise.all(Array.from({ length: 500 }, (_, at) => a.find(invented(20_000 + at))));
  expect(reads.length - before).toBeLessThanOrEqual(101);
});

test('attack: while names are invented, a node that has announced itself is found at once', async () => {
  const { clock, shared, reads, a } = await two();
  await Promise.all(Array.from({ length: 5_000 }, (_, at) => a.find(invented(at))));
  expect((await a.find(B))?.port).toBe(4101);
  // And one that starts now, though its name was asked for before it was there.
  const c = 'cccccccccc';
  expect(await a.find(c)).toBeUndefined();
  const late = new Directory({ clock, emit: () => undefined, store: shared, node: c, address: ADDRESS });
  await late.open();
  expect((await a.find(c))?.port).toBe(4100);
  expect(await a.has(c)).toBe(true);
  expect(reads.filter((key) => key === `{n:${c}}`).length).toBeGreaterThan(0);
});

test('one name that nobody has is looked for once a second', async () => {
  const { clock, reads, a } = await two();
  for (let at = 0; at < 20; at++) expect(await a.find(invented(1))).toBeUndefined();
  expect(await a.has(invented(1))).toBe(false);
  expect(reads).toHaveLength(1);
  clock.advance(1_001);
  expect(await a.find(invented(1))).toBeUndefined();
  expect(reads.filter((key) => key === `{n:${invented(1)}}`)).toHaveLength(2);
});
