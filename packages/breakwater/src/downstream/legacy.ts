import type { ErrorCode } from '../core/errors.ts';
import type { Session } from '../core/session.ts';
import { RpcCode, type Message, type RequestMessage } from '../jsonrpc/message.ts';
import type { Body } from '../jsonrpc/parse.ts';
import { encodeError, writeError } from '../jsonrpc/write.ts';
import { NO_QUESTIONS } from '../protocol/capabilities.ts';
import { readInitialize } from '../protocol/legacy/initialize.ts';
import { isLegacyRevision, type LegacyRevision, LEGACY_REVISIONS } from '../protocol/revision.ts';
import { LateAnswer } from './answer.ts';
import { claimsModern, type EraHeaders, readVersionHeader } from './era.ts';
import { accommodates, type Inbound } from './inbound.ts';
import { openSession } from './legacy-initialize.ts';
import { receiveNotification } from './legacy-notification.ts';
import { admitLegacy, failure, type LegacyCaller, serveLegacy } from './legacy-request.ts';
import { refuse } from './refusal.ts';
import { type StreamableSession, streamableOf } from './streamable-session.ts';

/** What a client is taken for that does not say (2025-06-18 transports §Protocol Version Header). */
const ASSUMED: LegacyRevision = '2025-03-26';
const BATCHES_END: LegacyRevision = '2025-06-18';
const PRIMES_FROM: LegacyRevision = '2025-11-25';
const SUPPORTED = `Supported versions: ${[...LEGACY_REVISIONS].reverse().join(', ')}.`;

/** Serves `initialize`: a new session with a new id, whatever the headers say. */
export async function serveInitialize(
  inbound: Inbound,
  message: RequestMessage,
  headers: EraHeaders,
  legacyClaim: boolean,
): Promise<void> {
  const { id } = message;
  if (legacyClaim && !accommodates(inbound, 'legacy-claim')) return refuseClaim(inbound, message);
  if (headers.sessionId !== undefined && !accommodates(inbound, 'initialize-with-session-id')) {
    if ((await findSession(inbound, headers.sessionId)) === undefined) return refuse(inbound, 'session.unknown', { id });
    return refuse(inbound, 'body.invalid', { id, message: 'This session is already initialized.' });
  }
  const wish = readInitialize(message.params);
  if (!wish.ok) return refuse(inbound, wish.fault.code, { id, message: wish.fault.message });
  if (headers.version !== undefined && headers.version !== wish.value.asked) {
    if (!accommodates(inbound, 'initialize-pinned-version')) return refuse(inbound, 'version.header', { id });
  }
  const opened = await openSession(inbound, 'streamable', message, wish.value);
  if (!opened.ok) {
    if (opened.error.code === 'session.limit') return refuse(inbound, 'session.limit', { id });
    const caller = { inbound, client: clientOf(wish.value.revision), state: undefined };
    const { message: text, status } = failure(caller, message, opened.error, undefined);
    answerTo(inbound, [message], false, undefined).respond(text, status);
    return;
  }
  const { session, response } = opened;
  // Nobody learned this id: the client went away while the route was being described.
  if (inbound.res.destroyed) await inbound.context.deps.sessions.end(session.id, 'client-gone');
  else answerTo(inbound, [message], false, streamableOf(inbound.context, session)).respond(response, 200);
}

/** Serves any other single legacy message. */
export async function serveLegacyPost(
  inbound: Inbound,
  message: Message,
  headers: EraHeaders,
  legacyClaim: boolean,
): Promise<void> {
  const id = message.kind === 'request' ? message.id : undefined;
  const session = headers.sessionId === undefined ? undefined : await findSession(inbound, headers.sessionId);
  if (legacyClaim && message.kind === 'request') {
    if (session === undefined || !accommodates(inbound, 'legacy-claim')) return refuseClaim(inbound, message);
  }
  if (headers.sessionId !== undefined && session === undefined) return refuse(inbound, 'session.unknown', { id });
  const streamable = session === undefined ? undefined : streamableOf(inbound.context, session);
  const method = message.kind === 'request' ? message.method : undefined;
  if (method !== 'ping' && !checkVersion(inbound, headers, session, id)) return;
  if (message.kind !== 'request') return receiveNotification(inbound, message, streamable);
  if (streamable === undefined && method !== 'ping' && !mayServeSessionless(inbound)) {
    return refuse(inbound, 'session.missing', { id });
  }
  const caller = callerOf(inbound, headers, streamable);
  const refusal = admitLegacy(caller, message);
  if (refusal !== undefined) {
    return refuse(inbound, refusal.code, { id, message: refusal.message, sessionId: session?.id });
  }
  if (streamable === undefined && method?.startsWith('resources/') === true && method.endsWith('subscribe')) {
    return refuse(inbound, 'session.missing', { id });
  }
  const answer = answerTo(inbound, [message], false, streamable);
  serveLegacy(caller, message, answer, () => abortAnswer(answer, message));
}

/** Serves a JSON-RPC batch with one answer. Batches exist in 2025-03-26 alone; older and unknown revisions are taken for it. */
export async function serveBatch(
  inbound: Inbound,
  elements: Extract<Body, { kind: 'batch' }>['elements'],
  headers: EraHeaders,
): Promise<void> {
  const messages = elements.map((element) => (element.ok ? element.value : undefined)).filter((m) => m !== undefined);
  if (messages.some(claimsModern)) return refuseBatch(inbound, 'A modern request must be sent alone.');
  if (messages.some((m) => m.kind === 'request' && m.method === 'initialize')) {
    return refuseBatch(inbound, 'initialize must be sent alone.');
  }
  const session = headers.sessionId === undefined ? undefined : await findSession(inbound, headers.sessionId);
  if (headers.sessionId !== undefined && session === undefined) return refuse(inbound, 'session.unknown');
  if (!checkVersion(inbound, headers, session, undefined)) return;
  const streamable = session === undefined ? undefined : streamableOf(inbound.context, session);
  const caller = callerOf(inbound, headers, streamable);
  if (caller.client.revision >= BATCHES_END) return refuse(inbound, 'request.batch', { sessionId: session?.id });
  if (session === undefined && headers.version === undefined && !accommodates(inbound, 'batch-unknown-version')) {
    return refuse(inbound, 'request.batch');
  }
  const requests = messages.filter((message) => message.kind === 'request');
  if (session === undefined && requests.length > 0 && !mayServeSessionless(inbound)) return refuse(inbound, 'session.missing');
  const faults = elements.filter((element) => !element.ok);
  for (const message of messages) {
    if (message.kind === 'notification' && message.method === 'notifications/initialized' && session !== undefined) {
      session.initialized = true;
    } else if (message.kind === 'notification' && streamable !== undefined) cancelIn(streamable, message);
  }
  if (requests.length + faults.length === 0) return accept(inbound, session?.id);
  const answer = answerTo(inbound, requests, true, streamable, faults.length);
  for (const { fault } of faults) {
    answer.respond(writeError(fault.id, encodeError({ code: fault.code, message: fault.message })), 200);
  }
  for (const message of requests) {
    const refusal = admitLegacy(caller, message);
    if (refusal === undefined) serveLegacy(caller, message, answer, () => abortAnswer(answer, undefined));
    else answer.respond(failure(caller, message, refusal, undefined).message, 200);
  }
}
