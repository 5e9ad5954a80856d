import { expect, test } from 'vitest';
import { readSlots, redirection } from './redis-slots.ts';

const ASKED = { host: 'asked', port: 1 };

test('reads who has which slots, and takes a missing host for the one it asked', () => {
  const reply = [
    [0, 9, [Buffer.from('10.0.0.1'), 7000, Buffer.from('id'), []], [Buffer.from('10.0.0.9'), 7009, Buffer.from('r')]],
    [10, 19, [Buffer.from(''), 7001, Buffer.from('id')]],
    [20, 29, [null, 7002, Buffer.from('id')]],
    [30, 39, [Buffer.from('?'), 7003, Buffer.from('id')]],
  ];
  expect(readSlots(reply, ASKED)).toEqual([
    { from: 0, to: 9, master: { host: '10.0.0.1', port: 7000 } },
    { from: 10, to: 19, master: { host: 'asked', port: 7001 } },
    { from: 20, to: 29, master: { host: 'asked', port: 7002 } },
    { from: 30, to: 39, master: { host: 'asked', port: 7003 } },
  ]);
});

test.each([null, 7, [], [null], [[0, 1]], [[0, 1, []]], [['a', 'b', ['c', 'd']]]].map((reply) => [reply]))(
  'makes nothing of %j',
  (reply) => {
    expect(readSlots(reply as never, ASKED)).toEqual([]);
  },
);

test.each([
  ['MOVED 3999 127.0.0.1:6381', { host: '127.0.0.1', port: 6381 }],
  ['ASK 3999 ::1:6381', { host: '::1', port: 6381 }],
  ['127.0.0.1:1: MOVED 3999 :6381', { host: 'asked', port: 6381 }],
  ['CLUSTERDOWN Hash slot not served', undefined],
])('%s leads to %j', (message, address) => {
  expect(redirection(message, ASKED)).toEqual(address);
});
