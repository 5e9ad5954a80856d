import type { HandleNeed } from '../core/ports.ts';
import { profileKey } from '../protocol/capabilities.ts';
import type { Isolation } from './options.ts';

/** What of an upstream decides who may share its handles. */
export interface KeyTraits {
  readonly isolation: Isolation;
  /** `duplex`: one pipe or stream for everything (stdio, in-process, HTTP+SSE). `http`: Streamable HTTP. */
  readonly transport: 'duplex' | 'http';
  /** The server keeps no state per connection (known once a handle was open). */
  readonly hasSession?: boolean | undefined;
}

/** Which handle serves a need. */
export interface HandleKey {
  /** Handles of equal keys are one handle. Undefined: a handle of its own, closed when it is given back. */
  readonly key: string | undefined;
  /** Clients that must not see each other use it: it declares no capabilities, takes no questions, passes no logs on. */
  readonly shared: boolean;
  /** The legacy session the handle belongs to and ends with. */
  readonly sessionId: string | undefined;
}

const SHARED: HandleKey = { key: 'shared', shared: true, sessionId: undefined };
const SINGLE_USE: HandleKey = { key: undefined, shared: false, sessionId: undefined };

/**
 * The upstream-session key (eras.md §2.4). Nothing is shared between principals unless the operator says so, and nothing between the strangers
 * behind an open route, whose principal is one and the same: their legacy sessions keep apart by session id, and without one they get a handle that
 * knows nobody, or one of their own. `clientInfo` and `_meta` are never part of a key: the caller writes them.
 */
export function handleKey(need: HandleNeed, traits: KeyTraits): HandleKey {
  const { principal } = need;
  // The catalogue reads for all strangers at once; it must see what a client without a past sees, not what one of them changed for itself.
  if (need.anyProfile === true && !principal.personal) return SHARED;
  if (traits.isolation === 'shared') return SHARED;
  if (traits.isolation === 'request') return SINGLE_USE;
  if (traits.isolation === 'session') return perSession(need) ?? perPrincipal(need) ?? SINGLE_USE;
  if (traits.isolation === 'principal') return perPrincipal(need) ?? perSession(need) ?? forStrangers(traits);
  // Without a session the server cannot confuse or connect its callers, and there is nothing to keep apart: a modern program is no conversation
  // either (2026-07-28 basic §Statelessness).
  if (traits.hasSession === false) return perPrincipal(need) ?? SHARED;
  if (!principal.personal) return perSession(need) ?? forStrangers(traits);
  return (traits.transport === 'http' ? perSession(need) : undefined) ?? perPrincipal(need) ?? SINGLE_USE;
}

// No profile and no session id holds a line break, and the principal's key, which is somebody else's to choose, stands last: no two keys read alike.
function perSession({ principal, sessionId, profile }: HandleNeed): HandleKey | undefined {
  if (sessionId === undefined) return undefined;
  return { key: `session\n${profileKey(profile)}\n${sessionId}\n${principal.key}`, shared: false, sessionId };
}

function perPrincipal({ principal, profile }: HandleNeed): HandleKey | undefined {
  if (!principal.personal) return undefined;
  return { key: `principal\n${profileKey(profile)}\n${principal.key}`, shared: false, sessionId: undefined };
}

function forStrangers({ transport }: KeyTraits): HandleKey {
  return transport === 'duplex' ? SHARED : SINGLE_USE;
}
