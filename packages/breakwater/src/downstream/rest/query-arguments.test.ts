import { describe, expect, test } from 'vitest';
import { readQueryArguments } from './query-arguments.ts';

function read(query: string, schema: unknown): string | undefined {
  return readQueryArguments(new URLSearchParams(query), schema)?.toString();
}

const schema = {
  properties: {
    text: { type: 'string' },
    count: { type: 'integer' },
    ratio: { type: 'number' },
    on: { type: 'boolean' },
    tags: { type: 'array', items: { type: 'string' } },
    ids: { type: 'array', items: { type: 'integer' } },
    where: { type: 'object' },
    maybe: { type: ['integer', 'null'] },
    either: { anyOf: [{ type: 'boolean' }, { type: 'integer' }] },
    level: { enum: [1, 2, 3] },
  },
};

describe('arguments in a query', () => {
  test.each([
    ['text=5', '{"text":"5"}'],
    ['text=true', '{"text":"true"}'],
    ['count=5', '{"count":5}'],
    ['count=five', '{"count":"five"}'],
    ['count=5.5', '{"count":"5.5"}'],
    ['ratio=-1.5e3', '{"ratio":-1.5e3}'],
    ['ratio=0x10', '{"ratio":"0x10"}'],
    ['ratio=NaN', '{"ratio":"NaN"}'],
    ['on=TRUE', '{"on":true}'],
    ['tags=a', '{"tags":["a"]}'],
    ['tags=a&tags=b', '{"tags":["a","b"]}'],
    ['tags=["a","b"]', '{"tags":["a","b"]}'],
    ['ids=1&ids=2', '{"ids":[1,2]}'],
    ['where={"a":1}', '{"where":{"a":1}}'],
    ['where={"a"', '{"where":"{\\"a\\""}'],
    ['maybe=', '{"maybe":null}'],
    ['either=true', '{"either":true}'],
    ['either=7', '{"either":7}'],
    ['level=2', '{"level":2}'],
    ['text=a&text=b', '{"text":["a","b"]}'],
  ])('%s', (query, expected) => {
    expect(read(query, schema)).toBe(expected);
  });

  test('a number above 2^53 keeps its digits', () => {
    expect(read('count=9007199254740993', schema)).toBe('{"count":9007199254740993}');
  });

  test('what the schema does not know is ignored, unless the tool takes anything', () => {
    expect(read('api_key=x&profile=y', schema)).toBeUndefined();
    expect(read('api_key=x&text=y', schema)).toBe('{"text":"y"}');
    expect(read('any=x', { additionalProperties: true })).toBe('{"any":"x"}');
    expect(read('any=x', undefined)).toBeUndefined();
  });

  // Attack: a query that reaches into prototypes of the object it is read into, or of the schema it is read by.
  test('names of prototypes are names', () => {
    expect(read('__proto__=x&constructor=y', schema)).toBeUndefined();
    expect(read('__proto__=x', { additionalProperties: true })).toBe('{"__proto__":"x"}');
  });
});

// Attack: thousands of names in one query; searched anew for each of them, 16 KB cost a tenth of a second of everybody's time.
test('a query is read once, however many names it has', () => {
  class Watched extends URLSearchParams {
    searches = 0;

    override getAll(name: string): string[] {
      this.searches++;
      return super.getAll(name);
    }
  }
  const query = new Watched(Array.from({ length: 4_000 }, (_, at) => `${at.toString(36)}=1&`).join(''));
  const read = readQueryArguments(query, { additionalProperties: true });
  expect(Object.keys(JSON.parse(String(read)) as object)).toHaveLength(4_000);
  expect(query.searches).toBe(0);
  expect(String(readQueryArguments(new URLSearchParams('a=1&b=2&a=3'), { additionalProperties: true }))).toBe(
    '{"a":["1","3"],"b":"2"}',
  );
});
