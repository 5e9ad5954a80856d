import { createHmac } from 'node:crypto';
import { textHmac } from './hmac.ts';

/** The keyed functions of the audit log: one links each record to the one before, the other hides identities. */
export interface AuditKeys {
  /** The MAC of a record: over the MAC of the record before it (empty for the first) and the record's own text. */
  mac(previous: string, text: string): string;
  /** What stands in the log for a session id or a principal: always the same, and nothing to anybody without the key. */
  ref(kind: 'session' | 'principal' | 'other', id: string): string;
  /** A digest of bytes that are not repeated in the log. */
  digest(bytes: string): string;
}

/** Characters of a MAC: 32 bytes in base64url. */
const MAC_CHARS = 43;
/** 132 bits of a hash: no two identities meet, and lines stay short. */
const REF_CHARS = 22;

// Keys for different uses are derived, so that no record's MAC can ever be read as somebody's hash.
function derive(key: string, use: string): Buffer {
  return createHmac('sha256', key).update(`breakwater audit v1 ${use}`).digest();
}

/** Makes the keyed functions from the configured secret. */
export function auditKeys(secret: string): AuditKeys {
  const chain = textHmac(derive(secret, 'chain'));
  const refs = derive(secret, 'refs');
  const digests = derive(secret, 'digests');
  return {
    // All of it is ASCII where the gateway wrote it; a byte beyond that is one somebody put there, and counts as itself.
    mac: (previous, text) => chain(previous + text),
    ref: (kind, id) => createHmac('sha256', refs).update(`${kind}\0${id}`).digest('base64url').slice(0, REF_CHARS),
    digest: (bytes) => createHmac('sha256', digests).update(bytes, 'latin1').digest('base64url').slice(0, REF_CHARS),
  };
}

/** A line of the log taken apart. `text` is what the MAC covers beside the MAC before it. */
export interface SealedLine {
  readonly seq: number;
  readonly text: string;
  readonly mac: string;
}

/** Closes a record's text (JSON without its last brace) with its MAC; the line has no newline yet. */
export function sealLine(text: string, mac: string): string {
  return `${text},"mac":"${mac}"}`;
}

const LINE = /^(\{"v":1,"seq":(0|[1-9]\d{0,14}),"t":"[^"]*",.*),"mac":"([\w-]{43})"\}$/s;

/** Takes a line apart; undefined when it is none of ours. */
export function splitLine(line: string): SealedLine | undefined {
  if (line.length < MAC_CHARS) return undefined;
  const [, text, seq, mac] = LINE.exec(line) ?? [];
  if (text === undefined || mac === undefined) return undefined;
  return { seq: Number(seq), text, mac };
}
