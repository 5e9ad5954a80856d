import { describe, expect, it } from 'vitest';
import { parseArgs } from './args.ts';

const words = (line: string) => line.split(' ').filter((word) => word !== '');
const MAC = 'x'.repeat(43);
const query = (question: object, more: object = {}) => ({
  ok: true,
  command: { kind: 'audit', query: { question, files: ['a'], key: undefined, json: false, ...more } },
});
const env = { kind: 'env', name: 'K' };

describe('parseArgs of audit', () => {
  it.each([
    ['audit', { ok: true, command: { kind: 'help', topic: 'audit' } }],
    ['audit verify --help', { ok: true, command: { kind: 'help', topic: 'audit' } }],
    ['audit verify a --key-env K', query({ about: 'verify', expected: undefined }, { key: env })],
    [
      'audit verify a b --key-file k --json',
      query(
        { about: 'verify', expected: undefined },
        { files: ['a', 'b'], key: { kind: 'file', path: 'k' }, json: true },
      ),
    ],
    [
      `audit verify --key-env K --expect-last 12:${MAC} a`,
      query({ about: 'verify', expected: { seq: 12, mac: MAC } }, { key: env }),
    ],
    [
      'audit verify --key-env K --expect-last 12 a',
      query({ about: 'verify', expected: { seq: 12, mac: undefined } }, { key: env }),
    ],
    ['audit session abc a', query({ about: 'session', id: 'abc' })],
    // Session ids are base64url: one in 64 begins with a dash.
    ['audit session -bcdefghijklmnopqrstuv a', query({ about: 'session', id: '-bcdefghijklmnopqrstuv' })],
    ['audit at 2026-11-21T02:14Z a', query({ about: 'at', time: Date.UTC(2026, 10, 21, 2, 14) })],
  ])('%s', (line, expected) => expect(parseArgs(words(line))).toEqual(expected));

  it.each([
    ['audit verify a', 'needs the key'],
    ['audit verify --key-env K', 'needs a file'],
    ['audit verify a --key-env K --expect-last x', 'is no record'],
    ['audit at yesterday a', 'needs a time'],
    ['audit at 2026-11-21', 'needs a file'],
    ['audit session', 'needs a session id'],
    ['audit session s a --expect-last 1', 'goes with audit verify alone'],
    ['audit look a', 'knows no'],
    ['audit verify a --kee-env K', 'kee-env'],
    ['audit verify a --key-env', 'key-env'],
  ])('%s: %s', (line, message) =>
    expect(parseArgs(words(line))).toMatchObject({ ok: false, message: expect.stringContaining(message) }),
  );
});
