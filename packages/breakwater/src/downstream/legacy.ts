import type { Message, RequestMessage } from '../jsonrpc/message.ts';
import { readInitialize } from '../protocol/legacy/initialize.ts';
import { MODERN_REVISIONS } from '../protocol/revision.ts';
import type { EraHeaders } from './era.ts';
import { accommodates, type Inbound } from './inbound.ts';
import {
  abortAnswer,
  answerOf,
  callerOf,
  checkVersion,
  findStreamable,
  servesSessionless,
  strangerOf,
} from './legacy-caller.ts';
import { openSession } from './legacy-initialize.ts';
import { receiveMessage } from './legacy-notification.ts';
import { admitLegacy, failure, serveLegacy } from './legacy-request.ts';
import { refuse } from './refusal.ts';
import { StreamableSession } from './streamable-session.ts';

/** What the era ladder found out about a legacy message. */
export interface LegacyHints {
  readonly headers: EraHeaders;
  /** It carried the modern version key with a legacy revision. */
  readonly legacyClaim: boolean;
}

/** Serves `initialize`: a new session with a new id, whatever the headers say. */
export async function serveInitialize(inbound: Inbound, message: RequestMessage, hints: LegacyHints): Promise<void> {
  const { id } = message;
  const { headers, legacyClaim } = hints;
  if (legacyClaim && !accommodates(inbound, 'legacy-claim')) return refuseClaim(inbound, message);
  if (headers.sessionId !== undefined && !accommodates(inbound, 'initialize-with-session-id')) {
    const live = await findStreamable(inbound, headers.sessionId);
    if (live === undefined) return refuse(inbound, 'session.unknown', { id });
    return refuse(inbound, 'body.invalid', { id, message: 'This session is already initialized.' });
  }
  const wish = readInitialize(message.params);
  if (!wish.ok) return refuse(inbound, wish.fault.code, { id, message: wish.fault.message });
  if (headers.version !== undefined && headers.version !== wish.value.asked) {
    if (!accommodates(inbound, 'initialize-pinned-version')) return refuse(inbound, 'version.header', { id });
  }
  const opened = await openSession(inbound, 'streamable', message, wish.value);
  if (!opened.ok) {
    const { code, message: sentence } = opened.error;
    if (code === 'session.limit') return refuse(inbound, code, { id, message: sentence });
    const caller = { inbound, client: strangerOf(wish.value.revision), state: undefined };
    const response = failure(caller, message, opened.error, undefined);
    return answerOf(inbound, [id], undefined).respond(response.message, response.status);
  }
  // Nobody learned this id: the client went away while the route was being described.
  if (inbound.res.destroyed) await inbound.context.deps.sessions.end(opened.session.id, 'client-gone');
  else answerOf(inbound, [id], new StreamableSession(inbound.context, opened.session)).respond(opened.response, 200);
}

/** Serves any other single legacy message. */
export async function serveLegacyPost(inbound: Inbound, message: Message, hints: LegacyHints): Promise<void> {
  const { headers, legacyClaim } = hints;
  const request = message.kind === 'request' ? message : undefined;
  const id = request?.id;
  const streamable = await findStreamable(inbound, headers.sessionId);
  const session = streamable?.session;
  if (legacyClaim && request !== undefined && (session === undefined || !accommodates(inbound, 'legacy-claim'))) {
    return refuseClaim(inbound, request);
  }
  if (headers.sessionId !== undefined && session === undefined) return refuse(inbound, 'session.unknown', { id });
  if (request?.method !== 'ping' && !checkVersion(inbound, headers, session, id)) return;
  if (message.kind !== 'request') return receiveMessage(inbound, message, streamable);
  if (session === undefined && message.method !== 'ping' && !servesSessionless(inbound)) {
    return refuse(inbound, 'session.missing', { id });
  }
  const caller = callerOf(inbound, headers, streamable);
  const refusal = admitLegacy(caller, message);
  if (refusal !== undefined) {
    return refuse(inbound, refusal.code, { id, message: refusal.message, sessionId: session?.id });
  }
  const answer = answerOf(inbound, [message.id], streamable);
  serveLegacy(caller, message, answer, () => abortAnswer(answer, message.id));
}

// The key belongs to a revision that is not served this way, and there is no session that says more.
function refuseClaim(inbound: Inbound, { id }: RequestMessage): void {
  refuse(inbound, 'version.unsupported', {
    id,
    modern: true,
    message: `Unsupported protocol version in _meta. Supported versions: ${MODERN_REVISIONS.join(', ')}`,
    data: { supported: MODERN_REVISIONS },
  });
}
