import { createHash } from 'node:crypto';
import { type KeyRing, openBytes, sealBytes } from '../core/seal.ts';
import type { Session } from '../core/session.ts';
import type { SessionStage } from '../core/session-policy.ts';
import type { SessionProgress } from '../core/session-vault.ts';
import type { FieldChange, Fields } from '../core/store.ts';
import type { Change } from '../core/subscription.ts';
import { isLogLevel } from '../protocol/logging.ts';

/**
 * The fields of a session's record: `seen` time of the last sign of life, stage and what its client did, `hand` how far the handshake is, `level`,
 * `stream` the node that has its GET stream, `ended`; `w:…` what it subscribes to and `m:…` what it missed, sealed, because the URIs are people's own.
 */
const STAGES: readonly SessionStage[] = ['opening', 'ephemeral', 'interactive'];
const LISTS = ['tools', 'prompts', 'resources'] as const;
const NOTHING = Buffer.alloc(0);
const HASH_CHARS = 22;

/** The key of a session's record. */
export function recordKey(uid: string): string {
  return `{s:${uid}}`;
}

/** How a session stands, to be written. */
export function livelinessOf(session: Session): FieldChange {
  const { called, streamed } = session.use;
  const use = `${called ? 'c' : ''}${streamed ? 's' : ''}`;
  return { seen: Buffer.from(`${session.lastSeenAt} ${session.stage} ${use}`) };
}

/** How far its handshake is and the level it set, to be written. */
export function settingsOf({ initialized, confirmed, logLevel }: SettingsLike): FieldChange {
  return {
    hand: Buffer.from(confirmed ? 'confirmed' : initialized ? 'initialized' : 'opening'),
    ...(logLevel !== undefined && { level: Buffer.from(logLevel) }),
  };
}

type SettingsLike = Pick<SessionProgress, 'initialized' | 'confirmed' | 'logLevel'>;

/** The mark of a session that ended. */
export const TOMBSTONE: FieldChange = { ended: Buffer.from('1') };

export function isTombstone(fields: Fields): boolean {
  return fields.has('ended');
}

/** Reads how a session stands. What is not there is taken for what most sessions are: the store may have been emptied. */
export function readProgress(fields: Fields, now: number): SessionProgress {
  const [time = String(now), stage, use = ''] = textOf(fields, 'seen')?.split(' ') ?? [];
  const seen = Number(time);
  const hand = textOf(fields, 'hand');
  const level = textOf(fields, 'level');
  return {
    lastSeenAt: Number.isFinite(seen) ? seen : now,
    stage: STAGES.find((known) => known === stage) ?? 'ephemeral',
    initialized: hand !== 'opening',
    confirmed: hand === 'confirmed',
    logLevel: isLogLevel(level) ? level : undefined,
    called: use.includes('c'),
    streamed: use.includes('s'),
  };
}

/** The node that has the session's stream, or had it last. */
export function streamNodeOf(fields: Fields): string | undefined {
  return textOf(fields, 'stream');
}

/** Says that the stream is this node's, to be written. */
export function streamAt(node: string): FieldChange {
  return { stream: Buffer.from(node) };
}

/** That a URI is subscribed to, or is no more, to be written. */
export function watchChange(ring: KeyRing, uid: string, uri: string, isWatched: boolean): FieldChange {
  return { [`w:${hashOf(uri)}`]: isWatched ? sealUri(ring, uid, uri) : null };
}

/** Whether one more URI may be subscribed to, when so many may. */
export function mayWatch(fields: Fields, uri: string, most: number): boolean {
  if (fields.has(`w:${hashOf(uri)}`)) return true;
  let watched = 0;
  for (const name of fields.keys()) if (name.startsWith('w:')) watched++;
  return watched < most;
}

/** What is subscribed to. */
export function readWatches(ring: KeyRing, uid: string, fields: Fields): readonly string[] {
  return [...fields].flatMap(([name, value]) => {
    const uri = name.startsWith('w:') ? openBytes(ring, value, `uri ${uid}`) : undefined;
    return uri === undefined ? [] : [uri.toString()];
  });
}

/** That something changed which nobody read, to be written; undefined for what is not kept. */
export function missChange(ring: KeyRing, uid: string, { kind, uri }: Change): FieldChange | undefined {
  if (kind === 'task') return undefined;
  if (kind !== 'updated') return { [`m:${kind}`]: NOTHING };
  return uri === undefined ? undefined : { [`m:${hashOf(uri)}`]: sealUri(ring, uid, uri) };
}

/** What was missed. */
export function readMissed(ring: KeyRing, uid: string, fields: Fields): readonly Change[] {
  const missed: Change[] = [];
  for (const [name, value] of fields) {
    if (!name.startsWith('m:')) continue;
    const kind = LISTS.find((known) => name === `m:${known}`);
    if (kind !== undefined) missed.push({ kind });
    const uri = kind === undefined ? openBytes(ring, value, `uri ${uid}`) : undefined;
    if (uri !== undefined) missed.push({ kind: 'updated', uri: uri.toString() });
  }
  return missed;
}

/** That what was missed is told now, to be written. */
export function forgetMissed(fields: Fields): FieldChange {
  return Object.fromEntries([...fields.keys()].filter((name) => name.startsWith('m:')).map((name) => [name, null]));
}

/** A change without what was missed in it. */
export function withoutMissed(change: FieldChange): FieldChange {
  return Object.fromEntries(Object.entries(change).filter(([name]) => !name.startsWith('m:')));
}

function textOf(fields: Fields, name: string): string | undefined {
  return fields.get(name)?.toString();
}

function sealUri(ring: KeyRing, uid: string, uri: string): Buffer {
  return sealBytes(ring, Buffer.from(uri), `uri ${uid}`);
}

function hashOf(uri: string): string {
  return createHash('sha256').update(uri).digest('base64url').slice(0, HASH_CHARS);
}
