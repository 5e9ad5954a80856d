import { hasDuplicateKey, memberValue, type RawObject } from '../../jsonrpc/raw.ts';
import { makeFault, type ProtocolFault } from '../fault.ts';
import { isMethodOf, methodTraits } from '../methods.ts';
import type { ModernRevision } from '../revision.ts';
import { decodeHeaderValue, encodeHeaderValue, trimFieldSpace } from './header-value.ts';

/** All values of a header field as separate field lines, for a lower-case name; empty when absent (Node: `headersDistinct[name] ?? []`). */
export type HeaderLookup = (name: string) => readonly string[];

/** The headers that mirror the body of every modern request, by their lower-case names. */
export const MODERN_HEADERS = {
  version: 'mcp-protocol-version',
  method: 'mcp-method',
  name: 'mcp-name',
} as const;

const SPELLED = {
  [MODERN_HEADERS.version]: 'MCP-Protocol-Version',
  [MODERN_HEADERS.method]: 'Mcp-Method',
  [MODERN_HEADERS.name]: 'Mcp-Name',
} as const;

/** A modern request as {@link validateModernHeaders} compares it with its headers. */
export interface MirroredRequest {
  readonly headers: HeaderLookup;
  readonly method: string;
  readonly params: RawObject | undefined;
  /** The protocol version the body claims. */
  readonly revision: string;
}

/** The params member that `Mcp-Name` mirrors for `method`, or undefined where the header has no meaning. */
export function nameSourceOf(method: string): 'name' | 'uri' | 'taskId' | undefined {
  return isMethodOf(method, 'modern') ? methodTraits(method)?.nameFrom : undefined;
}

/**
 * Checks that the standard headers of a modern request say what its body says (2026-07-28 streamable-http §Server Validation): -32020
 * with HTTP 400 where one is missing, differs, is repeated or cannot be decoded. A proxy in front may have routed or allowed the
 * request by its headers, so agreement is a security boundary.
 */
export function validateModernHeaders(request: MirroredRequest): ProtocolFault | undefined {
  const { headers, method, params, revision } = request;
  for (const header of Object.values(MODERN_HEADERS)) {
    // Attack: two Mcp-Name lines; the proxy in front reads the first, we the last.
    if (headers(header).length > 1)
      return mismatch(header, '(repeated)', `the ${SPELLED[header]} header occurs more than once`);
  }
  const version = fieldOf(headers, MODERN_HEADERS.version);
  if (version === undefined) {
    return missing(MODERN_HEADERS.version, `the body names protocol version ${revision}`);
  }
  if (version !== revision) {
    return mismatch(
      MODERN_HEADERS.version,
      version,
      `the body names protocol version ${revision} but the header names ${version}`,
    );
  }
  const sent = fieldOf(headers, MODERN_HEADERS.method);
  if (sent === undefined) return missing(MODERN_HEADERS.method, `the body names method ${method}`);
  if (sent !== method)
    return mismatch(MODERN_HEADERS.method, sent, `the body names method ${method} but the header names ${sent}`);
  const source = nameSourceOf(method);
  return source === undefined ? undefined : validateName(headers, source, params);
}

function validateName(headers: HeaderLookup, source: string, params: RawObject | undefined): ProtocolFault | undefined {
  // Attack: {"name":"allowed","name":"forbidden"}; the header agrees with one parser's reading of the body.
  const repeated = [source, 'arguments'].find((key) => params !== undefined && hasDuplicateKey(params, new Set([key])));
  if (repeated !== undefined) {
    return makeFault('params.invalid', `The member params.${repeated} occurs twice.`, { key: repeated });
  }
  const value = params === undefined ? undefined : memberValue(params, source);
  const raw = fieldOf(headers, MODERN_HEADERS.name);
  if (raw === undefined) {
    // A body without the member is a fault of its params, which is told later and better.
    return typeof value === 'string' ? missing(MODERN_HEADERS.name, `the body carries params.${source}`) : undefined;
  }
  const decoded = decodeHeaderValue(raw);
  if (!decoded.ok) return mismatch(MODERN_HEADERS.name, raw, decoded.fault.message);
  if (typeof value === 'string' && decoded.value !== value) {
    const body = `the body carries params.${source}=${JSON.stringify(value)} but the header names ${JSON.stringify(decoded.value)}`;
    return mismatch(MODERN_HEADERS.name, raw, body);
  }
  return undefined;
}

/** The standard headers of a request to a modern server, computed from the body that is sent (lower-case names, safe values). */
export function modernRequestHeaders(request: {
  readonly revision: ModernRevision;
  readonly method: string;
  readonly params: RawObject | undefined;
}): Record<string, string> {
  const { revision, method, params } = request;
  const headers: Record<string, string> = {
    [MODERN_HEADERS.version]: revision,
    [MODERN_HEADERS.method]: encodeHeaderValue(method),
  };
  const source = nameSourceOf(method);
  const name = source === undefined || params === undefined ? undefined : memberValue(params, source);
  if (typeof name === 'string') headers[MODERN_HEADERS.name] = encodeHeaderValue(name);
  return headers;
}

function fieldOf(headers: HeaderLookup, name: string): string | undefined {
  const value = headers(name)[0];
  return value === undefined ? undefined : trimFieldSpace(value);
}

function missing(header: keyof typeof SPELLED, body: string): ProtocolFault {
  return mismatch(header, '(missing)', `${body} but the required ${SPELLED[header]} header is absent`);
}

function mismatch(header: keyof typeof SPELLED, value: string, body: string): ProtocolFault {
  return makeFault('envelope.mismatch', `The ${SPELLED[header]} header and the body disagree: ${body}`, {
    mismatch: { header: value, body },
  });
}
