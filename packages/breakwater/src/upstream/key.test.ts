import { describe, expect, test } from 'vitest';
import type { HandleNeed } from '../core/ports.ts';
import { NO_QUESTIONS } from '../protocol/capabilities.ts';
import { handleKey, type KeyTraits } from './key.ts';

const ASKABLE = { ...NO_QUESTIONS, elicitForm: true };
const duplex: KeyTraits = { isolation: 'auto', transport: 'duplex' };
const http: KeyTraits = { isolation: 'auto', transport: 'http' };
const sessionless: KeyTraits = { ...http, hasSession: false };

function need(overrides: Partial<HandleNeed> = {}): HandleNeed {
  return {
    principal: { key: 'alice', personal: true },
    sessionId: undefined,
    profile: NO_QUESTIONS,
    clientInfo: undefined,
    deadline: 0,
    ...overrides,
  };
}

const stranger = { principal: { key: 'public', personal: false } };
const key = (overrides: Partial<HandleNeed>, traits: KeyTraits): string | undefined =>
  handleKey(need(overrides), traits).key;

describe('isolation auto', () => {
  test('a person has one duplex handle per profile, whatever the sessions', () => {
    expect(key({ sessionId: 's1' }, duplex)).toBe(key({}, duplex));
    expect(key({ profile: ASKABLE }, duplex)).not.toBe(key({}, duplex));
  });

  test('a person has one HTTP session per session of theirs, and one for requests without', () => {
    expect(key({ sessionId: 's1' }, http)).not.toBe(key({ sessionId: 's2' }, http));
    expect(key({ sessionId: 's1' }, http)).not.toBe(key({}, http));
    expect(key({ sessionId: 's1' }, sessionless)).toBe(key({}, sessionless));
  });

  test('principals never share, however their keys and sessions are spelled', () => {
    // Attack: a principal or session named so that the concatenation of the parts is somebody else's.
    const spellings = [
      { principal: { key: 'a', personal: true }, sessionId: 'b","c' },
      { principal: { key: 'a","b', personal: true }, sessionId: 'c' },
      { principal: { key: 'a', personal: true }, sessionId: 'b' },
      { principal: { key: 'shared', personal: true } },
    ];
    const keys = spellings.map((overrides) => key(overrides, http));
    expect(new Set([...keys, 'shared']).size).toBe(spellings.length + 1);
  });

  test('strangers keep apart by session, and without one share what knows nobody', () => {
    const inSession = handleKey(need({ ...stranger, sessionId: 's1', profile: ASKABLE }), duplex);
    expect(inSession).toMatchObject({ shared: false, sessionId: 's1' });
    expect(inSession.key).not.toBe(key({ ...stranger, sessionId: 's2', profile: ASKABLE }, duplex));
    expect(handleKey(need({ ...stranger, profile: ASKABLE }), duplex)).toMatchObject({ key: 'shared', shared: true });
    expect(handleKey(need(stranger), http)).toMatchObject({ key: undefined, shared: false });
    expect(handleKey(need(stranger), sessionless)).toMatchObject({ key: 'shared', shared: true });
  });
});

test('the catalogue of strangers never reads through a stranger’s own handle', () => {
  // Attack: tools that one stranger's session enabled, shown to all.
  for (const traits of [duplex, http, sessionless]) {
    expect(handleKey(need({ ...stranger, sessionId: 's1', anyProfile: true }), traits).shared).toBe(true);
  }
});

test('isolation says otherwise', () => {
  const by = (isolation: KeyTraits['isolation']): KeyTraits => ({ isolation, transport: 'duplex' });
  expect(handleKey(need({ sessionId: 's1' }), by('session'))).toMatchObject({ sessionId: 's1', shared: false });
  expect(handleKey(need(), by('session')).key).toBe(key({}, duplex));
  expect(handleKey(need(stranger), by('session')).key).toBeUndefined();
  expect(handleKey(need({ sessionId: 's1' }), { isolation: 'principal', transport: 'http' }).sessionId).toBeUndefined();
  expect(handleKey(need({ ...stranger, sessionId: 's1' }), by('principal')).sessionId).toBe('s1');
  expect(handleKey(need({ sessionId: 's1' }), by('shared'))).toMatchObject({ key: 'shared', shared: true });
  expect(handleKey(need(), by('request')).key).toBeUndefined();
});
