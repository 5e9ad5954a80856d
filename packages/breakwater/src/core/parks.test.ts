import { expect, it } from 'vitest';
import { ManualClock } from '../../../../test/downstream/manual-clock.ts';
import { scanObject } from '../jsonrpc/raw.ts';
import { Parks } from './parks.ts';
import { freshKeyRing, type KeyRing, seal } from './seal.ts';
import { TaskBook } from './task-book.ts';

const KEYS = freshKeyRing();

function parksOf(keys: KeyRing, node?: string): Parks {
  const limits = { perPrincipal: 1, total: 1, ttlMs: 1, keepMs: 1 };
  const random = { id: () => 'id' };
  return new Parks({ limits, clock: new ManualClock(), random, keys, emit: () => undefined, node });
}

function retry(requestState: string) {
  const params = scanObject(Buffer.from(JSON.stringify({ name: 'x', requestState })));
  if (params === undefined) throw new TypeError('no object');
  return params;
}

it('a state says which node holds its call', () => {
  const held = { k: 'k', r: 1, e: 1, p: 'alice', d: 'digest' };
  const state = seal(KEYS, { ...held, n: 'node1' });
  expect(parksOf(KEYS, 'node2').nodeOf(retry(state))).toBe('node1');
  expect(parksOf(KEYS, 'node1').nodeOf(retry(state))).toBeUndefined();
  // One node alone passes nothing on.
  expect(parksOf(KEYS).nodeOf(retry(state))).toBeUndefined();
  expect(parksOf(KEYS, 'node2').nodeOf(retry(seal(KEYS, held)))).toBeUndefined();
  // Attack: an invented state that sends this node's requests to any address.
  expect(parksOf(KEYS, 'node2').nodeOf(retry(seal(freshKeyRing(), { ...held, n: 'evil' })))).toBeUndefined();
  for (const invented of ['', 'g1.', 'node1', `${state.slice(0, 40)}A${state.slice(41)}`.replace(state, '')]) {
    expect(parksOf(KEYS, 'node2').nodeOf(retry(invented))).toBeUndefined();
  }
});

it('the id of a task says which node knows it, to its owner alone', () => {
  const clock = new ManualClock();
  const [one, two] = ['node1', 'node2'].map((node) => new TaskBook({ keys: KEYS, clock, emit: () => undefined, node }));
  const alice = { principal: { key: 'alice', personal: true }, sessionId: undefined };
  const mallory = { principal: { key: 'mallory', personal: true }, sessionId: undefined };
  const place = { upstream: 'it', id: 't' };
  const name = one?.nameOf(alice, place) ?? '';
  expect([one?.nodeOf(alice, name), two?.nodeOf(alice, name)]).toEqual([undefined, 'node1']);
  expect(two?.find(alice, name)).toEqual(place);
  // Attack: somebody else's task, by way of another node.
  expect([two?.nodeOf(mallory, name), two?.find(mallory, name)]).toEqual([undefined, undefined]);
});
