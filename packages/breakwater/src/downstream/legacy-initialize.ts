import type { RouteFacts } from '../core/edge.ts';
import { type GatewayError, toGatewayError } from '../core/errors.ts';
import type { Session, SessionTransport } from '../core/session.ts';
import type { RequestMessage } from '../jsonrpc/message.ts';
import { writeResult } from '../jsonrpc/write.ts';
import { writeInitializeResult } from '../protocol/bridge/initialize.ts';
import type { Initialize } from '../protocol/legacy/initialize.ts';
import type { LegacyRevision } from '../protocol/revision.ts';
import { hasAccommodation } from './accommodations.ts';
import type { Inbound } from './inbound.ts';

/** A session that was opened and the response that says so, or why there is none. */
export type Opened =
  | { readonly ok: true; readonly session: Session; readonly response: Buffer }
  | { readonly ok: false; readonly error: GatewayError };

/** Opens a session for a read `initialize`. It ends again when the route cannot be described. */
export async function openSession(
  inbound: Inbound,
  transport: SessionTransport,
  message: RequestMessage,
  wish: Initialize,
  stream?: string,
): Promise<Opened> {
  const { deps, options } = inbound.context;
  const { route, principal } = inbound;
  let session: Session | undefined;
  try {
    const client = inbound.context.clients.intern(wish);
    const isStrict = route.handshake === 'strict' || !hasAccommodation('initialized-skipped', route);
    session = deps.sessions.create({ route: route.path, transport, principal, client, stream, isStrict });
    const subscriber = { route: route.path, principal, sessionId: session.id, client };
    const kept = deps.sessions.keep(session);
    const described = deps.edge.describe(subscriber);
    const facts = kept === undefined ? await described : (await Promise.all([described, kept]))[0];
    const result = initializeResult(facts, wish.revision);
    if (route.handshake === 'strict') expectHandshake(inbound, session, options.handshakeMs);
    return { ok: true, session, response: writeResult(message.id, result) };
  } catch (error) {
    if (session !== undefined) await deps.sessions.end(session.id, 'initialize-failed');
    return { ok: false, error: toGatewayError(error) };
  }
}

/** Results by what they say: a gateway writes the same one for nearly every session. */
const RESULTS = new WeakMap<RouteFacts, Map<LegacyRevision, Buffer>>();

function initializeResult(facts: RouteFacts, revision: LegacyRevision): Buffer {
  const known = RESULTS.get(facts)?.get(revision);
  if (known !== undefined) return known;
  const result = writeInitializeResult({ ...facts, revision });
  const results = RESULTS.get(facts) ?? new Map<LegacyRevision, Buffer>();
  RESULTS.set(facts, results.set(revision, result));
  return result;
}

// AIP-1 §7.3.1: a pending session is discarded when notifications/initialized does not come.
function expectHandshake(inbound: Inbound, session: Session, handshakeMs: number): void {
  const { clock, sessions } = inbound.context.deps;
  const timer = clock.after(handshakeMs, () => {
    if (!session.initialized) void sessions.end(session.id, 'handshake');
  });
  session.owner.defer(() => timer.clear());
}
