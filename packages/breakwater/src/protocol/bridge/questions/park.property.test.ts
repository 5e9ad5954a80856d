import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scanObject } from '../../../jsonrpc/raw.ts';
import { type CapabilityProfile, profileOf } from '../../capabilities.ts';
import { LEGACY_REVISIONS } from '../../revision.ts';
import { canBeAsked, questionKind } from './kind.ts';
import { stepPark } from './park.ts';
import { type ParkEffect, type ParkEvent, type ParkState, startPark } from './park-state.ts';

const QUESTIONS: readonly (readonly [string, string])[] = [
  ['elicitation/create', '{"message":"m","requestedSchema":{"type":"object","properties":{}}}'],
  ['elicitation/create', '{"mode":"url","message":"m","url":"https://a.example/","elicitationId":"1"}'],
  ['elicitation/create', '{"mode":"?"}'],
  ['sampling/createMessage', '{"messages":[],"maxTokens":1}'],
  ['sampling/createMessage', '{"messages":[],"maxTokens":1,"toolChoice":{}}'],
  ['roots/list', ''],
  ['tasks/get', '{"taskId":"t"}'],
];
const RESPONSES = [
  '{"action":"accept"}',
  '{"action":"cancel"}',
  '{"role":"assistant","content":[{"type":"text","text":"a"}],"model":"m"}',
  '{"roots":[]}',
  '{"result":{"action":"accept"}}',
  '7',
];
const URL_ERROR = Buffer.from(
  '{"code":-32042,"message":"m","data":{"elicitations":[{"url":"https://a.example/","elicitationId":"p1"},{"url":"https://b.example/"}]}}',
);

type Draft =
  | { readonly type: 'question'; readonly question: (typeof QUESTIONS)[number]; readonly again: boolean }
  | { readonly type: 'withdrawn'; readonly nth: number }
  | { readonly type: 'retry'; readonly back: number; readonly responses: readonly (readonly [number, string])[] }
  | { readonly type: 'outcome'; readonly error: Buffer | undefined }
  | { readonly type: 'page-complete'; readonly elicitationId: string }
  | { readonly type: 'window-closed' | 'wait-over' | 'reader-closed' | 'refused' | 'expired' };

const drafts: fc.Arbitrary<Draft> = fc.oneof(
  {
    weight: 30,
    arbitrary: fc
      .tuple(fc.constantFrom(...QUESTIONS), fc.boolean())
      .map(([question, again]) => ({ type: 'question', question, again }) as const),
  },
  { weight: 30, arbitrary: fc.constant({ type: 'window-closed' } as const) },
  {
    weight: 40,
    arbitrary: fc
      .tuple(
        fc.constantFrom(0, 0, 0, 1, 2, -1),
        fc.array(
          fc.tuple(
            fc.integer({ min: 1, max: 4 }),
            fc.constantFrom(...RESPONSES, '{"action":"accept"}', '{"action":"accept"}'),
          ),
          { maxLength: 5 },
        ),
      )
      .map(([back, responses]) => ({ type: 'retry', back, responses }) as const),
  },
  { weight: 3, arbitrary: fc.nat(9).map((nth) => ({ type: 'withdrawn', nth }) as const) },
  { weight: 3, arbitrary: fc.constantFrom(undefined, URL_ERROR).map((error) => ({ type: 'outcome', error }) as const) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('p1', 'p2').map((id) => ({ type: 'page-complete', elicitationId: id }) as const),
  },
  { weight: 4, arbitrary: fc.constantFrom('wait-over', 'wait-over', 'reader-closed').map((type) => ({ type })) },
  { weight: 1, arbitrary: fc.constantFrom('refused', 'expired').map((type) => ({ type })) },
);

/** Follows a parked call from outside: who waits for what, and that everybody gets it once. */
class Model {
  /** Questions the server waits for. */
  readonly waiting = new Set<string>();
  readonly questions: string[] = [];
  readonly #profile: CapabilityProfile;
  #answered = new Set<string>();
  readers = 1;
  running = true;
  #waits = false;
  #rounds: string[] = [];

  constructor(profile: CapabilityProfile) {
    this.#profile = profile;
  }

  event(event: ParkEvent): void {
    if (event.type === 'question' && !this.questions.includes(event.id)) {
      this.questions.push(event.id);
      this.waiting.add(event.id);
    }
    if (event.type === 'withdrawn') this.waiting.delete(event.id);
    if (event.type === 'outcome') this.running = false;
    if (event.type === 'reader-closed') this.readers--;
    if (event.type === 'wait-over') this.#waits = false;
  }

  /** What the retry's own reply got: exactly one thing. */
  retryGot: string[] = [];

