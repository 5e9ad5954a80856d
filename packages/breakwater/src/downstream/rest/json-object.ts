/** A member of a JSON object to write: bytes of a JSON value, or a value; undefined leaves it out. */
export type Member = readonly [key: string, value: Buffer | string | number | boolean | object | undefined];

/** Bytes of a JSON object. Buffers go in as they are: they are JSON already. */
export function writeMembers(members: readonly Member[]): Buffer {
  const parts: Buffer[] = [];
  for (const [key, value] of members) {
    if (value === undefined) continue;
    parts.push(Buffer.from(`${parts.length === 0 ? '{' : ','}${JSON.stringify(key)}:`));
    parts.push(Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value)));
  }
  parts.push(Buffer.from(parts.length === 0 ? '{}' : '}'));
  return Buffer.concat(parts);
}
