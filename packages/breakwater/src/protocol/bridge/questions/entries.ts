import { hasDuplicateKey, memberBytes, type RawObject } from '../../../jsonrpc/raw.ts';

/** One member of a map whose keys the peer chose. */
export type Entry = readonly [key: string, value: Buffer];

/** The members of a map in wire order; undefined when a key occurs twice (two parsers would read two different maps). */
export function readEntries(object: RawObject): readonly Entry[] | undefined {
  if (hasDuplicateKey(object)) return undefined;
  return object.members.map((member) => [member.key, memberBytes(object, member)]);
}

/** Bytes of a map. Never goes through a JavaScript object: a key may be `__proto__`, and numbers as keys would change places. */
export function writeEntries(entries: Iterable<Entry>): Buffer {
  const parts: Buffer[] = [];
  for (const [key, value] of entries) {
    parts.push(Buffer.from(`${parts.length === 0 ? '{' : ','}${JSON.stringify(key)}:`), value);
  }
  if (parts.length === 0) parts.push(Buffer.from('{'));
  return Buffer.concat([...parts, Buffer.from('}')]);
}
