import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { embedSchema } from './openapi-schema.ts';

const PLACE = '#/components/schemas/x';

function embed(schema: unknown): unknown {
  return JSON.parse(JSON.stringify(embedSchema(schema, PLACE)));
}

describe('a schema in a larger document', () => {
  test('keeps what it says', () => {
    const schema = {
      type: 'object',
      properties: { a: { type: ['string', 'null'], minLength: 1, pattern: '^a' }, b: { enum: [1, 'x', null] } },
      required: ['a'],
      additionalProperties: false,
      description: 'words',
    };
    expect(embed(schema)).toEqual(schema);
    expect(embed(true)).toBe(true);
  });

  // Attack: one tool's expression that no generator can read, and no client is made of the whole document.
  test.each(['(', '[a', 'a{2,1}', '\\', '(?<n>a)(?<n>b)', '^[\\w-.]+$'])(
    'an expression that is none (%s) is left out',
    (pattern) => {
      expect(embed({ type: 'string', pattern })).toEqual({ type: 'string' });
      expect(embed({ patternProperties: { [pattern]: {}, '^a': {} }, additionalProperties: false })).toEqual({
        patternProperties: { '^a': {} },
      });
    },
  );

  test('its references go with it', () => {
    const schema = {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      $id: 'https://example.com/x',
      properties: { a: { $ref: '#/$defs/a~1b' }, self: { $ref: '#' } },
      $defs: { 'a/b': { items: { $ref: '#/properties/a' } } },
    };
    expect(embed(schema)).toEqual({
      properties: { a: { $ref: `${PLACE}/$defs/a~1b` }, self: { $ref: PLACE } },
      $defs: { 'a/b': { items: { $ref: `${PLACE}/properties/a` } } },
    });
  });

  test('a tuple of older drafts is one of this draft', () => {
    expect(embed({ items: [{ type: 'string' }], additionalItems: false })).toEqual({
      prefixItems: [{ type: 'string' }],
      items: false,
    });
  });

  // Attack: every reader of the document would fetch the address, from its own network.
  test.each(['https://evil.example/x', 'file:///etc/passwd', 'other.json#/a', '//evil/x', '#anchor'])(
    'a reference to %s is left out',
    (reference) => {
      expect(embed({ properties: { a: { $ref: reference, title: 'A' } } })).toEqual({
        properties: { a: { title: 'A' } },
      });
    },
  );

  // Attack: readers that resolve references hang on one that leads to itself, and fail on one that leads nowhere.
  test('references in circles and into nothing are left out', () => {
    expect(embed({ $ref: '#' })).toEqual({});
    expect(embed({ $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } } })).toEqual({
      $defs: { a: {}, b: {} },
    });
    expect(embed({ properties: { a: { $ref: '#/$defs/none' } } })).toEqual({ properties: { a: {} } });
    expect(embed({ properties: { a: { $ref: '#/properties/a/__proto__' } } })).toEqual({ properties: { a: {} } });
    expect(embed({ items: [{ type: 'string' }], not: { $ref: '#/items/0' } })).toEqual({
      prefixItems: [{ type: 'string' }],
      not: {},
    });
    // What a reference points at must be there in the copy as well.
    expect(embed({ properties: { a: { $ref: '#/hidden' } }, hidden: { type: 'string' } })).toEqual({
      properties: { a: {} },
    });
  });

  // Attack: values of the wrong kind make generators fail, and with them everybody else's tools in the same document.
  test('keywords with values of the wrong kind are left out', () => {
    expect(
      embed({
        type: 'evil',
        properties: [],
        required: 'a',
        enum: [],
        allOf: {},
        items: 5,
        minLength: -1,
        pattern: 3,
        title: {},
        multipleOf: 0,
      }),
    ).toEqual({});
    expect(embed({ type: ['string', 'evil'] })).toEqual({});
    expect(embed('evil')).toEqual({});
  });

  // Attack: a property of this name would change the prototype of a careless copy.
  test('a property called __proto__ is a property', () => {
    const schema = JSON.parse('{"properties":{"__proto__":{"type":"string"}}}') as unknown;
    expect(JSON.stringify(embedSchema(schema, PLACE))).toBe('{"properties":{"__proto__":{"type":"string"}}}');
  });

  // Attack: a schema without end in depth or width.
  test('is bounded', () => {
    let deep: object = { type: 'string' };
    for (let level = 0; level < 500; level++) deep = { properties: { a: deep } };
    expect(JSON.stringify(embed(deep)).length).toBeLessThan(2_000);
    const wide = { properties: Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`p${i}`, {}])) };
    expect(embed(wide)).toEqual({ type: 'object', description: 'This schema is too large to be shown here.' });
    expect(JSON.stringify(embed({ description: 'x'.repeat(1_000_000) })).length).toBeLessThan(5_000);
  });

  test('never throws, and every reference it keeps leads somewhere', () => {
    const key = fc.constantFrom('$ref', 'properties', 'items', 'allOf', '$defs', 'type', 'not', 'a', '__proto__');
    const leaf = fc.oneof(
      fc.constantFrom('#', '#/$defs/a', '#/properties/a', 'string', '#/allOf/0', '#/items/0'),
      fc.jsonValue({ maxDepth: 1 }),
    );
    const { schema } = fc.letrec((tie) => ({
      schema: fc.oneof(
        { depthSize: 'small' },
        leaf,
        fc.dictionary(key, tie('schema')),
        fc.array(tie('schema'), { maxLength: 3 }),
      ),
    }));
    fc.assert(
      fc.property(schema, (value) => {
        const embedded = embed(value);
        const document = { components: { schemas: { x: embedded } } };
        for (const reference of referencesIn(embedded)) {
          let at: unknown = document;
          for (const token of reference.split('/').slice(1)) at = (at as Record<string, unknown> | undefined)?.[token];
          expect(at).toBeDefined();
        }
      }),
    );
  });
});

// Only where a schema stands: the same word may be data.
function referencesIn(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const { $ref, properties, $defs, items, not, allOf } = schema as Record<string, unknown>;
  const inner = [
    items,
    not,
    ...[allOf ?? []].flat(),
    ...Object.values(properties ?? {}),
    ...Object.values($defs ?? {}),
  ];
  return [...(typeof $ref === 'string' ? [$ref] : []), ...inner.flatMap(referencesIn)];
}
