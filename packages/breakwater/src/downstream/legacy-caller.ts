import { GatewayError } from '../core/errors.ts';
import type { ClientFacts } from '../core/ports.ts';
import type { Session } from '../core/session.ts';
import type { RawId } from '../jsonrpc/id.ts';
import { NO_QUESTIONS } from '../protocol/capabilities.ts';
import { isLegacyRevision, LATEST_LEGACY, LEGACY_REVISIONS, type LegacyRevision } from '../protocol/revision.ts';
import { LateAnswer } from './answer.ts';
import { type EraHeaders, readVersionHeader } from './era.ts';
import { accommodates, type Inbound } from './inbound.ts';
import type { LegacyCaller } from './legacy-request.ts';
import { refuse } from './refusal.ts';
import { writeFailure } from './reply.ts';
import { StreamableSession } from './streamable-session.ts';

/** What a client is taken for that does not say (2025-06-18 transports §Protocol Version Header). */
const ASSUMED: LegacyRevision = '2025-03-26';
const PRIMES_FROM: LegacyRevision = '2025-11-25';
const SUPPORTED = [...LEGACY_REVISIONS].reverse().join(', ');

/** The session that a header names, if it is this principal's, of this route and transport; a promise only where the fleet has to be asked. */
export function findStreamable(
  inbound: Inbound,
  sessionId: string | undefined,
): StreamableSession | undefined | Promise<StreamableSession | undefined> {
  if (sessionId === undefined) return undefined;
  const { context, route, principal } = inbound;
  const key = { id: sessionId, route: route.path, transport: 'streamable', principal } as const;
  const found = context.deps.sessions.find(key);
  const wrap = (session: Session | undefined) => session && new StreamableSession(context, session);
  return found instanceof Promise ? found.then(wrap) : wrap(found);
}

/** Who sends a request: the client of a session, or one of whom only the header's revision is known. */
export function callerOf(
  inbound: Inbound,
  headers: EraHeaders,
  streamable: StreamableSession | undefined,
): LegacyCaller {
  if (streamable !== undefined) return { inbound, client: streamable.session.client, state: streamable.state };
  return {
    inbound,
    client: strangerOf(isLegacyRevision(headers.version) ? headers.version : ASSUMED),
    state: undefined,
  };
}

/** A client that declared nothing and can be asked nothing. */
export function strangerOf(revision: LegacyRevision): ClientFacts {
  return { revision, info: undefined, capabilities: {}, profile: NO_QUESTIONS };
}

/** The HTTP answer of a POST with these requests. */
export function answerOf(
  inbound: Inbound,
  ids: readonly RawId[],
  session: StreamableSession | undefined,
  options: { readonly batch: boolean; readonly extra: number } = { batch: false, extra: 0 },
): LateAnswer {
  return new LateAnswer({
    inbound,
    ids,
    extra: options.extra,
    batch: options.batch,
    sessionId: session?.session.id,
    log: session === undefined ? undefined : () => session.log,
    primes: session !== undefined && session.session.client.revision >= PRIMES_FROM,
    // 2025-11-25 transports §Sending Messages: a disconnect is not a cancellation.
    onGone: undefined,
  });
}

/** Ends an answer whose session ended, or left this node, while it was being prepared. */
export function abortAnswer(answer: LateAnswer, id: RawId, session: Session | undefined): void {
  // A client that is told of an unknown session throws a good one away.
  const livesOn = session?.livesOn === true;
  const error = new GatewayError(livesOn ? 'fleet.node-lost' : 'session.unknown');
  const { message } = writeFailure(error, LATEST_LEGACY, id, undefined);
  answer.abort('session-ended', message, livesOn ? 200 : 404);
}

/** Checks the version header of a request after initialize; false when the request was refused. */
export function checkVersion(
  inbound: Inbound,
  headers: EraHeaders,
  session: Session | undefined,
  id: RawId | undefined,
): boolean {
  const verdict = readVersionHeader(headers.version, session?.client.revision);
  if (verdict === 'absent' || verdict === 'same') return true;
  if (verdict === 'other' && (session === undefined || accommodates(inbound, 'version-mismatch'))) return true;
  const message =
    verdict === 'other'
      ? `The MCP-Protocol-Version header differs from the negotiated ${session?.client.revision}.`
      : `The MCP-Protocol-Version header names no supported version. Supported versions: ${SUPPORTED}`;
  refuse(inbound, 'version.header', { id, message, sessionId: session?.id });
  return false;
}

/** Whether this route serves requests without a session. */
export function servesSessionless(inbound: Inbound): boolean {
  return inbound.route.sessionless && accommodates(inbound, 'sessionless-requests');
}

/** Answers 202 without a body: a notification or response was taken. */
export function accept(inbound: Inbound, sessionId: string | undefined): void {
  const { res } = inbound;
  res.writeHead(202, sessionId === undefined ? ACCEPTED : { ...ACCEPTED, 'mcp-session-id': sessionId });
  res.end();
}

const ACCEPTED = { 'content-length': '0' } as const;
