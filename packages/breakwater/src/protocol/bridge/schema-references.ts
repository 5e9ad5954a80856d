import { type Edits, memberValue, type RawObject, scanArray, scanObject } from '../../jsonrpc/raw.ts';
import { applyEdits, bytesOf, writeArray } from './edits.ts';

/** Keywords whose value is data: a `$ref` in there is no reference. */
const DATA_KEYS = new Set(['const', 'enum', 'default', 'examples']);
/** Keywords whose value maps names to schemas: a name in there is no keyword. */
const NAME_MAP_KEYS = new Set([
  'properties',
  'patternProperties',
  '$defs',
  'definitions',
  'dependentSchemas',
  'dependencies',
]);

/**
 * The schema's bytes with its same-document references (`#`, `#/…`) rewritten for a new place in a larger schema; `place` is a
 * `#/…` pointer. Undefined when it uses `$recursiveRef`, which cannot be moved. The semantics are those of the SDK's wrapping of output schemas.
 */
export function moveReferences(schema: Buffer, place: string): Buffer | undefined {
  const view = schema.toString('latin1');
  if (view.includes('$recursiveRef')) return undefined;
  // No reference, however spelled: the bytes stay.
  if (!view.includes('Ref"') && !view.includes('ref"') && !view.includes('\\u')) return schema;
  return moveIn(schema, place, false);
}

function moveIn(value: Buffer, place: string, isNameMap: boolean): Buffer {
  const object = scanObject(value);
  if (object !== undefined) return moveInObject(object, value, place, isNameMap);
  const elements = scanArray(value);
  if (elements === undefined) return value;
  const moved = elements.map((element) => moveIn(element, place, false));
  return moved.every((element, index) => element === elements[index]) ? value : writeArray(moved);
}

function moveInObject(object: RawObject, value: Buffer, place: string, isNameMap: boolean): Buffer {
  if (!isNameMap && isNewBase(memberValue(object, '$id'))) return value;
  const edits: Record<string, Buffer | string> = {};
  for (const { key } of object.members) {
    const before = bytesOf(object, key);
    if (before === undefined || (!isNameMap && DATA_KEYS.has(key))) continue;
    const isReference = !isNameMap && (key === '$ref' || key === '$dynamicRef');
    const after = isReference
      ? (moveReference(memberValue(object, key), place) ?? before)
      : moveIn(before, place, !isNameMap && NAME_MAP_KEYS.has(key));
    // Assigned by definition: a property called __proto__ is a property.
    if (after !== before) Object.defineProperty(edits, key, { value: after, enumerable: true, configurable: true });
  }
  return Object.keys(edits).length === 0 ? value : applyEdits(object, edits as Edits);
}

function moveReference(reference: unknown, place: string): string | undefined {
  if (reference === '#') return JSON.stringify(place);
  if (typeof reference !== 'string' || !reference.startsWith('#/')) return undefined;
  return JSON.stringify(place + reference.slice(1));
}

// A fragment-only $id is draft-07's spelling of an anchor and sets no base (RFC 3986 §5.1).
function isNewBase(id: unknown): boolean {
  return id !== undefined && !(typeof id === 'string' && id.startsWith('#'));
}
