import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createSecretKey,
  type KeyObject,
  randomBytes,
} from 'node:crypto';

/** Keys for sealing: the first one seals, all of them open. 32 bytes each. */
export type KeyRing = readonly [Buffer, ...Buffer[]];

const PREFIX = 'g1.';
const IV_BYTES = 12;
const POOLED_IVS = 256;
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
  return encrypt(ring[0], value, freshIv(), PURPOSE);
}

/** Seals bytes for one context: they open in that context alone. */
export function sealBytes(ring: KeyRing, bytes: Buffer, context: string): Buffer {
  return encryptBytes(ring[0], bytes, freshIv(), bytesContext(context));
}

/** What was sealed with {@link sealBytes} in this context; undefined for anything else. */
export function openBytes(ring: KeyRing, sealed: Buffer, context: string): Buffer | undefined {
  return decryptBytes(ring, sealed, bytesContext(context));
}

let ivs = Buffer.alloc(0);
let usedIvs = 0;

/** Drawn for many at once, which costs the same; what is public needs no wiping. */
function freshIv(): Buffer {
  if (usedIvs === ivs.length) {
    ivs = randomBytes(POOLED_IVS * IV_BYTES);
    usedIvs = 0;
  }
  usedIvs += IV_BYTES;
  return ivs.subarray(usedIvs - IV_BYTES, usedIvs);
}

function bytesContext(context: string): Buffer {
  return Buffer.from(`breakwater bytes 1\n${context}`);
}

/**
 * Seals a JSON value so that the same value has the same name for ever (under the same key). `context` says whose name it is and for what: it
 * opens in that context alone.
 */
export function sealName(ring: KeyRing, value: unknown, context: string): string {
  const [key] = ring;
  // The nonce follows from what is sealed, so it comes again only with the same plaintext (as in AES-GCM-SIV).
  const input = JSON.stringify([context, value]);
  const iv = createHmac('sha256', key).update('nonce').update(input).digest().subarray(0, IV_BYTES);
  return encrypt(key, value, iv, nameContext(context));
}

/** The value of a sealed name in its context; undefined for a foreign, altered or invented one. */
export function openName(ring: KeyRing, name: string, context: string): unknown {
  return decrypt(ring, name, nameContext(context));
}

function nameContext(context: string): Buffer {
  return Buffer.from(`breakwater name 1\n${context}`);
}

function encrypt(key: Buffer, value: unknown, iv: Buffer, context: Buffer): string {
  return PREFIX + encryptBytes(key, Buffer.from(JSON.stringify(value)), iv, context).toString('base64url');
}

function encryptBytes(key: Buffer, plain: Buffer, iv: Buffer, context: Buffer): Buffer {
  const cipher = createCipheriv('aes-256-gcm', preparedKey(key).object, iv).setAAD(context);
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([preparedKey(key).id, iv, cipher.getAuthTag(), sealed]);
}

/** The value of a sealed string; undefined when no key of the ring opens it, because it was altered, forged, or sealed elsewhere. */
export function open(ring: KeyRing, text: string): unknown {
  return decrypt(ring, text, PURPOSE);
}

function decrypt(ring: KeyRing, text: string, context: Buffer): unknown {
  if (!isSealed(text)) return undefined;
  const plain = decryptBytes(ring, Buffer.from(text.slice(PREFIX.length), 'base64url'), context);
  return plain === undefined ? undefined : (JSON.parse(plain.toString()) as unknown);
}

function decryptBytes(ring: KeyRing, bytes: Buffer, context: Buffer): Buffer | undefined {
  if (bytes.length < KEY_ID_BYTES + IV_BYTES + TAG_BYTES) return undefined;
  const key = ring.map(preparedKey).find(({ id }) => id.equals(bytes.subarray(0, KEY_ID_BYTES)));
  if (key === undefined) return undefined;
  const iv = bytes.subarray(KEY_ID_BYTES, KEY_ID_BYTES + IV_BYTES);
  const tag = bytes.subarray(KEY_ID_BYTES + IV_BYTES, KEY_ID_BYTES + IV_BYTES + TAG_BYTES);
  try {
    const decipher = createDecipheriv('aes-256-gcm', key.object, iv).setAAD(context).setAuthTag(tag);
    return Buffer.concat([decipher.update(bytes.subarray(KEY_ID_BYTES + IV_BYTES + TAG_BYTES)), decipher.final()]);
  } catch {
    return undefined; // the tag does not fit: somebody altered it
  }
}

/** A key as OpenSSL takes it without making it anew each time (three quarters of what sealing a session id cost), and what names it. */
interface PreparedKey {
  readonly object: KeyObject;
  readonly id: Buffer;
}

const PREPARED = new WeakMap<Buffer, PreparedKey>();

function preparedKey(key: Buffer): PreparedKey {
  let prepared = PREPARED.get(key);
  if (prepared === undefined) {
    const id = createHash('sha256').update('id').update(key).digest().subarray(0, KEY_ID_BYTES);
    prepared = { object: createSecretKey(key), id };
    PREPARED.set(key, prepared);
  }
  return prepared;
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
