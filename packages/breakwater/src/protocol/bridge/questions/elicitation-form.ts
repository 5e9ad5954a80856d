import { type Edits, memberObject, memberValue, type RawObject, scanObject } from '../../../jsonrpc/raw.ts';
import { applyEdits, arrayElements, bytesOf, writeArray } from '../edits.ts';
import { type Entry, readEntries, writeEntries } from './entries.ts';

/**
 * Edits that put a form elicitation into the words of 2025-06-18, which has no modes, no choice of several, no titled choices in `oneOf`, and a
 * `default` for booleans only. Undefined when the form cannot be asked there.
 */
export function downgradeForm(params: RawObject): Edits | undefined {
  const mode = { mode: undefined };
  const schema = memberObject(params, 'requestedSchema');
  const properties = schema === undefined ? undefined : memberObject(schema, 'properties');
  const fields = properties === undefined ? undefined : readEntries(properties);
  if (schema === undefined || fields === undefined) return mode;
  const edited: Entry[] = [];
  for (const [name, field] of fields) {
    const downgraded = downgradeField(field);
    if (downgraded === undefined) return undefined;
    edited.push([name, downgraded]);
  }
  if (edited.every(([, field], index) => field === fields[index]?.[1])) return mode;
  return { ...mode, requestedSchema: applyEdits(schema, { properties: writeEntries(edited) }) };
}

function downgradeField(field: Buffer): Buffer | undefined {
  const object = scanObject(field);
  if (object === undefined) return field;
  const type = memberValue(object, 'type');
  if (type === 'array') return undefined;
  const keepsDefault = type === 'boolean' || bytesOf(object, 'default') === undefined;
  const edits = { ...(keepsDefault ? {} : { default: undefined }), ...flattenChoices(object) };
  return Object.keys(edits).length === 0 ? field : applyEdits(object, edits);
}

// The titles of `oneOf` choices are `enumNames` there, beside a plain `enum`.
function flattenChoices(field: RawObject): Edits {
  const choices = arrayElements(field, 'oneOf')?.map((choice) => scanObject(choice));
  if (choices === undefined) return {};
  const values: Buffer[] = [];
  const names: Buffer[] = [];
  for (const choice of choices) {
    const value = choice === undefined ? undefined : bytesOf(choice, 'const');
    // Not the choices of the specification: the server's own invention stays as it is.
    if (choice === undefined || value === undefined) return {};
    values.push(value);
    names.push(bytesOf(choice, 'title') ?? value);
  }
  return { oneOf: undefined, enum: writeArray(values), enumNames: writeArray(names) };
}
