import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KeyRing } from '../core/seal.ts';
import type { SessionInit } from '../core/session.ts';
import { profileOf } from '../protocol/capabilities.ts';
import { LEGACY_REVISIONS } from '../protocol/revision.ts';
import { openSession, sealSession, uidOf } from './session-token.ts';

const UID = 'abcdefghijklmnopqrstuv';
const RING: KeyRing = [randomBytes(32)];
const ALICE = { route: '/mcp', transport: 'streamable', principal: { key: 'alice', personal: true } } as const;

function client(capabilities: Record<string, unknown>, info?: string): SessionInit['client'] {
  const bytes = info === undefined ? undefined : Buffer.from(info);
  return { revision: '2025-06-18', info: bytes, capabilities, profile: profileOf(capabilities) };
}

describe('a session id', () => {
  it('carries what never changes', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...LEGACY_REVISIONS),
        fc.option(fc.dictionary(fc.string(), fc.jsonValue()), { nil: undefined }),
        fc.dictionary(fc.constantFrom('elicitation', 'sampling', 'roots', 'experimental'), fc.object({ maxDepth: 2 })),
        fc.nat(),
        fc.boolean(),
        (revision, info, declared, createdAt, isStrict) => {
          const capabilities = JSON.parse(JSON.stringify(declared)) as Record<string, unknown>;
          const facts = { ...client(capabilities, info && JSON.stringify(info, null, 1)), revision };
          const id = sealSession(RING, UID, ALICE, { client: facts, createdAt, isStrict });
          expect(id).toMatch(/^[\x21-\x7e]{60,2048}$/);
          expect(uidOf(id)).toBe(UID);
          const opened = openSession(RING, id, ALICE);
          expect(opened).toMatchObject({ uid: UID, createdAt, isStrict });
          expect(opened?.client.revision).toBe(revision);
          expect(opened?.client.profile).toEqual(facts.profile);
          const said = (facts.info?.length ?? 0) + Buffer.byteLength(JSON.stringify(capabilities));
          if (said <= 1_024) {
            expect(opened?.client.info).toEqual(facts.info);
            expect(opened?.client.capabilities).toEqual(capabilities);
          }
        },
      ),
    );
  });

  it('is of bounded size whatever a client says of itself', () => {
    const tasks = { 'io.modelcontextprotocol/tasks': { x: 1 }, other: 'x'.repeat(5_000) };
    const capabilities = { elicitation: { form: {}, url: {} }, sampling: { tools: {} }, roots: {}, extensions: tasks };
    const info = { name: '\u0000'.repeat(500), version: '"'.repeat(500), icons: ['x'.repeat(60_000)] };
    const large = client(capabilities, JSON.stringify(info));
    const id = sealSession(RING, UID, ALICE, { client: large, createdAt: 1, isStrict: false });
    expect(id.length).toBeLessThanOrEqual(2_048);
    const opened = openSession(RING, id, ALICE);
    expect(opened?.client.profile).toEqual(large.profile);
    expect(opened?.client.capabilities).toMatchObject({ extensions: { 'io.modelcontextprotocol/tasks': {} } });
    expect(JSON.parse(String(opened?.client.info))).toEqual({ name: '\u0000'.repeat(128), version: '"'.repeat(64) });
  });

  it('opens for nobody else', () => {
    const id = sealSession(RING, UID, ALICE, { client: client({}), createdAt: 1, isStrict: false });
    // Attack: a stolen id, used with other credentials, on another route, or as the id of another transport.
    expect(openSession(RING, id, { ...ALICE, principal: { key: 'mallory', personal: true } })).toBeUndefined();
    expect(openSession(RING, id, { ...ALICE, route: '/other' })).toBeUndefined();
    expect(openSession(RING, id, { ...ALICE, transport: 'sse' })).toBeUndefined();
    // Attack: the sealed part of one session under the uid of another, whose record then counts.
    expect(openSession(RING, id.replace(UID, 'b'.repeat(22)), ALICE)).toBeUndefined();
    expect(openSession([randomBytes(32)], id, ALICE)).toBeUndefined();
  });

  it('opens with an older key of the ring', () => {
    const id = sealSession(RING, UID, ALICE, { client: client({}), createdAt: 1, isStrict: false });
    expect(openSession([randomBytes(32), RING[0]], id, ALICE)).toMatchObject({ uid: UID });
  });

  it('has one spelling, and no other text opens', () => {
    const id = sealSession(RING, UID, ALICE, { client: client({}, '{"name":"x"}'), createdAt: 1, isStrict: false });
    fc.assert(
      fc.property(fc.nat(id.length - 1), fc.constantFrom(...'ABcd09-_.= \n+/'), (at, char) => {
        // Attack: a flipped character; one that base64 decoders skip; one that changes only bits which are thrown away.
        const altered = id.slice(0, at) + char + id.slice(at + 1);
        const longer = id.slice(0, at) + char + id.slice(at);
        if (altered !== id) expect(openSession(RING, altered, ALICE)).toBeUndefined();
        expect(openSession(RING, longer, ALICE)).toBeUndefined();
      }),
      { numRuns: 500 },
    );
    for (let end = 0; end < id.length; end++) expect(openSession(RING, id.slice(0, end), ALICE)).toBeUndefined();
  });

  it('that was invented never throws', () => {
    fc.assert(fc.property(fc.string({ maxLength: 3_000 }), (text) => openSession(RING, text, ALICE) === undefined));
    fc.assert(
      fc.property(
        fc.base64String({ maxLength: 200 }),
        (text) => openSession(RING, `${UID}.${text}`, ALICE) === undefined,
      ),
    );
  });
});
