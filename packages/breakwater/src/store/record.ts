import type { FieldChange, Fields } from '../core/store.ts';

/** The fields after a change; values are copied, so that nothing keeps the larger buffers they may be parts of. */
export function changedFields(before: Fields | undefined, change: FieldChange): Fields {
  const after = new Map(before);
  for (const [field, value] of Object.entries(change)) {
    if (value === null) after.delete(field);
    else after.set(field, Buffer.from(value));
  }
  return after;
}

/** A record without fields does not exist, hence cannot be made: twice made, it would be new both times. */
export function requireValue(fields: FieldChange): void {
  if (!Object.values(fields).some((value) => value !== null))
    throw new TypeError('a new record needs at least one field');
}
