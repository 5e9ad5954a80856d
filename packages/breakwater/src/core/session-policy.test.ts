import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clientNameOf, hostKindOf, observedKind, type SessionUse } from './session-policy.ts';

const use: fc.Arbitrary<SessionUse> = fc.record({
  called: fc.boolean(),
  streamed: fc.boolean(),
  activeMs: fc.nat(86_400_000),
});

describe('what a session is taken for', () => {
  test.each<[string, SessionUse, string, string]>([
    ['handshake and lists', { called: false, streamed: false, activeMs: 400 }, 'ephemeral', 'probe'],
    ['lists again and again', { called: false, streamed: false, activeMs: 50_000 }, 'ephemeral', 'unclear'],
    ['one burst of calls', { called: true, streamed: false, activeMs: 4_000 }, 'ephemeral', 'transactional'],
    ['a call after a while', { called: true, streamed: false, activeMs: 40_000 }, 'interactive', 'unclear'],
    ['calls over minutes', { called: true, streamed: false, activeMs: 600_000 }, 'interactive', 'interactive'],
    ['an open stream', { called: false, streamed: true, activeMs: 10 }, 'interactive', 'interactive'],
  ])('%s', (_name, behaviour, kind, hostKind) => {
    expect([observedKind(behaviour), hostKindOf(behaviour)]).toEqual([kind, hostKind]);
  });

  test('more activity never makes a session less interactive', () => {
    fc.assert(
      fc.property(use, fc.nat(1_000_000), (behaviour, moreMs) => {
        const later = { called: true, streamed: behaviour.streamed, activeMs: behaviour.activeMs + moreMs };
        if (observedKind(behaviour) === 'interactive') expect(observedKind(later)).toBe('interactive');
      }),
    );
  });
});

test('a client’s name is read where there is one', () => {
  expect(clientNameOf(Buffer.from('{"name":"ide","version":"1"}'))).toBe('ide');
  expect(clientNameOf(Buffer.from('{"name":7}'))).toBeUndefined();
  expect(clientNameOf(undefined)).toBeUndefined();
});
