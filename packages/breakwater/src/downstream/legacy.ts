import type { Message, RequestMessage } from '../jsonrpc/message.ts';
import { readInitialize } from '../protocol/legacy/initialize.ts';
import { MODERN_REVISIONS } from '../protocol/revision.ts';
import { acceptsOf } from '../wire/content-type.ts';
import { callOf, passToCall } from './adopt-call.ts';
import type { EraHeaders } from './era.ts';
import { accommodates, headerOf, type Inbound } from './inbound.ts';
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
import { continueElsewhere, makerOfMessage, passOn } from './pass-on.ts';
import { refuse } from './refusal.ts';
import { StreamableSession } from './streamable-session.ts';

/** What the era ladder found out about a legacy message. */
export interface LegacyHints {
  readonly headers: EraHeaders;
  /** The whole body. */
  readonly bytes: Buffer;
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
  const answered = answeredAsOf2024(inbound, wish.value.revision);
  if (!opened.ok) {
    const { code, message: sentence } = opened.error;
    if (code === 'session.limit') return refuse(inbound, code, { id, message: sentence });
    const caller = { inbound, client: strangerOf(wish.value.revision), state: undefined };
    const response = failure(caller, message, opened.error, undefined);
    return answerOf(answered, [id], undefined).respond(response.message, response.status);
  }
  // Nobody learned this id: the client went away while the route was being described.
  if (inbound.res.destroyed) await inbound.context.deps.sessions.end(opened.session.id, 'client-gone');
  else answerOf(answered, [id], new StreamableSession(inbound.context, opened.session)).respond(opened.response, 200);
}

/** Serves any other single legacy message. */
export async function serveLegacyPost(inbound: Inbound, message: Message, hints: LegacyHints): Promise<void> {
  const { headers, legacyClaim } = hints;
  const request = message.kind === 'request' ? message : undefined;
  const id = request?.id;
  if (message.kind === 'result' || message.kind === 'error') {
    // Before the session is looked up: the node that asked does that, and it needs no store for it.
    const asker = headers.sessionId === undefined ? undefined : makerOfMessage(inbound, message.id);
    // Where it is gone, another one may wait for the answer. Of two that are the same it takes the first.
    if (asker !== undefined && (await passOn(inbound, asker, hints.bytes, true))) return;
  }
  const found = findStreamable(inbound, headers.sessionId);
  const streamable = found instanceof Promise ? await found : found;
  const session = streamable?.session;
  if (legacyClaim && request !== undefined && (session === undefined || !accommodates(inbound, 'legacy-claim'))) {
    return refuseClaim(inbound, request);
  }
  if (headers.sessionId !== undefined && session === undefined) return refuse(inbound, 'session.unknown', { id });
  if (request?.method !== 'ping' && !checkVersion(inbound, headers, session, id)) return;
  if (message.kind !== 'request') {
    const call = message.kind === 'notification' ? undefined : callOf(message.id);
    if (streamable !== undefined && call !== undefined && (await passToCall(inbound, streamable, call, hints.bytes)))
      return;
    return receiveMessage(inbound, message, streamable);
  }
  if (session === undefined && message.method !== 'ping' && !servesSessionless(inbound)) {
    return refuse(inbound, 'session.missing', { id });
  }
  if (message.method.startsWith('tasks/')) {
    const { method, params } = message;
    if (await continueElsewhere(inbound, { method, params, sessionId: session?.id }, hints.bytes)) return;
  }
  const caller = callerOf(inbound, headers, streamable);
  const { sessions } = inbound.context.deps;
  const refreshed = session === undefined || message.method === 'ping' ? undefined : sessions.refresh(session);
  if (refreshed !== undefined) await refreshed;
  const refusal = admitLegacy(caller, message);
  if (refusal !== undefined) {
    return refuse(inbound, refusal.code, { id, message: refusal.message, sessionId: session?.id });
  }
  const answered = session === undefined ? inbound : answeredAsOf2024(inbound, session.client.revision);
  const answer = answerOf(answered, [message.id], streamable);
  serveLegacy(caller, message, answer, () => abortAnswer(answer, message.id, session));
}

// “*/*” of 2024-11-05 stands for a stream, of any later revision for JSON: so both kinds of small scripts can read what they get.
function answeredAsOf2024(inbound: Inbound, revision: string): Inbound {
  if (revision !== '2024-11-05' || inbound.accept !== 'json') return inbound;
  const header = headerOf(inbound.req, 'accept');
  const { any, explicitJson } = acceptsOf(header);
  const isWildcard = header !== undefined && any && !explicitJson;
  return isWildcard && accommodates(inbound, 'wildcard-2024') ? { ...inbound, accept: 'sse' } : inbound;
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
