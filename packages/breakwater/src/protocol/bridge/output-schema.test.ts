import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv';
import { describe, expect, it } from 'vitest';
import { scanObject } from '../../jsonrpc/raw.ts';
import { applyEdits } from './edits.ts';
import { bridgeOutputSchema } from './output-schema.ts';
import { bridgeToolResult } from './structured-content.ts';

const VALUES: readonly unknown[] = [
  null,
  true,
  0,
  1.5,
  'a',
  '',
  [],
  [1],
  ['a'],
  {},
  { a: 1 },
  { a: 'x' },
  { result: 1 },
];

const SCHEMAS: readonly object[] = [
  {},
  { description: 'anything' },
  { type: 'object', required: ['a'] },
  { type: ['object'] },
  { type: ['object', 'null'] },
  { type: 'array', items: { $ref: '#/$defs/n' }, $defs: { n: { type: 'number' } } },
  { type: 'array', items: { $ref: '#' } },
  { enum: ['a', null] },
  { enum: ['a', { a: 1 }] },
  { const: { a: 1 } },
  { anyOf: [{ type: 'string' }, { type: 'number' }] },
  {
    anyOf: [
      { type: 'object', required: ['a'] },
      { type: 'object', required: ['b'] },
    ],
  },
  { oneOf: [{ type: 'object' }, { $ref: '#/$defs/s' }], $defs: { s: { type: 'string' } } },
  { $ref: '#/$defs/o', $defs: { o: { type: 'object', properties: { a: { type: 'number' } } } } },
  { $ref: '#/definitions/a~1b', definitions: { 'a/b': { type: 'string', minLength: 1 } } },
  { allOf: [{ required: ['a'] }, { type: 'object' }] },
  { allOf: [{ type: 'string' }], minLength: 1 },
  { not: { type: 'string' } },
  { properties: { a: { type: 'number' } }, required: ['a'] },
];

// What a client of 2025-11-25 receives as structuredContent for this value.
function sent(value: unknown): unknown {
  const result = scanObject(Buffer.from(JSON.stringify({ content: [], structuredContent: value })));
  if (result === undefined) throw new TypeError('not an object');
  const bytes = applyEdits(result, bridgeToolResult(result, '2026-07-28', '2025-11-25'));
  return (JSON.parse(bytes.toString()) as { structuredContent: unknown }).structuredContent;
}

function accepts(schema: object, value: unknown): boolean {
  return new AjvJsonSchemaValidator().getValidator(schema)(value).valid;
}

describe('bridgeOutputSchema', () => {
  for (const schema of SCHEMAS) {
    it(`admits as sent what ${JSON.stringify(schema)} admits, and says object`, () => {
      const bytes = bridgeOutputSchema(Buffer.from(JSON.stringify(schema)));
      expect(bytes).toBeDefined();
      const bridged = JSON.parse(String(bytes)) as { type: string };
      expect(bridged.type).toBe('object');
      for (const value of VALUES) {
        if (accepts(schema, value)) expect(accepts(bridged, sent(value)), JSON.stringify(value)).toBe(true);
      }
    });
  }

  it('still refuses what the schema refuses', () => {
    const bridged = JSON.parse(String(bridgeOutputSchema(Buffer.from('{"type":"array","items":{"type":"number"}}'))));
    expect(accepts(bridged, sent(['a']))).toBe(false);
    const either = JSON.parse(String(bridgeOutputSchema(Buffer.from('{"type":["object","null"],"required":["a"]}'))));
    expect(accepts(either, sent({}))).toBe(false);
    expect(accepts(either, sent('a'))).toBe(false);
    expect(accepts(either, sent(null))).toBe(true);
  });

  it('returns the same bytes where the root already says object', () => {
    const schema = Buffer.from('{ "type" : "object", "maxProperties": 9007199254740993 }');
    expect(bridgeOutputSchema(schema)).toBe(schema);
  });

  it('keeps the numbers of a schema whose references move', () => {
    const schema = Buffer.from('{"type":"array","maxItems":9007199254740993,"items":{"$ref":"#"}}');
    expect(String(bridgeOutputSchema(schema))).toBe(
      '{"type":"object","properties":{"result":{"type":"array","maxItems":9007199254740993,"items":{"$ref":"#/properties/result"}}},"required":["result"]}',
    );
  });

  // Attack: a server spells $ref with an escape, so that a textual search misses it.
  it('moves a reference however its key is spelled', () => {
    const schema = Buffer.from('{"type":"array","items":{"$r\\u0065f":"#/$defs/a"},"$defs":{"a":{}}}');
    expect(String(bridgeOutputSchema(schema))).toContain('"#/properties/result/$defs/a"');
  });

  // Attack: hundred branches that each refer to hundred branches, to keep the gateway busy with one tools/list.
  it('gives up on exponential references', () => {
    const level = (next: string): object => ({ anyOf: Array.from({ length: 100 }, () => ({ $ref: next })) });
    const $defs = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`l${i}`, level(`#/$defs/l${i + 1}`)]));
    const schema = { $ref: '#/$defs/l0', $defs: { ...$defs, l9: { type: 'object' } } };
    expect(JSON.parse(String(bridgeOutputSchema(Buffer.from(JSON.stringify(schema)))))).toHaveProperty('anyOf');
  });

  // Attack: a schema so deep that walking it would exhaust the stack.
  it('drops a schema that nests too deep, and what is no schema', () => {
    const deep = `${'{"items":'.repeat(20_000)}{}${'}'.repeat(20_000)}`;
    for (const schema of [deep, 'true', 'null', '[]', '"x"', '{"type":', '{"items":{"$recursiveRef":"#"}}']) {
      expect(bridgeOutputSchema(Buffer.from(schema)), schema.slice(0, 40)).toBeUndefined();
    }
  });

  it('is not fooled by a property called __proto__', () => {
    const schema = Buffer.from('{"type":"array","items":{"properties":{"__proto__":{"$ref":"#"}}}}');
    expect(String(bridgeOutputSchema(schema))).toContain('"__proto__":{"$ref":"#/properties/result"}');
  });
});
