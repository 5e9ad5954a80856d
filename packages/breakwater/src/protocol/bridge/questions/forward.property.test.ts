import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scanObject } from '../../../jsonrpc/raw.ts';
import { profileOf } from '../../capabilities.ts';
import { LEGACY_REVISIONS, type Revision } from '../../revision.ts';
import { stepForward } from './forward.ts';
import { restoreForward, writeForward } from './forward-record.ts';
import { type ForwardEffect, type ForwardEvent, type ForwardState, startForward } from './forward-state.ts';
import { canBeAsked, questionKind } from './kind.ts';

const QUESTIONS = [
  '{"method":"elicitation/create","params":{"message":"m","requestedSchema":{"type":"object","properties":{}}}}',
  '{"method":"elicitation/create","params":{"message":"m","requestedSchema":{"properties":{"a":{"type":"array"}}}}}',
  '{"method":"elicitation/create","params":{"mode":"url","message":"m","url":"https://a.example/"}}',
  '{"method":"elicitation/create","params":{"mode":"url","message":"m","url":"https://b.example/"}}',
  '{"method":"sampling/createMessage","params":{"messages":[],"maxTokens":1}}',
  '{"method":"sampling/createMessage","params":{"messages":[],"maxTokens":1,"tools":[]}}',
  '{"method":"roots/list"}',
  '{"method":"tools/call","params":{}}',
  '7',
];
const ANSWERS = [
  { result: Buffer.from('{"action":"accept"}') },
  { result: Buffer.from('{"action":"decline","content":null}') },
  { result: Buffer.from('{"role":"assistant","content":{"type":"text","text":"t"},"model":"m"}') },
  { result: Buffer.from('{"roots":[]}') },
  { result: Buffer.from('nonsense') },
  { error: { code: -1, message: 'm' } },
];

const questions = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom(...QUESTIONS.slice(0, 7)) },
  { weight: 1, arbitrary: fc.constantFrom(...QUESTIONS.slice(7)) },
);
const keys = fc.constantFrom('a', 'b', '1', '__proto__');
const requests = fc
  .uniqueArray(fc.tuple(keys, questions), { maxLength: 4, selector: ([key]) => key })
  .map((entries) => `{${entries.map(([key, question]) => `${JSON.stringify(key)}:${question}`).join(',')}}`);
const results = fc
  .tuple(fc.option(requests), fc.option(fc.constantFrom('"s"', '"\\u00e9"', 'null')))
  .map(([inputRequests, requestState]) => {
    const members = [
      inputRequests && `"inputRequests":${inputRequests}`,
      requestState && `"requestState":${requestState}`,
    ];
    return `{${members.filter((member) => member !== null).join(',')}}`;
  });

/** An event before its key is known: it names one of the questions open, or asked before, by number. */
type Draft =
  | { readonly type: 'input-required'; readonly result: string }
  | { readonly type: 'answered'; readonly nth: number; readonly answer: (typeof ANSWERS)[number] }
  | { readonly type: 'unreachable'; readonly nth: number | undefined }
  | { readonly type: 'retry-due' | 'expired' | 'cancelled' | 'finished' };

const drafts: fc.Arbitrary<Draft> = fc.oneof(
  { weight: 30, arbitrary: results.map((result) => ({ type: 'input-required', result }) as const) },
  {
    weight: 60,
    arbitrary: fc
      .tuple(fc.nat(20), fc.constantFrom(...ANSWERS, ...ANSWERS.slice(0, 1), ...ANSWERS.slice(0, 1)))
      .map(([nth, answer]) => ({ type: 'answered', nth, answer }) as const),
  },
  { weight: 20, arbitrary: fc.constant({ type: 'retry-due' } as const) },
  fc.option(fc.nat(20), { nil: undefined }).map((nth) => ({ type: 'unreachable', nth }) as const),
  fc.constantFrom('expired', 'cancelled', 'finished').map((type) => ({ type })),
);

const profiles = fc
  .record({
    elicitation: fc.constantFrom(undefined, {}, { form: {} }, { url: {} }, { form: {}, url: {} }),
    sampling: fc.constantFrom(undefined, {}, { tools: {} }),
    roots: fc.constantFrom(undefined, {}),
  })
  .map(profileOf);

/** Follows a forwarded call from outside, knowing only its effects. */
class Model {
  readonly open = new Set<string>();
  readonly asked: string[] = [];
  readonly consented = new Set<string>();
  readonly #urls = new Map<string, string>();
  #serverKeys: readonly string[] = [];
  #atServer = true;
  #waits = false;
  finishes = 0;
  readonly #state: ForwardState;

  constructor(state: ForwardState) {
    this.#state = state;
  }

  event(event: ForwardEvent): void {
    if (event.type === 'input-required') {
      this.#atServer = false;
      const { inputRequests } = JSON.parse(event.result.bytes.toString()) as { inputRequests?: object };
      this.#serverKeys = Object.keys(inputRequests ?? {});
    }
    if (event.type === 'retry-due') this.#waits = false;
    if (event.type === 'answered' && this.open.delete(event.key)) {
      const url = this.#urls.get(event.key);
      const accepts = 'result' in event.answer && event.answer.result.includes('accept');
      if (url !== undefined && accepts) this.consented.add(url);
    }
  }