  effect(effect: ParkEffect): void {
    switch (effect.type) {
      case 'answer':
        expect(this.waiting.delete(effect.id)).toBe(true);
        expect(this.#answered.has(effect.id)).toBe(false);
        this.#answered.add(effect.id);
        return;
      case 'suspend':
        this.#suspend(effect.round, effect.inputRequests);
        break;
      case 'deliver':
        expect(this.running).toBe(false);
        break;
      case 'give-up':
        break;
      case 'attach':
        this.retryGot.push(effect.type);
        this.readers++;
        return;
      case 'cancel-call':
        expect(this.running).toBe(true);
        this.running = false;
        return;
      case 'reissue':
        expect([this.running, this.readers > 0]).toEqual([false, true]);
        this.running = true;
        this.#waits = false;
        return;
      case 'wait':
        expect([this.running, this.#waits]).toEqual([false, false]);
        this.#waits = true;
        return;
      case 'open-window':
        expect(this.readers).toBeGreaterThan(0);
        return;
    }
    this.retryGot.push(effect.type);
    this.readers = 0;
  }

  /** True when the client was asked this. */
  wasAsked(key: string): boolean {
    return this.#rounds.some((keys) => keys.split(' ').includes(key));
  }

  #suspend(round: number, inputRequests: Buffer): void {
    const asked = Object.entries(
      JSON.parse(inputRequests.toString()) as Record<string, { method: string; params?: object }>,
    );
    expect(asked.length).toBeGreaterThan(0);
    for (const [, { method, params }] of asked) {
      const kind = questionKind(
        method,
        params === undefined ? undefined : scanObject(Buffer.from(JSON.stringify(params))),
      );
      expect(kind !== undefined && canBeAsked(kind, this.#profile, '2026-07-28')).toBe(true);
    }
    // A round that is repeated asks for nothing it did not ask for the first time.
    const keys = asked.map(([key]) => key);
    const before = this.#rounds[round];
    if (before === undefined) {
      expect(round).toBe(Math.max(this.#rounds.length, 1));
      this.#rounds[round] = keys.join(' ');
    } else for (const key of keys) expect(before.split(' ')).toContain(key);
  }
}

function realise(draft: Draft, model: Model, state: ParkState): ParkEvent {
  switch (draft.type) {
    case 'question': {
      const [method, params] = draft.question;
      const id = draft.again ? `q${Math.max(model.questions.length, 1)}` : `q${model.questions.length + 1}`;
      return { type: 'question', id, method, params: params === '' ? undefined : scanObject(Buffer.from(params)) };
    }
    case 'withdrawn':
      return { type: 'withdrawn', id: `q${draft.nth}` };
    case 'retry': {
      const members = draft.responses.map(([n, response]) => `"in${Math.max(state.minted - 4, 0) + n}":${response}`);
      return {
        type: 'retry',
        round: state.round - draft.back,
        responses: scanObject(Buffer.from(`{${members.join(',')}}`)),
      };
    }
    case 'outcome':
      return draft.error === undefined ? { type: 'outcome' } : { type: 'outcome', error: draft.error };
    default:
      return draft;
  }
}

describe('a call that may be parked, whatever happens in whatever order', () => {
  const profiles = fc
    .record({
      elicitation: fc.constantFrom(undefined, { form: {} }, { url: {} }, { form: {}, url: {} }, { form: {}, url: {} }),
      sampling: fc.constantFrom(undefined, {}, { tools: {} }),
      roots: fc.constantFrom(undefined, {}),
    })
    .map(profileOf);
  const methods = fc.constantFrom('tools/call', 'tools/call', 'prompts/get', 'resources/read', 'tools/list');

  it('keeps its promises', () => {
    fc.assert(
      fc.property(
        methods,
        fc.constantFrom(...LEGACY_REVISIONS),
        profiles,
        fc.array(drafts, { minLength: 10, maxLength: 60, size: 'max' }),
        (method, revision, profile, events) => {
          let state = startPark({ method, client: { profile }, server: { revision } });
          const model = new Model(profile);
          const last = [{ type: 'expired' }, { type: 'expired' }] as const;
          for (const draft of [...events, ...last, ...events.slice(0, 5)]) {
            const event = realise(draft, model, state);
            // Only what can happen: a call ends once, and only a connection that is there can close.
            if (event.type === 'outcome' && !model.running) continue;
            if (event.type === 'reader-closed' && model.readers === 0) continue;
            model.event(event);
            const before = state;
            const step = stepPark(state, event);
            state = step.state;
            model.retryGot = [];
            for (const effect of step.effects) {
              const key = effect.type === 'answer' ? before.open.find(({ id }) => id === effect.id)?.key : undefined;
              // Attack: a client that answers a question before anybody put it to its user.
              if (event.type === 'retry' && key !== undefined) expect(model.wasAsked(key)).toBe(true);
              model.effect(effect);
            }
            if (event.type === 'retry') expect(model.retryGot).toHaveLength(1);
            expect([state.readers, state.running]).toEqual([model.readers, model.running]);
            // Nobody waits for an answer that cannot come any more.
            const open = state.open.map(({ id }) => id).filter((id) => id !== undefined);
            expect(new Set(open)).toEqual(model.waiting);
            if (state.phase === 'gone') expect([model.readers, model.running]).toEqual([0, false]);
          }
          expect(state.phase).toBe('gone');
          expect(model.waiting.size).toBe(0);
        },
      ),
      { numRuns: 500 },
    );
  });
});
