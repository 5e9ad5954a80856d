import { GatewayError, toGatewayError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { SessionKeep } from '../core/fleet.ts';
import type { Clock } from '../core/ports.ts';
import { makeId } from '../jsonrpc/id.ts';
import { RpcCode } from '../jsonrpc/message.ts';
import { decodeError } from '../jsonrpc/write.ts';
import { readDiscoverResult } from '../protocol/bridge/initialize.ts';
import { bridgeParams } from '../protocol/bridge/request.ts';
import { NO_QUESTIONS } from '../protocol/capabilities.ts';
import { modernRequestHeaders } from '../protocol/modern/headers.ts';
import { isModernClaim, LATEST_MODERN, MODERN_REVISIONS, type ModernRevision } from '../protocol/revision.ts';
import { gatewayInfo } from './announce.ts';
import { HttpClient } from './http-client.ts';
import { errorOfStatus, type HttpLeg, requestOnce, type SingleReply } from './http-leg.ts';
import { HttpLegacyHandle } from './http-legacy.ts';
import { HttpModernHandle, supportedVersions, toLines } from './http-modern.ts';
import { loadSession, recordOf, type SessionShelf } from './http-resume.ts';
import { type LegacySession, openSession, type SessionInit } from './http-session.ts';
import type { HandleOpener, OpenedHandle, OpenNeed } from './opener.ts';
import type { HttpUpstreamOptions } from './options.ts';

/** What an HTTP upstream works with. */
export interface HttpOpenDeps {
  readonly clock: Clock;
  readonly emit: Emit;
  /** The gateway's own version, for its `clientInfo`. */
  readonly version: string;
  /** Opens a handle over the HTTP+SSE transport of 2024-11-05; without it such servers are not found. */
  readonly openSse?: HandleOpener | undefined;
  /** A tool's `inputSchema` as JSON bytes, when the catalogue has it at hand. */
  readonly toolSchema?: ((tool: string) => Promise<Buffer | undefined>) | undefined;
  /** Keeps sessions for the node that owns a handle next. */
  readonly sessions?: SessionKeep | undefined;
  /** Hears of every request: without an error when the server answered, with one when it could not be reached. */
  readonly onReached?: ((error: Error | undefined) => void) | undefined;
}

/** How a server is spoken to. */
export type HttpEra = 'modern' | 'legacy' | 'sse';

/** What is known of one configured server's era: shared by everybody who opens it, dated, and dropped when it proves wrong. */
export interface EraVerdict {
  current: { readonly era: HttpEra; readonly at: number } | undefined;
}

/** One configured server: its connections, and what is known of it. */
export interface HttpTarget {
  readonly options: HttpUpstreamOptions;
  readonly deps: HttpOpenDeps;
  readonly leg: HttpLeg;
  readonly verdict: EraVerdict;
}

/** Opens handles on one configured server, and closes its connections. */
export interface HttpOpener {
  readonly open: HandleOpener;
  /** Drops the connections; handles must be closed before. */
  close(): Promise<void>;
}

/** The answer of one era: a handle, or the reason to try the next one. Everything that says nothing about the era is thrown. */
type Attempt = { readonly handle: OpenedHandle } | { readonly mismatch: string };

const VERDICT_MS = 24 * 3_600_000;
const ERAS: readonly HttpEra[] = ['modern', 'legacy', 'sse'];

/** Makes the opener of one configured HTTP server. */
export function createHttpOpener(options: HttpUpstreamOptions, deps: HttpOpenDeps): HttpOpener {
  const { name, url, headers, maxMessageBytes } = options;
  const client = new HttpClient({ url, headers, onReached: deps.onReached });
  const leg: HttpLeg = { upstream: name, client, clock: deps.clock, emit: deps.emit, maxMessageBytes };
  const target: HttpTarget = { options, deps, leg, verdict: { current: undefined } };
  return { open: (need) => openHttpHandle(target, need), close: () => client.close() };
}

/**
 * Opens one handle, by the deadline. The last verdict is tried first and the other eras after it, so a server that changed its era costs one
 * refusal. Refused credentials, 5xx, timeouts and broken connections are never a verdict.
 */
export async function openHttpHandle(target: HttpTarget, need: OpenNeed): Promise<OpenedHandle> {
  const { verdict, deps } = target;
  const mismatches: string[] = [];
  const eras = erasToTry(target);
  // Untried: when the server has forgotten it, the first request gets a new one.
  const kept = eras.includes('legacy') ? await loadSession(shelfOf(target), need) : undefined;
  if (kept !== undefined) return legacyHandle(target, need, initOf(target, need), kept, deps.clock.now());
  for (const era of eras) {
    const attempt = await tryEra(target, era, need);
    if ('handle' in attempt) {
      if (verdict.current?.era !== era || isOld(target)) verdict.current = { era, at: deps.clock.now() };
      return attempt.handle;
    }
    if (verdict.current?.era === era) verdict.current = undefined;
    mismatches.push(`${era}: ${attempt.mismatch}`);
  }
  throw new GatewayError('upstream.unavailable', { cause: `no MCP server answers there; ${mismatches.join('; ')}` });
}

function erasToTry(target: HttpTarget): readonly HttpEra[] {
  const { era, transport } = target.options;
  const allowed = ERAS.filter((candidate) => {
    if (transport === 'sse') return candidate === 'sse';
    if (transport === 'streamable-http' && candidate === 'sse') return false;
    return era === 'auto' || (candidate === 'modern') === (era === 'modern');
  });
  const known = isOld(target) ? undefined : target.verdict.current?.era;
  return known === undefined ? allowed : [...allowed].sort((a, b) => Number(b === known) - Number(a === known));
}

function isOld({ verdict, deps }: HttpTarget): boolean {
  return verdict.current !== undefined && deps.clock.now() - verdict.current.at >= VERDICT_MS;
}

function tryEra(target: HttpTarget, era: HttpEra, need: OpenNeed): Promise<Attempt> {
  if (era === 'modern') return tryModern(target, need);
  return era === 'legacy' ? tryLegacy(target, need) : trySse(target, need);
}

async function tryModern(target: HttpTarget, need: OpenNeed): Promise<Attempt> {
  let revision: ModernRevision = LATEST_MODERN;
  let reply = await discover(target, need, revision);
  if (reply.kind === 'error') {
    const other = correctedRevision(reply.error);
    if (other !== undefined) {
      revision = other;
      reply = await discover(target, need, revision);
    }
  }
  if (reply.kind !== 'result') return { mismatch: modernMismatch(reply) };
  const read = readDiscoverResult(reply.result);
  // A legacy server may answer any method with something; only a discover result is evidence.
  if (!read.ok) return { mismatch: read.fault.message };
  const served = MODERN_REVISIONS.find((candidate) => read.value.supportedVersions.includes(candidate));
  if (served === undefined) return { mismatch: otherVersions(read.value.supportedVersions) };
  const { leg, deps, verdict } = target;
  const handle = new HttpModernHandle({
    leg,
    id: need.handleId,
    revision: served,
    server: read.value.facts,
    clientInfo: gatewayInfo(deps.version),
    toolSchema: deps.toolSchema,
    onEraLost: () => {
      if (verdict.current?.era === 'modern') verdict.current = undefined;
    },
  });
  return { handle };
}

function discover({ leg, deps }: HttpTarget, need: OpenNeed, revision: ModernRevision): Promise<SingleReply> {
  const method = 'server/discover';
  const clientInfo = gatewayInfo(deps.version);
  const client = { revision, info: undefined, capabilities: {}, profile: NO_QUESTIONS };
  const params = bridgeParams({ method, params: undefined, client }, { revision, clientInfo, clientCapabilities: {} });
  const headers = toLines(modernRequestHeaders({ revision, method, params: undefined }));
  return requestOnce(leg, { id: makeId(1), method, params, headers }, need);
}

/** Another modern revision that both sides serve, according to a -32022. */
function correctedRevision(bytes: Buffer): ModernRevision | undefined {
  const error = decodeError(bytes);
  if (error?.code !== RpcCode.unsupportedVersion) return undefined;
  const supported = supportedVersions(error);
  return MODERN_REVISIONS.find((candidate) => supported.includes(candidate));
}

/** Why a server that answered the probe is not modern; throws where the answer is no evidence, or where it is modern and still of no use. */
function modernMismatch(reply: Exclude<SingleReply, { kind: 'result' }>): string {
  if (reply.kind === 'failed') {
    if (reply.error.code === 'upstream.invalid') return String(reply.error.cause); // a web page, or a stream without an answer
    throw unavailable(reply.error);
  }
  if (reply.kind === 'status') {
    if (!isClientError(reply.status)) throw errorOfStatus(reply.status, reply.text);
    return `HTTP ${reply.status}`;
  }
  if (reply.status !== 200 && !isClientError(reply.status)) throw errorOfStatus(reply.status, reply.error.toString());
  const error = decodeError(reply.error);
  const text = reply.error.toString();
  // A modern server said so; `initialize` would only replace a precise answer by a vague one.
  if (error?.code === RpcCode.headerMismatch) throw new GatewayError('upstream.headers', { cause: text });
  if (error?.code === RpcCode.missingCapability) throw new GatewayError('upstream.invalid', { cause: text });
  return error?.code === RpcCode.unsupportedVersion ? otherVersions(supportedVersions(error)) : text;
}

/** Why the versions of a modern answer make the next era worth a try; throws when they are all modern ones that the gateway does not serve. */
function otherVersions(supported: readonly string[]): string {
  const text = `serves ${supported.join(', ')}`;
  if (supported.length > 0 && supported.every(isModernClaim))
    throw new GatewayError('upstream.version', { cause: text });
  return text;
}

async function tryLegacy(target: HttpTarget, need: OpenNeed): Promise<Attempt> {
  const init = initOf(target, need);
  const attempt = await openSession(target.leg, init, makeId(1), need);
  if (!attempt.ok) {
    const { status, error } = attempt;
    if (status !== undefined && (status === 200 || isClientError(status))) return { mismatch: String(error.cause) };
    if (error.code === 'upstream.invalid') return { mismatch: String(error.cause) };
    throw status === undefined ? unavailable(error) : error;
  }
  return { handle: legacyHandle(target, need, init, attempt.session) };
}

function initOf({ deps }: HttpTarget, need: OpenNeed): SessionInit {
  const profile = need.shared ? NO_QUESTIONS : need.profile;
  return { profile, clientInfo: gatewayInfo(deps.version, need.clientInfo) };
}

function shelfOf({ options, deps }: HttpTarget): SessionShelf {
  return { upstream: options.name, url: options.url, sessions: deps.sessions };
}

function legacyHandle(
  target: HttpTarget,
  need: OpenNeed,
  init: SessionInit,
  session: LegacySession,
  firstId?: number,
): HttpLegacyHandle {
  const { leg, verdict, options } = target;
  return new HttpLegacyHandle({
    leg,
    id: need.handleId,
    init,
    session,
    firstId,
    record: session.id === undefined ? undefined : recordOf(shelfOf(target), need),
    shared: need.shared,
    interactiveConcurrency: options.interactiveConcurrency,
    onRefused: () => {
      if (verdict.current?.era === 'legacy') verdict.current = undefined;
    },
  });
}

async function trySse({ deps, options }: HttpTarget, need: OpenNeed): Promise<Attempt> {
  if (deps.openSse === undefined) return { mismatch: 'this transport is not configured' };
  try {
    return { handle: await deps.openSse(need) };
  } catch (cause) {
    const error = toGatewayError(cause);
    const isFinal =
      error.code === 'upstream.auth' || error.code === 'upstream.version' || error.code === 'upstream.timeout';
    // Nothing else will be tried where this transport is configured, so its own reason is the best one.
    if (isFinal || options.transport === 'sse') throw error;
    return { mismatch: `${error.code} ${String(error.cause ?? '')}` };
  }
}

/** A status that may mean "not this era": 4xx but credentials, timeouts and load. */
function isClientError(status: number): boolean {
  return status >= 400 && status < 500 && ![401, 403, 408, 425, 429].includes(status);
}

/** A handshake that broke was never answered, so nothing was done that could be done twice. */
function unavailable(error: GatewayError): GatewayError {
  return error.code === 'upstream.lost' || error.code === 'upstream.timeout'
    ? new GatewayError('upstream.unavailable', { cause: error })
    : error;
}
