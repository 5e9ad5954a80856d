import { expect, test } from 'vitest';
import { exampleOf } from './example.ts';

test.each([
  [{ type: 'object', properties: { a: { type: 'number' }, b: { type: 'string' } }, required: ['a'] }, { a: 1 }],
  [{ type: 'object', properties: { a: { type: 'integer', minimum: 5 } } }, { a: 5 }],
  [
    { type: 'object', properties: { a: { enum: ['x', 'y'] }, b: { default: 3 } }, required: ['a', 'b'] },
    { a: 'x', b: 3 },
  ],
  [{ properties: { a: { $ref: '#/$defs/A' } }, required: ['a'], $defs: { A: { type: 'boolean' } } }, { a: true }],
  [{ properties: { a: { anyOf: [{ type: 'string', format: 'date' }, { type: 'null' }] } } }, { a: '2026-01-31' }],
  [{ properties: { a: { type: 'array', items: { type: 'string' } } } }, { a: ['text'] }],
  [undefined, {}],
  [true, {}],
])('%j', (schema, expected) => {
  expect(exampleOf(schema)).toEqual(expected);
});

// Attack: a schema that refers to itself, or that is wide, makes an example without end.
test('an example is small whatever the schema', () => {
  const own = { $ref: '#/$defs/A', $defs: { A: { properties: { a: { $ref: '#/$defs/A' } } } } };
  expect(JSON.stringify(exampleOf(own)).length).toBeLessThan(200);
  expect(exampleOf({ $ref: '#/$defs/A', $defs: { A: { $ref: '#/$defs/A' } } })).toEqual({});
  const names = Array.from({ length: 10_000 }, (_, index) => `n${index}`);
  const wide = { properties: Object.fromEntries(names.map((name) => [name, { type: 'string' }])), required: names };
  expect(Object.keys(exampleOf(wide) as object)).toHaveLength(24);
});
