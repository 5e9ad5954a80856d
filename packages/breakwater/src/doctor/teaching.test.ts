import { describe, expect, it } from 'vitest';
import { Answer } from './answer.ts';
import { Target } from './target.ts';
import { lessonOf, type Reader } from './teaching.ts';

const TARGET = new Target(new URL('https://a.example/mcp'));
const JSON_TYPE: [string, string] = ['Content-Type', 'application/json'];

function refusal(body: unknown, status = 400, headers: [string, string][] = [JSON_TYPE]): Answer {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return new Answer({ n: 1, status, headers, body: text, ending: 'complete', events: [], id: 1 });
}

const inData = (data: object) => ({ jsonrpc: '2.0', id: null, error: { code: -32600, message: 'no', data } });

describe('lessonOf', () => {
  it.each<[string, Answer, Reader, RegExp | undefined]>([
    ['the endpoint', refusal({ canonical_endpoint: 'https://a.example/mcp' }), {}, /endpoint/],
    [
      'the endpoint behind a public name',
      refusal({ canonical_mcp_endpoint: 'https://b.example/x/mcp/' }),
      {},
      /endpoint/,
    ],
    ['the endpoint in data', refusal(inData({ canonical_endpoint: '/mcp' })), {}, /endpoint/],
    ['a recipe', refusal(inData({ recipe: { method: 'POST' } })), {}, /recipe/],
    ['a recipe URL', refusal(inData({ recipeUrl: 'https://a.example/card#/x' })), {}, /recipe/],
    [
      'revisions, to who knows them',
      refusal(inData({ supported: ['2025-11-25'] })),
      { readsRevisions: true },
      /2025-11-25/,
    ],
    ['revisions, to who does not', refusal(inData({ supported: ['2025-11-25'] })), {}, undefined],
    ['another address', refusal({ canonical_endpoint: 'https://a.example/other' }), {}, undefined],
    ['prose alone', refusal(inData({ hint: 'Send initialize first.' })), {}, undefined],
    [
      'JSON that says it is HTML',
      refusal('{"canonical_endpoint":"/mcp"}', 404, [['content-type', 'text/html']]),
      {},
      undefined,
    ],
    ['text', refusal('Not Found', 404), {}, undefined],
    ['an answer that is no refusal', refusal({ canonical_endpoint: '/mcp' }, 200), {}, undefined],
    ['a script as an address', refusal({ canonical_endpoint: 'javascript:alert(1)//mcp' }), {}, undefined],
  ])('%s', (_, answer, reader, lesson) => {
    if (lesson === undefined) expect(lessonOf(answer, TARGET, reader)).toBeUndefined();
    else expect(lessonOf(answer, TARGET, reader)).toMatch(lesson);
  });

  it('reads the challenge of a 401, unless the client does not', () => {
    const challenge: [string, string] = [
      'WWW-Authenticate',
      'Bearer resource_metadata="https://a.example/.well-known/x"',
    ];
    const answer = refusal('', 401, [challenge]);
    expect(lessonOf(answer, TARGET, {})).toMatch(/token/);
    expect(lessonOf(answer, TARGET, { ignoresHeaders: true })).toBeUndefined();
  });
});
