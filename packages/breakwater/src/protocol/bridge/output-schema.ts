import { measureDepth, type RawObject, scanObject } from '../../jsonrpc/raw.ts';
import { isObject, type JsonObject } from '../capabilities.ts';
import { applyEdits, bytesOf, writeObject } from './edits.ts';
import { moveReferences } from './schema-references.ts';

/** Deeper schemas are not translated; the tool then goes without one. */
const SCHEMA_DEPTH = 64;
/** Subschemas looked at to tell what a root admits. Attack: branches that refer to branches grow exponentially. */
const LOOKS = 500;
/** Keywords that say nothing about which values are valid. */
const SILENT = new Set(['$schema', '$id', '$comment', 'title', 'description', 'examples', 'default']);

/** Which JSON values a schema's root admits: only objects, never objects, or some of each. */
type RootKind = 'object' | 'other' | 'mixed';

/**
 * A 2026-07-28 `outputSchema` in the form of 2025-06-18 and 2025-11-25, where the root must say `"type": "object"` (v1 clients refuse the whole
 * list otherwise). It admits exactly what `bridgeToolResult` sends: objects as they are, other values as `{"result": value}`. Undefined
 * when the schema cannot be translated: the tool then has none and its results are not checked.
 */
export function bridgeOutputSchema(schema: Buffer): Buffer | undefined {
  if (measureDepth(schema.toString('latin1'), SCHEMA_DEPTH) > SCHEMA_DEPTH) return undefined;
  const object = scanObject(schema);
  const value = parse(schema);
  if (object === undefined || !isObject(value)) return undefined;
  if (value['type'] === 'object') return schema;
  const kind = rootKind(value, { root: value, looks: LOOKS });
  if (kind === 'object' || object.members.every(({ key }) => SILENT.has(key))) {
    return applyEdits(object, { type: '"object"' });
  }
  return kind === 'other' ? wrap(object, schema) : wrapEither(object, schema);
}

function wrap(object: RawObject, schema: Buffer): Buffer | undefined {
  const moved = moveReferences(schema, '#/properties/result');
  if (moved === undefined) return undefined;
  const properties = writeObject({ result: moved });
  return writeObject({ $schema: bytesOf(object, '$schema'), type: '"object"', properties, required: '["result"]' });
}

// A result does not come with its schema, so whether it was wrapped must be readable from the value alone: both forms are admitted.
function wrapEither(object: RawObject, schema: Buffer): Buffer | undefined {
  const moved = moveReferences(schema, '#/anyOf/0');
  if (moved === undefined) return undefined;
  const wrapped = '{"properties":{"result":{"$ref":"#/anyOf/0"}},"required":["result"]}';
  const anyOf = Buffer.concat([Buffer.from('['), moved, Buffer.from(`,${wrapped}]`)]);
  return writeObject({ $schema: bytesOf(object, '$schema'), type: '"object"', anyOf });
}

interface RootSearch {
  readonly root: JsonObject;
  looks: number;
}

function rootKind(schema: unknown, search: RootSearch): RootKind {
  if (!isObject(schema) || search.looks-- <= 0) return 'mixed';
  const all: RootKind[] = [];
  const { type, enum: values, $ref: reference, allOf, anyOf, oneOf } = schema;
  if (typeof type === 'string') all.push(type === 'object' ? 'object' : 'other');
  if (Array.isArray(type)) all.push(eitherKind(type.map((name) => (name === 'object' ? 'object' : 'other'))));
  if (Object.hasOwn(schema, 'const')) all.push(isObject(schema['const']) ? 'object' : 'other');
  if (Array.isArray(values)) all.push(eitherKind(values.map((value) => (isObject(value) ? 'object' : 'other'))));
  if (typeof reference === 'string') all.push(rootKind(resolve(search.root, reference), search));
  if (Array.isArray(allOf)) all.push(...allOf.map((branch) => rootKind(branch, search)));
  for (const branches of [anyOf, oneOf]) {
    if (Array.isArray(branches)) all.push(eitherKind(branches.map((branch) => rootKind(branch, search))));
  }
  if (all.includes('other')) return 'other';
  return all.includes('object') ? 'object' : 'mixed';
}

function eitherKind(kinds: readonly RootKind[]): RootKind {
  const first = kinds[0];
  return first !== undefined && kinds.every((kind) => kind === first) ? first : 'mixed';
}

function resolve(root: JsonObject, reference: string): unknown {
  if (!reference.startsWith('#/')) return undefined;
  let at: unknown = root;
  for (const token of reference.slice(2).split('/')) {
    const key = token.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined;
    at = (at as JsonObject)[key];
  }
  return at;
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined; // the caller treats it like any other schema it cannot read
  }
}
