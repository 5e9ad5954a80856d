import { isObject, type JsonObject } from '../../protocol/capabilities.ts';
import { type Member, writeMembers } from './json-object.ts';

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
const INTEGER = /^-?(0|[1-9]\d*)$/;

/**
 * Arguments from a query, as JSON bytes: each parameter is read as the type its schema names, a repeated one as an array. Undefined when the query names
 * no argument of the tool. What does not fit stays text: the server says what is wrong with it. Parameters the schema does not know are ignored (catalogues add `api_key`
 * and the like), unless the tool says that it takes any.
 */
export function readQueryArguments(query: URLSearchParams, schema: unknown): Buffer | undefined {
  const properties = isObject(schema) && isObject(schema['properties']) ? schema['properties'] : {};
  const isOpen =
    isObject(schema) && (schema['additionalProperties'] === true || isObject(schema['additionalProperties']));
  // Attack: a query of thousands of names; to search it for each of them would take as many times as long.
  const given = new Map<string, string[]>();
  for (const [name, value] of query) {
    const values = given.get(name);
    if (values === undefined) given.set(name, [value]);
    else values.push(value);
  }
  const members: Member[] = [];
  for (const [name, values] of given) {
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (property === undefined && !isOpen) continue;
    members.push([name, Buffer.from(readValues(values, property))]);
  }
  return members.length === 0 ? undefined : writeMembers(members);
}

function readValues(values: readonly string[], property: unknown): string {
  const types = typesOf(property);
  const [first = ''] = values;
  if (!types.includes('array')) {
    return values.length === 1
      ? readValue(first, types)
      : `[${values.map((value) => readValue(value, types)).join(',')}]`;
  }
  if (values.length === 1 && first.trimStart().startsWith('[') && isJson(first)) return first;
  const items = isObject(property) ? typesOf(property['items']) : [];
  return `[${values.map((value) => readValue(value, items)).join(',')}]`;
}

// The token itself where it is a number: one above 2^53 must not lose its last digits.
function readValue(value: string, types: readonly string[]): string {
  const text = value.trim();
  if (types.includes('integer') && INTEGER.test(text)) return text;
  if (types.includes('number') && NUMBER.test(text)) return text;
  if (types.includes('boolean') && /^(true|false)$/i.test(text)) return text.toLowerCase();
  if (types.includes('null') && (text === '' || text === 'null') && !types.includes('string')) return 'null';
  if (types.includes('object') && text.startsWith('{') && isJson(text)) return text;
  return JSON.stringify(value);
}

function typesOf(schema: unknown): string[] {
  if (!isObject(schema)) return [];
  const own = [schema['type']].flat().filter((type) => typeof type === 'string');
  if (own.length > 0) return own;
  const choices = [schema['anyOf'], schema['oneOf']].find(Array.isArray);
  return choices === undefined ? constantTypes(schema) : choices.slice(0, 16).flatMap((choice) => ownTypes(choice));
}

function ownTypes(schema: unknown): string[] {
  return isObject(schema) ? [schema['type']].flat().filter((type) => typeof type === 'string') : [];
}

function constantTypes(schema: JsonObject): string[] {
  const values = Array.isArray(schema['enum']) ? schema['enum'] : [schema['const']];
  return [...new Set(values.slice(0, 64).map((value) => typeof value))].map((type) => String(type));
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false; // then it is text
  }
}
