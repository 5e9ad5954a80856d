import { GatewayError } from '../core/errors.ts';
import type { Clock } from '../core/ports.ts';
import { RpcCode } from '../jsonrpc/message.ts';
import { decodeError } from '../jsonrpc/write.ts';
import { clientCapabilitiesFor } from '../protocol/bridge/capabilities.ts';
import { readDiscoverResult, readInitializeResult, writeInitializeParams } from '../protocol/bridge/initialize.ts';
import { bridgeParams } from '../protocol/bridge/request.ts';
import { type CapabilityProfile, capabilitiesOf, isObject, type ServerFacts } from '../protocol/capabilities.ts';
import {
  isLegacyRevision,
  isModernClaim,
  LATEST_LEGACY,
  LATEST_MODERN,
  type LegacyRevision,
  type Revision,
} from '../protocol/revision.ts';
import type { DuplexRpc } from './duplex-rpc.ts';

/** The outcome of a handshake. */
export interface Settled {
  readonly revision: Revision;
  readonly facts: ServerFacts;
}

/** What the server is told of us. */
export interface Introduction {
  readonly profile: CapabilityProfile;
  readonly clientInfo: Buffer;
}

/** The answer to one request of the handshake. */
export type Reply =
  | { readonly kind: 'result'; readonly result: Buffer }
  | { readonly kind: 'error'; readonly error: Buffer }
  /** The channel ended first. */
  | { readonly kind: 'failed'; readonly error: GatewayError };

/** What an answer to `server/discover` says of the era. */
export type ProbeVerdict =
  | { readonly era: 'modern'; readonly settled: Settled }
  | { readonly era: 'legacy'; readonly why: string }
  /** It speaks modern revisions, none of which is ours, and no legacy one. */
  | { readonly era: 'none'; readonly why: string };

/** Sends `server/discover`. Never rejects. */
export function askDiscover(rpc: DuplexRpc, clientInfo: Buffer): Promise<Reply> {
  const leg = { revision: LATEST_MODERN, clientInfo, clientCapabilities: {} };
  const client = { revision: LATEST_MODERN, info: clientInfo, capabilities: {} };
  return ask(rpc, 'server/discover', bridgeParams({ method: 'server/discover', params: undefined, client }, leg), true);
}

/** Sends `initialize`. Never rejects. */
export function askInitialize(
  rpc: DuplexRpc,
  { profile, clientInfo }: Introduction,
  revision: LegacyRevision,
): Promise<Reply> {
  const declared = clientCapabilitiesFor(capabilitiesOf(profile), LATEST_LEGACY, revision, { canAsk: true });
  return ask(rpc, 'initialize', writeInitializeParams({ revision, clientInfo, capabilities: declared }), false);
}

/** Sends `initialize` and, whatever the server's haste, `notifications/initialized`; rejects with `upstream.version`, `upstream.invalid` or `upstream.unavailable`. */
export async function initialize(rpc: DuplexRpc, introduction: Introduction): Promise<Settled> {
  let reply = await askInitialize(rpc, introduction, LATEST_LEGACY);
  const offered = reply.kind === 'error' ? offeredRevision(reply.error) : undefined;
  if (offered !== undefined) reply = await askInitialize(rpc, introduction, offered);
  if (reply.kind === 'failed') throw new GatewayError('upstream.unavailable', { cause: reply.error.cause });
  if (reply.kind === 'error') throw refusal(reply.error);
  const read = readInitializeResult(reply.result);
  if (!read.ok) {
    throw new GatewayError(read.fault.code, { cause: `${read.fault.message} ${read.fault.detail ?? ''}`.trim() });
  }
  rpc.notify('notifications/initialized');
  return { revision: read.value.revision, facts: read.value.facts };
}

/** Reads the era out of an answer to `server/discover` (versioning §Backward Compatibility; the table is the SDK's probe classifier). */
export function classifyProbe(reply: Exclude<Reply, { kind: 'failed' }>): ProbeVerdict {
  if (reply.kind === 'error') return classifyError(reply.error);
  const read = readDiscoverResult(reply.result);
  if (!read.ok) return { era: 'legacy', why: read.fault.message };
  const { supportedVersions, facts } = read.value;
  if (supportedVersions.includes(LATEST_MODERN)) return { era: 'modern', settled: { revision: LATEST_MODERN, facts } };
  return withoutOurs(supportedVersions);
}

function classifyError(bytes: Buffer): ProbeVerdict {
  const error = decodeError(bytes);
  // Only -32022 proves anything: servers of the field answer any code to a method they do not know.
  const supported = error?.code === RpcCode.unsupportedVersion ? supportedIn(error.data) : undefined;
  return supported === undefined ? { era: 'legacy', why: bytes.toString('utf8', 0, 200) } : withoutOurs(supported);
}

function withoutOurs(supported: readonly string[]): ProbeVerdict {
  const why = `the server supports ${supported.join(', ').slice(0, 200)}`;
  return !supported.some(isLegacyRevision) && supported.some(isModernClaim)
    ? { era: 'none', why }
    : { era: 'legacy', why };
}

function supportedIn(data: unknown): readonly string[] | undefined {
  const supported = isObject(data) ? data['supported'] : undefined;
  return Array.isArray(supported) ? supported.filter((version) => typeof version === 'string') : undefined;
}

// Strict servers refuse a revision they do not know instead of offering their own.
function offeredRevision(error: Buffer): LegacyRevision | undefined {
  const offered = supportedIn(decodeError(error)?.data)?.filter(isLegacyRevision).sort().at(-1);
  return offered === LATEST_LEGACY ? undefined : offered;
}

function refusal(error: Buffer): GatewayError {
  const isVersion = decodeError(error)?.code === RpcCode.unsupportedVersion;
  const cause = `initialize was refused: ${error.toString('utf8', 0, 500)}`;
  return new GatewayError(isVersion ? 'upstream.version' : 'upstream.unavailable', { cause });
}

function ask(rpc: DuplexRpc, method: string, params: Buffer | undefined, acceptsNullId: boolean): Promise<Reply> {
  return new Promise((resolve) => {
    rpc.request(
      method,
      params,
      {
        onResult: (result) => resolve({ kind: 'result', result }),
        onError: (error) => resolve({ kind: 'error', error }),
        onFailed: (error) => resolve({ kind: 'failed', error }),
      },
      { acceptsNullId },
    );
  });
}

/** `work`, or undefined when it takes longer; the work goes on. */
export function within<T>(clock: Clock, limitMs: number, work: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(limitMs, () => resolve(undefined));
    work.then(
      (value) => {
        timer.clear();
        resolve(value);
      },
      (error: unknown) => {
        timer.clear();
        reject(error);
      },
    );
  });
}
