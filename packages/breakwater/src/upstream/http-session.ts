import { GatewayError } from '../core/errors.ts';
import type { RawId } from '../jsonrpc/id.ts';
import type { BridgeFault } from '../protocol/bridge/fault.ts';
import { readInitializeResult, writeInitializeParams } from '../protocol/bridge/initialize.ts';
import type { CapabilityProfile, ServerFacts } from '../protocol/capabilities.ts';
import { capabilitiesOf } from '../protocol/capabilities.ts';
import { LATEST_LEGACY, type LegacyRevision } from '../protocol/revision.ts';
import { GET_HEADERS } from './http-headers.ts';
import {
  type Bounds,
  errorOfStatus,
  type HttpLeg,
  postNotification,
  requestOnce,
  type SingleReply,
  warn,
} from './http-leg.ts';
import { sendRequest } from './http-response.ts';

/** What the server is told of the client in `initialize`. */
export interface SessionInit {
  readonly profile: CapabilityProfile;
  /** `clientInfo` as JSON bytes. */
  readonly clientInfo: Buffer;
}

/** One handshake's outcome. `headers` go on every later request; `id` is undefined for a server without sessions. */
export interface LegacySession {
  readonly id: string | undefined;
  readonly revision: LegacyRevision;
  readonly server: ServerFacts;
  readonly headers: readonly string[];
}

/** A session, or why there is none: `status` is set when the server answered an HTTP status without a JSON-RPC answer to it. */
export type SessionAttempt =
  | { readonly ok: true; readonly session: LegacySession }
  | { readonly ok: false; readonly status: number | undefined; readonly error: GatewayError };

const CLOSE_MS = 2_000;

/** Initializes a session and says `notifications/initialized`, without which some servers hide their tools (mcp-hangar#881). */
export async function openSession(leg: HttpLeg, init: SessionInit, id: RawId, bounds: Bounds): Promise<SessionAttempt> {
  const capabilities = capabilitiesOf(init.profile);
  const params = writeInitializeParams({ revision: LATEST_LEGACY, clientInfo: init.clientInfo, capabilities });
  const reply = await requestOnce(leg, { id, method: 'initialize', params, headers: [] }, bounds);
  if (reply.kind !== 'result') return attemptOf(reply);
  const read = readInitializeResult(reply.result);
  if (!read.ok) return { ok: false, status: undefined, error: errorOfFault(read.fault) };
  const { revision, facts: server } = read.value;
  const sessionId = sessionIdOf(reply.headers['mcp-session-id']);
  const headers = sessionHeaders(sessionId, revision);
  const session: LegacySession = { id: sessionId, revision, server, headers };
  const end = await postNotification(leg, 'notifications/initialized', undefined, headers, bounds);
  if (end.kind === 'failed') {
    void endSession(leg, session);
    return { ok: false, status: undefined, error: end.error };
  }
  if (end.kind === 'status')
    warn(leg, 'The server refused notifications/initialized.', { status: end.status, text: end.text });
  return { ok: true, session };
}

/** What every request after the handshake carries. */
export function sessionHeaders(sessionId: string | undefined, revision: LegacyRevision): readonly string[] {
  const headers = sessionId === undefined ? [] : ['mcp-session-id', sessionId];
  if (revision >= '2025-06-18') headers.push('mcp-protocol-version', revision);
  return headers;
}

/** Ends a session at the server; a server that does not allow it (405) or has forgotten it (404) is no fault. Never rejects. */
export function endSession(leg: HttpLeg, session: LegacySession): Promise<void> {
  if (session.id === undefined) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = (): void => {
      timer.clear();
      reader.release();
      resolve();
    };
    const timer = leg.clock.after(CLOSE_MS, () => {
      reader.abort();
      finish();
    });
    const reader = sendRequest(
      leg.client,
      { method: 'DELETE', headers: [...GET_HEADERS, ...session.headers] },
      leg.maxMessageBytes,
      {
        onOpen: finish,
        onMessage: () => undefined,
        onFault: () => undefined,
        onEnd: finish,
      },
    );
  });
}

/** The gateway's error for a handshake that cannot be used. */
export function errorOfFault(fault: BridgeFault): GatewayError {
  return new GatewayError(fault.code, { cause: `${fault.message} ${fault.detail ?? ''}` });
}

function attemptOf(reply: Exclude<SingleReply, { kind: 'result' }>): SessionAttempt {
  if (reply.kind === 'failed') return { ok: false, status: undefined, error: reply.error };
  if (reply.kind === 'status')
    return { ok: false, status: reply.status, error: errorOfStatus(reply.status, reply.text) };
  const error = errorOfStatus(reply.status === 200 ? 400 : reply.status, reply.error.toString());
  return { ok: false, status: reply.status, error };
}

// A value with other characters could not be sent back (RFC 9110 §5.5); the specification allows 0x21 to 0x7e.
function sessionIdOf(header: string | string[] | undefined): string | undefined {
  const value = Array.isArray(header) ? header[0] : header;
  return value !== undefined && /^[\x21-\x7e]+$/.test(value) ? value : undefined;
}
