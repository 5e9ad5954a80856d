import { encodeJson, measureDepth, memberObject, memberValue, type RawObject, scanObject } from '../../jsonrpc/raw.ts';
import { isObject, type JsonObject, type ServerFacts } from '../capabilities.ts';
import { META } from '../meta.ts';
import { isLegacyRevision, type LegacyRevision } from '../revision.ts';
import { bytesOf, writeObject } from './edits.ts';
import { type Bridged, failBridge } from './fault.ts';
import { type CacheHint, readResultType } from './result.ts';

/** A handshake nested deeper is refused: its capabilities are merged and written again. */
const HANDSHAKE_DEPTH = 64;
/** Stands in for a server that does not say who it is. */
const NAMELESS = Buffer.from('{"name":"unknown","version":"0"}');

/** What a route says of itself. `capabilities` is already in the form of the revision it is written for. */
export interface ServerToAnnounce {
  /** `serverInfo` as JSON bytes. */
  readonly info: Buffer;
  readonly capabilities: JsonObject;
  readonly instructions: string | undefined;
}

/** Bytes of an `initialize` result. `meta` is the result's `_meta` as JSON bytes. */
export function writeInitializeResult(
  server: ServerToAnnounce & { readonly revision: LegacyRevision; readonly meta?: Buffer | undefined },
): Buffer {
  return writeObject({
    protocolVersion: JSON.stringify(server.revision),
    capabilities: encodeJson(server.capabilities),
    serverInfo: server.info,
    instructions: writeText(server.instructions),
    _meta: server.meta,
  });
}

/** Bytes of a `server/discover` result (2026-07-28 server/discover §DiscoverResult). */
export function writeDiscoverResult(
  server: ServerToAnnounce & { readonly supportedVersions: readonly string[]; readonly cache: CacheHint },
): Buffer {
  return writeObject({
    resultType: '"complete"',
    supportedVersions: encodeJson(server.supportedVersions),
    capabilities: encodeJson(server.capabilities),
    instructions: writeText(server.instructions),
    ttlMs: String(server.cache.ttlMs),
    cacheScope: JSON.stringify(server.cache.cacheScope),
    _meta: writeObject({ [META.serverInfo]: server.info }),
  });
}

/** Bytes of `initialize` params. `capabilities` is already in the form of `revision`. */
export function writeInitializeParams(client: {
  readonly revision: LegacyRevision;
  readonly clientInfo: Buffer;
  readonly capabilities: JsonObject;
}): Buffer {
  return writeObject({
    protocolVersion: JSON.stringify(client.revision),
    capabilities: encodeJson(client.capabilities),
    clientInfo: client.clientInfo,
  });
}

/** Reads an `initialize` result. Lenient about who the server is, strict about the revision: everything after it depends on that. */
export function readInitializeResult(
  result: Buffer,
): Bridged<{ readonly revision: LegacyRevision; readonly facts: ServerFacts }> {
  const object = scanHandshake(result);
  if (object === undefined) return failBridge('upstream.invalid', 'Upstream answered initialize with something else.');
  const revision = memberValue(object, 'protocolVersion');
  if (typeof revision !== 'string')
    return failBridge('upstream.invalid', 'Upstream answered initialize without protocolVersion.');
  if (!isLegacyRevision(revision)) {
    return failBridge(
      'upstream.version',
      'Upstream speaks a protocol version that this gateway does not support.',
      revision,
    );
  }
  return { ok: true, value: { revision, facts: readFacts(object, readInfo(object, 'serverInfo')) } };
}

/** Reads a `server/discover` result; `supportedVersions` is what the server says, served here or not. */
export function readDiscoverResult(
  result: Buffer,
): Bridged<{ readonly supportedVersions: readonly string[]; readonly facts: ServerFacts }> {
  const object = scanHandshake(result);
  if (object === undefined)
    return failBridge('upstream.invalid', 'Upstream answered server/discover with something else.');
  const type = readResultType(object);
  if (type !== 'complete') {
    return failBridge('upstream.result-type', 'Upstream answered server/discover with an unusable result type.', type);
  }
  const versions = memberValue(object, 'supportedVersions');
  const supportedVersions = Array.isArray(versions) ? versions.filter((version) => typeof version === 'string') : [];
  if (supportedVersions.length === 0) {
    return failBridge('upstream.invalid', 'Upstream answered server/discover without supportedVersions.');
  }
  const meta = memberObject(object, '_meta');
  const info = meta === undefined ? NAMELESS : readInfo(meta, META.serverInfo);
  return { ok: true, value: { supportedVersions, facts: readFacts(object, info) } };
}

// The scanner does not check the grammar, and these bytes will stand inside other messages.
function scanHandshake(result: Buffer): RawObject | undefined {
  if (measureDepth(result.toString('latin1'), HANDSHAKE_DEPTH) > HANDSHAKE_DEPTH) return undefined;
  try {
    JSON.parse(result.toString('utf8'));
  } catch {
    return undefined; // reported by the caller as not the answer
  }
  return scanObject(result);
}

function readInfo(object: RawObject, key: string): Buffer {
  return isObject(memberValue(object, key)) ? (bytesOf(object, key) ?? NAMELESS) : NAMELESS;
}

function readFacts(object: RawObject, info: Buffer): ServerFacts {
  const capabilities = memberValue(object, 'capabilities');
  const instructions = memberValue(object, 'instructions');
  return {
    info,
    capabilities: isObject(capabilities) ? capabilities : {},
    instructions: typeof instructions === 'string' ? instructions : undefined,
  };
}

function writeText(text: string | undefined): string | undefined {
  return text === undefined ? undefined : JSON.stringify(text);
}
