/**
 * A JSON-RPC id as its own bytes, read as latin1 (`7`, `"a"`). Ids are echoed byte for byte, so `1e400` or 2^53+1 survive; write it back
 * with {@link Buffer.from}`(id, 'latin1')`, never as UTF-8.
 */
export type RawId = string & { readonly __brand: 'RawId' };

/** True for a JSON string or number token; null, booleans, objects and arrays are no ids. */
export function isIdToken(token: string): boolean {
  return token.startsWith('"') || /^-?[0-9]/.test(token);
}

/** The id token of a number or string the gateway chose itself. */
export function makeId(value: number | string): RawId {
  return JSON.stringify(value) as RawId;
}