  effect(effect: ForwardEffect): void {
    expect(this.finishes).toBe(0);
    switch (effect.type) {
      case 'ask':
        this.#ask(effect.key, effect.method, effect.params);
        return;
      case 'withdraw':
        expect(this.open.delete(effect.key)).toBe(true);
        return;
      case 'wait':
        expect([this.#atServer, this.#waits, this.open.size]).toEqual([false, false, 0]);
        expect(effect.delayMs).toBeLessThanOrEqual(30_000);
        this.#waits = true;
        return;
      case 'retry':
        expect([this.#atServer, this.#waits, this.open.size]).toEqual([false, false, 0]);
        // An answer to each of the round's questions, and to nothing else.
        expect(Object.keys(JSON.parse(effect.inputResponses?.toString() ?? '{}') as object)).toEqual(this.#serverKeys);
        this.#atServer = true;
        return;
      case 'finish':
        expect(this.open.size).toBe(0);
        this.finishes++;
        return;
      case 'notify':
        JSON.parse(effect.params.toString());
    }
  }

  #ask(key: string, method: string, params: Buffer | undefined): void {
    const { profile, revision } = this.#state.call.client;
    const object = params === undefined ? undefined : scanObject(params);
    const kind = questionKind(method, object);
    expect(kind !== undefined && canBeAsked(kind, profile, revision)).toBe(true);
    expect(this.asked).not.toContain(key);
    this.asked.push(key);
    this.open.add(key);
    const url = params === undefined ? undefined : (JSON.parse(params.toString()) as { url?: string }).url;
    if (url === undefined) return;
    this.#urls.set(key, url);
  }
}

function realise(draft: Draft, model: Model): ForwardEvent {
  const keyOf = (nth: number): string => model.asked[nth % Math.max(model.asked.length, 1)] ?? '9.9';
  if (draft.type === 'answered') return { type: 'answered', key: keyOf(draft.nth), answer: draft.answer };
  if (draft.type === 'unreachable')
    return draft.nth === undefined ? { type: draft.type } : { type: draft.type, key: keyOf(draft.nth) };
  if (draft.type !== 'input-required') return draft;
  const result = scanObject(Buffer.from(draft.result));
  if (result === undefined) throw new TypeError(draft.result);
  return { type: 'input-required', result };
}

describe('a forwarded call, whatever happens in whatever order', () => {
  const calls = fc.record({
    revision: fc.constantFrom<Revision>(...LEGACY_REVISIONS, '2025-11-25', '2025-11-25'),
    profile: profiles,
    method: fc.constantFrom('tools/call', 'prompts/get', 'resources/read'),
    rounds: fc.nat(4),
  });

  it('keeps its promises', () => {
    fc.assert(
      fc.property(
        calls,
        fc.array(drafts, { minLength: 10, maxLength: 60, size: 'max' }),
        fc.boolean(),
        (call, events, expires) => {
          const { method, revision, profile, rounds } = call;
          let state = startForward({ method, client: { revision, profile }, limits: { rounds }, idPrefix: 'e' });
          const model = new Model(state);
          const end = { type: expires ? 'expired' : 'cancelled' } as const;
          for (const draft of [...events, end, ...events.slice(0, 5)]) {
            const event = realise(draft, model);
            // Only what a server can send: one answer for one request.
            if (event.type === 'input-required' && state.phase !== 'calling') continue;
            const wasEnded = state.phase === 'ended';
            const consented = new Set(state.consents.keys());
            if (!wasEnded) model.event(event);
            const step = stepForward(state, event);
            state = step.state;
            if (wasEnded) expect(step.effects).toEqual([]);
            for (const effect of step.effects) {
              model.effect(effect);
              // Who consented to a page is not asked about it again while the server waits for it.
              if (effect.type === 'ask') for (const url of consented) expect(String(effect.params)).not.toContain(url);
            }
            expect([...state.open.keys()].sort()).toEqual([...model.open].sort());
            if (draft === end) expect(state.phase).toBe('ended');
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('goes on elsewhere from what was written of it as if nothing had happened', () => {
    fc.assert(
      fc.property(
        calls,
        fc.array(fc.tuple(drafts, fc.boolean()), { minLength: 10, maxLength: 60, size: 'max' }),
        (call, events) => {
          const { method, revision, profile, rounds } = call;
          const client = { revision, profile };
          let whole = startForward({ method, client, limits: { rounds }, idPrefix: 'é' });
          let moved = whole;
          const model = new Model(whole);
          for (const [draft, moves] of events) {
            const event = realise(draft, model);
            if (event.type === 'input-required' && whole.phase !== 'calling') continue;
            if (whole.phase !== 'ended') model.event(event);
            if (moves) {
              const written = JSON.parse(JSON.stringify(writeForward(moved)));
              const restored = restoreForward(written, client);
              if (restored === undefined) throw new Error('not restored');
              expect(restored).toEqual(moved);
              moved = restored;
            }
            const expected = stepForward(whole, event);
            const step = stepForward(moved, event);
            expect(step).toEqual(expected);
            whole = expected.state;
            moved = step.state;
            for (const effect of expected.effects) model.effect(effect);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('is not restored from a form that another release wrote', () => {
    const client = { revision: '2025-11-25', profile: profileOf({}) } as const;
    const state = startForward({ method: 'tools/call', client, limits: { rounds: 1 }, idPrefix: 'e' });
    expect(restoreForward({ ...writeForward(state), form: 2 }, client)).toBeUndefined();
  });

  it('never throws on what is no input_required at all', () => {
    const profile = profileOf({ elicitation: { url: {}, form: {} }, sampling: { tools: {} }, roots: {} });
    fc.assert(
      fc.property(fc.json(), fc.json(), (inputRequests, requestState) => {
        const text = `{"inputRequests":${inputRequests},"requestState":${requestState}}`;
        const result = scanObject(Buffer.from(text));
        if (result === undefined) throw new TypeError(text);
        const client = { revision: '2025-11-25', profile } as const;
        const state = startForward({ method: 'tools/call', client, limits: { rounds: 20 }, idPrefix: 'e' });
        stepForward(state, { type: 'input-required', result });
      }),
    );
  });
});
