import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

/** Keys for sealing: the first one seals, all of them open. 32 bytes each. */
export type KeyRing = readonly [Buffer, ...Buffer[]];

const PREFIX = 'g1.';
const IV_BYTES = 12;
const TAG_BYTES = 16;
const KEY_ID_BYTES = 4;
// Binds a sealed string to its purpose, so that no other string sealed with the same keys opens here.
const PURPOSE = Buffer.from('breakwater requestState 1');

/** A ring of one fresh key: what it sealed opens only in this process. */
export function freshKeyRing(): KeyRing {
  return [randomBytes(32)];
}

/** True for a string that claims to be sealed by a gateway. */
export function isSealed(text: string): boolean {
  return text.startsWith(PREFIX);
}

/** Encrypts and authenticates a JSON value (AES-256-GCM). The client sees an opaque string: it names internal things. */
export function seal(ring: KeyRing, value: unknown): string {
  const [key] = ring;
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(PURPOSE);
  const sealed = Buffer.concat([cipher.update(JSON.stringify(value)), cipher.final()]);
  return PREFIX + Buffer.concat([keyId(key), iv, cipher.getAuthTag(), sealed]).toString('base64url');
}

/** The value of a sealed string; undefined when no key of the ring opens it, because it was altered, forged, or sealed elsewhere. */
export function open(ring: KeyRing, text: string): unknown {
  const bytes = Buffer.from(text.slice(PREFIX.length), 'base64url');
  if (!isSealed(text) || bytes.length < KEY_ID_BYTES + IV_BYTES + TAG_BYTES) return undefined;
  const key = ring.find((each) => keyId(each).equals(bytes.subarray(0, KEY_ID_BYTES)));
  if (key === undefined) return undefined;
  const iv = bytes.subarray(KEY_ID_BYTES, KEY_ID_BYTES + IV_BYTES);
  const tag = bytes.subarray(KEY_ID_BYTES + IV_BYTES, KEY_ID_BYTES + IV_BYTES + TAG_BYTES);
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, iv).setAAD(PURPOSE).setAuthTag(tag);
    const plain = Buffer.concat([
      decipher.update(bytes.subarray(KEY_ID_BYTES + IV_BYTES + TAG_BYTES)),
      decipher.final(),
    ]);
    return JSON.parse(plain.toString()) as unknown;
  } catch {
    return undefined; // the tag does not fit: somebody altered it
  }
}

function keyId(key: Buffer): Buffer {
  return createHash('sha256').update('id').update(key).digest().subarray(0, KEY_ID_BYTES);
}

/**
 * A digest of what a request asks for: the method and its params without `_meta` and the retry members, with sorted keys because clients
 * serialise anew. A retry must ask for the same as the call it belongs to.
 */
export function digestRequest(method: string, params: unknown): string {
  const { _meta, inputResponses, requestState, ...asked } = (params ?? {}) as Record<string, unknown>;
  return createHash('sha256')
    .update(method)
    .update('\n')
    .update(JSON.stringify(sortKeys(asked)))
    .digest('base64url');
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, member]) => [key, sortKeys(member)]));
}
