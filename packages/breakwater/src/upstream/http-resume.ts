import type { SessionKeep } from '../core/fleet.ts';
import { type LegacySession, sessionHeaders } from './http-session.ts';
import type { OpenNeed } from './opener.ts';

/** The record of one handle's session, for the case that this node is lost. */
export interface SessionRecord {
  save(session: LegacySession): void;
  /** The session has ended. */
  drop(): void;
  /** The session goes on without us. */
  leave(): void;
}

/** Where the sessions of one server are kept. */
export interface SessionShelf {
  readonly upstream: string;
  readonly url: string;
  readonly sessions: SessionKeep | undefined;
}

/** The record of the session that a handle is going to have; undefined where nobody could go on with it. */
export function recordOf({ upstream, url, sessions }: SessionShelf, { ownedKey }: OpenNeed): SessionRecord | undefined {
  if (sessions === undefined || ownedKey === undefined) return undefined;
  return {
    save: ({ id, revision, server }) => {
      if (id !== undefined) sessions.save(upstream, ownedKey, { id, revision, server, url });
    },
    drop: () => sessions.drop(upstream, ownedKey),
    leave: () => sessions.leave(upstream, ownedKey),
  };
}

/** The session that a node before us had under the same key, untried; undefined when there is none. */
export async function loadSession(shelf: SessionShelf, { ownedKey }: OpenNeed): Promise<LegacySession | undefined> {
  if (ownedKey === undefined) return undefined;
  const kept = await shelf.sessions?.load(shelf.upstream, ownedKey);
  // The name of an upstream may have been given to another server since.
  if (kept === undefined || kept.url !== shelf.url) return undefined;
  const { id, revision, server } = kept;
  return { id, revision, server, headers: sessionHeaders(id, revision) };
}
