import type { ErrorCode } from '../core/errors.ts';
import type { Message } from '../jsonrpc/message.ts';
import { type EnvelopeClaim, missingEnvelopeFault, readEnvelope } from '../protocol/modern/envelope.ts';
import { isLegacyRevision, isModernClaim, isRevision } from '../protocol/revision.ts';

/** What the headers of a request say about its era; they only cross-check, the body decides. */
export interface EraHeaders {
  /** `MCP-Protocol-Version`, undefined when absent. */
  readonly version: string | undefined;
  /** `Mcp-Session-Id`, undefined when absent. */
  readonly sessionId: string | undefined;
}

/** Where a POSTed message goes (eras.md §2.1, rows 9 to 14). */
export type PostDecision =
  /** Modern adapter: validate envelope and headers, serve without state. */
  | { readonly kind: 'modern'; readonly claim: EnvelopeClaim }
  /** Opens a legacy session. `legacyClaim` when it carried a modern key with a legacy revision. */
  | { readonly kind: 'initialize'; readonly legacyClaim: boolean }
  /** A legacy request or notification. `legacyClaim` as above: served only in a live session. */
  | { readonly kind: 'legacy'; readonly legacyClaim: boolean }
  /** Nothing to do; 202. */
  | { readonly kind: 'ignore' }
  | { readonly kind: 'refuse'; readonly code: ErrorCode; readonly message: string };

const IGNORE: PostDecision = { kind: 'ignore' };
const LEGACY: PostDecision = { kind: 'legacy', legacyClaim: false };

/** True for a message with the modern claim in its params. */
export function claimsModern(message: Message): boolean {
  if (message.kind === 'result' || message.kind === 'error') return false;
  return readEnvelope(message.params).claim === 'modern';
}

/** Decides the era of a single POSTed message. */
export function decidePost(message: Message, headers: EraHeaders): PostDecision {
  const modernHeader = isModernClaim(headers.version);
  switch (message.kind) {
    case 'result':
    case 'error':
      return modernHeader
        ? { kind: 'refuse', code: 'body.invalid', message: 'Responses are not sent to the server in this revision.' }
        : LEGACY;
    case 'notification':
      return modernHeader || claimsModern(message) ? IGNORE : LEGACY;
    case 'request': {
      const reading = readEnvelope(message.params);
      const legacyClaim = isLegacyClaim(reading) && !modernHeader;
      if (reading.claim === 'modern' && !legacyClaim) return { kind: 'modern', claim: reading };
      if (message.method === 'initialize') return { kind: 'initialize', legacyClaim };
      if (legacyClaim) return { kind: 'legacy', legacyClaim };
      if (!modernHeader) return LEGACY;
      const { code, message: sentence } = missingEnvelopeFault(message.params);
      return { kind: 'refuse', code, message: sentence };
    }
  }
}

// A repeated key is nobody's legacy library: its fault is told by the modern path.
function isLegacyClaim(reading: ReturnType<typeof readEnvelope>): boolean {
  return reading.claim === 'modern' && reading.duplicate === undefined && isLegacyRevision(reading.version);
}

/** Where a GET goes (eras.md §2.1, rows 2 to 5, as the issue decided them). */
export type GetDecision = 'session-stream' | 'sse-2024' | 'liveness' | 'refuse';

/** Decides a GET on an endpoint. `wantsStream`: Accept names text/event-stream itself. */
export function decideGet(headers: EraHeaders, wantsStream: boolean, legacySse: boolean): GetDecision {
  if (!wantsStream) return 'liveness';
  if (headers.sessionId !== undefined) return 'session-stream';
  // A 2025-06-18 or later client that probes: 405 tells it to go on without (Cursor takes 400 as fatal, mcp-proxy#62).
  if (headers.version !== undefined) return 'refuse';
  // Safe, because every session this gateway opened has an id: a client without one and without a version is of 2024.
  return legacySse ? 'sse-2024' : 'refuse';
}

/** What a version header says about a legacy request. */
export type VersionHeader = 'absent' | 'same' | 'other' | 'unknown';

/** Compares the version header with the revision a session negotiated (undefined: none was). */
export function readVersionHeader(header: string | undefined, negotiated: string | undefined): VersionHeader {
  if (header === undefined) return 'absent';
  if (header === negotiated) return 'same';
  return isRevision(header) ? 'other' : 'unknown';
}
