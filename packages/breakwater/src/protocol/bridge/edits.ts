import {
  type Edits,
  editObject,
  findMember,
  type Member,
  memberBytes,
  memberObject,
  type RawObject,
  scanArray,
} from '../../jsonrpc/raw.ts';

/** The object's own bytes, or the bytes with `edits` applied where they change anything: removing what is not there does not. */
export function applyEdits(object: RawObject, edits: Edits): Buffer {
  return changes(object, edits) ? editObject(object, edits) : object.bytes.subarray(object.start, object.end);
}

function changes(object: RawObject, edits: Edits): boolean {
  for (const key in edits) if (edits[key] !== undefined || findMember(object, key) !== undefined) return true;
  return false;
}

/**
 * Edits that set and remove keys inside the object's `_meta`; none when that changes nothing. A `_meta` emptied by it is removed, one that was
 * empty stays.
 */
export function editMeta(object: RawObject, keys: Edits): Edits {
  let hasSets = false;
  for (const key in keys) if (keys[key] !== undefined) hasSets = true;
  const meta = memberObject(object, '_meta');
  if (meta === undefined) return hasSets ? { _meta: writeObject(keys) } : {};
  // A repeated `_meta` is written once: the server's parser might believe the copy that was not looked at.
  const isRepeated = object.members.filter(({ key }) => key === '_meta').length > 1;
  const touches = hasSets || meta.members.some(({ key }) => Object.hasOwn(keys, key));
  if (!touches && !isRepeated) return {};
  const edited = editObject(meta, keys);
  return { _meta: edited.length === 2 && meta.members.length > 0 ? undefined : edited };
}

/** Bytes of an object with these members, in order; a member without a value is left out. */
export function writeObject(members: Edits): Buffer {
  return editObject({ bytes: EMPTY, view: '{}', start: 0, end: 2, members: [] }, members);
}

const EMPTY = Buffer.from('{}');

/** Bytes of an array of these elements. */
export function writeArray(elements: readonly Buffer[]): Buffer {
  const parts: Buffer[] = [Buffer.from('[')];
  elements.forEach((element, index) => {
    if (index > 0) parts.push(Buffer.from(','));
    parts.push(element);
  });
  parts.push(Buffer.from(']'));
  return Buffer.concat(parts);
}

/** The elements of an array member, or undefined when the member is absent or no array. */
export function arrayElements(object: RawObject, key: string): readonly Buffer[] | undefined {
  const member = findMember(object, key);
  return member === undefined ? undefined : scanArray(object.bytes, member.start, object.view);
}

/** An edit that maps the elements of an array member, dropping those mapped to undefined; none when every element stays itself. */
export function mapArray(
  object: RawObject,
  key: string,
  map: (element: Buffer, index: number) => Buffer | undefined,
): Edits {
  const elements = arrayElements(object, key);
  if (elements === undefined) return {};
  const mapped = elements.map(map);
  if (mapped.every((element, index) => element === elements[index])) return {};
  return { [key]: writeArray(mapped.filter((element) => element !== undefined)) };
}

/** True when the member's value is a JSON object. */
export function isObjectMember(object: RawObject, member: Member): boolean {
  return object.view.charCodeAt(member.start) === 0x7b;
}

/** The value bytes of a member by name, or undefined when it is absent. */
export function bytesOf(object: RawObject, key: string): Buffer | undefined {
  const member = findMember(object, key);
  return member === undefined ? undefined : memberBytes(object, member);
}
