import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scanObject } from '../../../jsonrpc/raw.ts';
import { profileOf } from '../../capabilities.ts';
import { REVISIONS, type Revision } from '../../revision.ts';
import { bridgeAnswer } from './answer-form.ts';
import { givenAnswers } from './park-rerun.ts';
import { bridgeQuestion } from './question-form.ts';
import { readInputRequired, readRetry, writeRetryParams } from './retry-params.ts';
import { inputRequestsFromUrlError } from './url-elicitation.ts';

const EVERYTHING = profileOf({ elicitation: { form: {}, url: {} }, sampling: { tools: {}, context: {} }, roots: {} });
const MODERN = '2026-07-28';
const METHODS = ['elicitation/create', 'sampling/createMessage', 'roots/list', 'x/y'];

const revisions = fc.constantFrom(...REVISIONS);
const methods = fc.constantFrom(...METHODS);

/** JSON text with what JSON.parse would lose, and the words the forms are about. */
const words = fc.constantFrom(
  ...['mode', 'form', 'url', 'message', 'messages', 'role', 'content', 'type', 'text', 'audio', 'tool_use', 'array'],
  ...['requestedSchema', 'properties', 'oneOf', 'const', 'title', 'default', 'enum', 'items', '_meta', 'progressToken'],
  ...['action', 'accept', 'roots', 'task', 'elicitationId', 'inputRequests', 'requestState', 'inputResponses', 'data'],
  ...['elicitations', 'code', 'method', 'params', '__proto__', 'é\u2028"\\'],
);
const { object } = fc.letrec<{ json: string; object: string; array: string }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom('9007199254740993', '1e400', '-0', 'null', 'true', '-32042'),
    words.map((word) => JSON.stringify(word)),
    tie('object'),
    tie('array'),
  ),
  object: fc
    .array(fc.tuple(words, tie('json')), { maxLength: 6 })
    .map((members) => `{${members.map(([key, value]) => `${JSON.stringify(key)} :${value}`).join(', ')}}`),
  array: fc.array(tie('json'), { maxLength: 4 }).map((elements) => `[${elements.join(' ,')}]`),
}));

function everyForm(bytes: Buffer, method: string, from: Revision, to: Revision): readonly (Buffer | undefined)[] {
  const params = scanObject(bytes);
  const question = bridgeQuestion({ method, params, from, to, profile: EVERYTHING, elicitationId: 'e' });
  const answer = bridgeAnswer({ method, answer: { result: bytes }, from, to });
  const outputs = [question.ok ? question.params : undefined, 'result' in answer ? answer.result : undefined];
  if (params === undefined) return outputs;
  const retry = { inputResponses: bytes, requestState: Buffer.from('"s"') };
  return [
    ...outputs,
    readRetry(params).params,
    writeRetryParams(params, retry),
    inputRequestsFromUrlError(bytes)?.inputRequests,
    readInputRequired(params)?.requestState,
    ...givenAnswers(params, params).values(),
  ];
}

describe('questions and answers, whatever comes', () => {
  it('never throws on arbitrary bytes', () => {
    const broken = fc.tuple(object, fc.nat(), fc.constantFrom('"', '{', ']', '\\', '')).map(([text, at, noise]) => {
      const cut = at % (text.length + 1);
      return Buffer.from(text.slice(0, cut) + noise + text.slice(noise === '' ? text.length : cut));
    });
    fc.assert(
      fc.property(broken, methods, revisions, revisions, (bytes, method, from, to) => {
        everyForm(bytes, method, from, to);
      }),
      { numRuns: 1_000 },
    );
  });

  it('writes JSON where it was given JSON', () => {
    fc.assert(
      fc.property(object, methods, revisions, revisions, (text, method, from, to) => {
        for (const output of everyForm(Buffer.from(text), method, from, to)) {
          if (output !== undefined) JSON.parse(output.toString());
        }
      }),
      { numRuns: 1_000 },
    );
  });

  // Attack: nesting that overflows the stack of whoever walks it.
  it('never throws on nesting without end', () => {
    const deep = `${'{"a":['.repeat(5_000)}${']}'.repeat(5_000)}`;
    const text = `{"mode":"form","requestedSchema":{"properties":{"x":${deep}}},"messages":[${deep}],"content":[${deep}],"role":"r","_meta":${deep},"roots":${deep},"inputResponses":${deep}}`;
    for (const method of METHODS) {
      for (const from of REVISIONS) for (const to of REVISIONS) everyForm(Buffer.from(text), method, from, to);
    }
  });
});

/** Free members that no rule is about. */
const extras = fc.uniqueArray(fc.tuple(fc.constantFrom('x', 'é', 'systemPrompt', '_meta'), object), {
  selector: ([key]) => key,
});
const fully = fc.constantFrom<readonly [string, string]>(
  [
    'elicitation/create',
    '"message":"m", "requestedSchema" :{"properties":{"a":{"oneOf":[{"const":"1"}],"default":1.0}}}',
  ],
  [
    'elicitation/create',
    '"mode":"form","message":"m","requestedSchema":{"type":"object","properties":{"a":{"type":"array"}}}',
  ],
  [
    'sampling/createMessage',
    '"messages":[{"role":"user","content":[{"type":"text","text":"t"}]}], "maxTokens":9007199254740993',
  ],
  ['sampling/createMessage', '"tools":[{}],"toolChoice":{},"messages":[]'],
  ['roots/list', '"y":1'],
);

describe('there and back', () => {
  it('a question of 2025-11-25 that a modern client and another gateway pass on has its own bytes again', () => {
    fc.assert(
      fc.property(fully, extras, ([method, members], more) => {
        const free = more.filter(([key]) => key !== '_meta').map(([key, value]) => `,${JSON.stringify(key)}:${value}`);
        const text = `{${members}${free.join('')}}`;
        const there = bridgeQuestion({
          method,
          params: scanObject(Buffer.from(text)),
          from: '2025-11-25',
          to: MODERN,
          profile: EVERYTHING,
        });
        if (!there.ok || there.params === undefined) throw new TypeError('cannot be asked');
        const back = bridgeQuestion({
          method,
          params: scanObject(there.params),
          from: MODERN,
          to: '2025-11-25',
          profile: EVERYTHING,
        });
        expect(back.ok && back.params?.toString()).toBe(text);
      }),
    );
  });

  it('an answer that fits keeps its bytes through the modern era', () => {
    const answers = fc.constantFrom<readonly [string, string]>(
      ['elicitation/create', '"action":"accept", "content" :{"n":9007199254740993}'],
      ['elicitation/create', '"action":"decline"'],
      ['sampling/createMessage', '"role":"assistant","model":"m","content":[{"type":"tool_use"}]'],
      ['roots/list', '"roots":[ {"uri":"file:///a"}]'],
    );
    fc.assert(
      fc.property(answers, ([method, members]) => {
        const result = Buffer.from(`{${members},"x":1e400}`);
        const there = bridgeAnswer({ method, answer: { result }, from: '2025-11-25', to: MODERN });
        const back = bridgeAnswer({ method, answer: there, from: MODERN, to: '2025-11-25' });
        expect('result' in back && back.result.toString()).toBe(result.toString());
      }),
    );
  });
});
