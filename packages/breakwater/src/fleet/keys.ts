import { hkdfSync } from 'node:crypto';
import type { KeyRing } from '../core/seal.ts';

/** A pre-shared key of the peer port and the name it goes by on the wire. */
export interface PeerKey {
  readonly id: string;
  readonly key: Buffer;
}

/** Everything a fleet's secrets are used for, each with keys of its own. The first secret's seal, all of them open. */
export interface FleetKeys {
  readonly peer: readonly [PeerKey, ...PeerKey[]];
  /** Seals session ids. */
  readonly sessions: KeyRing;
  /** Seals what clients carry for us: `requestState`, ids of tasks. */
  readonly states: KeyRing;
  /** Seals what stands in the store. */
  readonly values: KeyRing;
}

const MIN_CHARS = 32;
const KEY_BYTES = 32;
const ID_BYTES = 6;

/** Derives the fleet's keys (HKDF-SHA256). Throws a TypeError without a secret, and for one that is too short to be one. */
export function deriveKeys(secrets: readonly string[]): FleetKeys {
  for (const secret of secrets) {
    if (secret.length < MIN_CHARS) throw new TypeError(`A fleet secret has at least ${MIN_CHARS} characters.`);
  }
  const [first, ...rest] = secrets;
  if (first === undefined) throw new TypeError('A fleet needs a secret.');
  const ring = (use: string): KeyRing => [derive(first, use), ...rest.map((secret) => derive(secret, use))];
  return {
    peer: [peerKey(first), ...rest.map(peerKey)],
    sessions: ring('session ids'),
    states: ring('client states'),
    values: ring('stored values'),
  };
}

function peerKey(secret: string): PeerKey {
  return { id: derive(secret, 'peer id', ID_BYTES).toString('hex'), key: derive(secret, 'peer key') };
}

function derive(secret: string, use: string, bytes = KEY_BYTES): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, 'breakwater fleet 1', use, bytes));
}
