import { isObject, type JsonObject } from '../../protocol/capabilities.ts';

/** How deep and how wide an example may grow: the schema is a server's, and its author may be no friend. */
const MOST_DEPTH = 6;
const MOST_MEMBERS = 24;

/** A value that a schema would probably take, for a person or a program to start from: required members, defaults, first choices. */
export function exampleOf(schema: unknown): unknown {
  return draw(schema, isObject(schema) ? schema : {}, MOST_DEPTH);
}

function draw(schema: unknown, root: JsonObject, depth: number): unknown {
  if (!isObject(schema) || depth <= 0) return {};
  for (const key of ['default', 'const'] as const) if (isSmall(schema[key])) return schema[key];
  for (const key of ['examples', 'enum'] as const) {
    const values = schema[key];
    if (Array.isArray(values) && isSmall(values[0])) return values[0];
  }
  const target = typeof schema['$ref'] === 'string' ? lookUp(root, schema['$ref']) : undefined;
  if (target !== undefined) return draw(target, root, depth - 1);
  for (const key of ['anyOf', 'oneOf', 'allOf'] as const) {
    const choices = schema[key];
    if (Array.isArray(choices) && choices.length > 0 && schema['type'] === undefined)
      return draw(choices[0], root, depth - 1);
  }
  return drawType(schema, root, depth);
}

function drawType(schema: JsonObject, root: JsonObject, depth: number): unknown {
  const type = Array.isArray(schema['type']) ? schema['type'][0] : schema['type'];
  switch (type) {
    case 'string':
      return textFor(schema['format']);
    case 'number':
    case 'integer':
      return numberFor(schema);
    case 'boolean':
      return true;
    case 'null':
      return null;
    case 'array':
      return [draw(schema['items'], root, depth - 1)];
    default:
      return drawMembers(schema, root, depth);
  }
}

function drawMembers(schema: JsonObject, root: JsonObject, depth: number): JsonObject {
  const properties = isObject(schema['properties']) ? schema['properties'] : {};
  const required = Array.isArray(schema['required']) ? schema['required'].filter((key) => typeof key === 'string') : [];
  // Without required members the first one shows what arguments look like.
  const names = required.length > 0 ? required : Object.keys(properties).slice(0, 1);
  const members = names
    .filter((name) => Object.hasOwn(properties, name))
    .slice(0, MOST_MEMBERS)
    .map((name) => [name, draw(properties[name], root, depth - 1)]);
  return Object.fromEntries(members);
}

function lookUp(root: JsonObject, reference: string): unknown {
  const [, , name = ''] = /^#\/(\$defs|definitions)\/([^/]+)$/.exec(reference) ?? [];
  const places = [root['$defs'], root['definitions']];
  return places.filter(isObject).find((place) => Object.hasOwn(place, name))?.[name];
}

function isSmall(value: unknown): boolean {
  if (value === undefined) return false;
  return JSON.stringify(value).length <= 256;
}

const TEXTS: Readonly<Record<string, string>> = {
  'date-time': '2026-01-31T12:00:00Z',
  date: '2026-01-31',
  time: '12:00:00Z',
  email: 'user@example.com',
  uri: 'https://example.com/',
  url: 'https://example.com/',
  uuid: '00000000-0000-4000-8000-000000000000',
};

function textFor(format: unknown): string {
  return typeof format === 'string' && Object.hasOwn(TEXTS, format) ? (TEXTS[format] ?? 'text') : 'text';
}

function numberFor({ minimum, maximum }: JsonObject): number {
  if (typeof minimum === 'number' && minimum > 1) return minimum;
  return typeof maximum === 'number' && maximum < 1 ? maximum : 1;
}
