import { type Change, covers } from '../core/subscription.ts';
import { ownText, scanObject } from '../jsonrpc/raw.ts';
import { MAX_WATCHED_URIS } from './session-subscription.ts';

/** Of what a server says of a change, so much is kept for later. */
const KEPT_BYTES = 1_024;

/** What changed while a client did not listen, or had not read what came before: each thing once. */
export class MissedChanges {
  readonly #kept = new Map<string, Change>();

  /**
   * Keeps a change and returns it as it is kept; undefined when nothing of it is. Attack: a server that reports resource after resource below one that is watched
   * (2025-06-18 server/resources §Subscriptions), and a client that listens to none. Beyond as many as a session may watch, what is kept is that something
   * changed in what `watched` names.
   */
  keep(change: Change, watched: () => readonly string[]): Change | undefined {
    const kept = this.#hasRoom(change) ? forKeeping(change) : foldInto(watched(), change);
    if (kept !== undefined) this.#kept.set(keyOf(kept), kept);
    return kept;
  }

  values(): Iterable<Change> {
    return this.#kept.values();
  }

  #hasRoom(change: Change): boolean {
    if (change.kind !== 'updated') return true;
    const isLong = (change.uri?.length ?? 0) > KEPT_BYTES;
    return !isLong && (this.#kept.size < MAX_WATCHED_URIS || this.#kept.has(keyOf(change)));
  }
}

/** The change of the watched resource in which a resource changed. */
function foldInto(watched: readonly string[], { kind, uri = '' }: Change): Change | undefined {
  const whole = watched.find((each) => covers(each, uri));
  return whole === undefined ? undefined : { kind, uri: whole };
}

/**
 * Attack: a server that describes each of a thousand changes at length. What is kept is that a thing changed; and all of it is a copy, because bytes and texts of
 * a message keep the whole of it.
 */
function forKeeping(change: Change): Change {
  const { params, ...bare } = change;
  const named = bare.uri === undefined ? bare : { ...bare, uri: ownText(bare.uri) };
  if (params === undefined) return named;
  if (change.kind === 'updated' && params.end - params.start > KEPT_BYTES) return named;
  const kept = scanObject(Buffer.from(params.bytes.subarray(params.start, params.end)));
  return kept === undefined ? named : { ...named, params: kept };
}

// Of several reports about one thing the last one says it all.
function keyOf({ kind, uri, taskId, isProgress }: Change): string {
  if (kind === 'updated') return `updated ${uri}`;
  return kind === 'task' ? `${isProgress === true ? 'progress of ' : ''}task ${taskId}` : kind;
}
