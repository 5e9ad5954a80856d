import { type Edits, findMember, memberBytes, memberValue, type RawObject, scanObject } from '../../jsonrpc/raw.ts';
import { META } from '../meta.ts';
import { LISTS, methodTraits } from '../methods.ts';
import { eraOf, type Revision } from '../revision.ts';
import { bridgePromptMessage, lacksContentTypes } from './content.ts';
import { applyEdits, editMeta, mapArray, writeObject } from './edits.ts';
import { type BridgeFault, failBridge } from './fault.ts';
import { bridgeItem } from './items.ts';
import { bridgeToolResult } from './structured-content.ts';

/** What a modern result says about keeping it (2026-07-28 server/utilities/caching). */
export interface CacheHint {
  readonly ttlMs: number;
  readonly cacheScope: 'public' | 'private';
}

/** A result of one leg, and what the other leg must be told with it. */
export interface ResultToBridge {
  readonly method: string;
  readonly result: Buffer;
  readonly from: Revision;
  readonly to: Revision;
  /** `serverInfo` as JSON bytes, for modern clients. */
  readonly serverInfo?: Buffer | undefined;
  /** For modern clients where a legacy server cannot say; default: do not keep, private. */
  readonly cache?: CacheHint | undefined;
}

/** The bridged result, or why there is none. */
export type BridgedResult =
  | { readonly ok: true; readonly result: Buffer }
  | { readonly ok: false; readonly fault: BridgeFault };

const NOT_KEPT: CacheHint = { ttlMs: 0, cacheScope: 'private' };

/** The result in the form of `to`; the very same bytes where both legs speak the same revision. */
export function bridgeResult(args: ResultToBridge): BridgedResult {
  const { method, from, to } = args;
  if (from === to) return { ok: true, result: args.result };
  const object = scanObject(args.result);
  if (object === undefined) return failBridge('upstream.invalid', 'Upstream sent a result that is not a JSON object.');
  if (eraOf(from) === 'modern') {
    const type = readResultType(object);
    if (type !== 'complete') {
      return failBridge('upstream.result-type', 'Upstream returned a result type that this client cannot use.', type);
    }
  }
  const data = bridgeData(method, object, from, to);
  const edits = { ...data, ...bridgeEnvelope(args, object) };
  return { ok: true, result: Object.keys(edits).length === 0 ? args.result : applyEdits(object, edits) };
}

/** True when {@link bridgeResult} leaves every result as it is, so that nobody has to see one whole. */
export function passesUnchanged(method: string, from: Revision, to: Revision): boolean {
  if (from === to) return true;
  const isLegacy = eraOf(from) === 'legacy' && eraOf(to) === 'legacy';
  return isLegacy && !lacksContentTypes(to) && methodTraits(method)?.list === undefined;
}

/** The result type of a modern result; `complete` when it does not say (2026-07-28 basic §ResultType). A type that is no string is its JSON text. */
export function readResultType(result: RawObject): string {
  const member = findMember(result, 'resultType');
  if (member === undefined) return 'complete';
  const type = memberValue(result, 'resultType');
  return typeof type === 'string' ? type : memberBytes(result, member).toString('utf8');
}

function bridgeEnvelope(args: ResultToBridge, object: RawObject): Edits {
  const fromEra = eraOf(args.from);
  const toEra = eraOf(args.to);
  const isCacheable = methodTraits(args.method)?.cacheable === true;
  if (fromEra === 'modern' && toEra === 'legacy') {
    const meta = editMeta(object, { [META.serverInfo]: undefined });
    const edits = { resultType: undefined, ...meta };
    return isCacheable ? { ...edits, ttlMs: undefined, cacheScope: undefined } : edits;
  }
  if (fromEra === 'legacy' && toEra === 'modern') {
    const meta = args.serverInfo === undefined ? {} : signed(object, args.serverInfo);
    const edits = { resultType: '"complete"', ...meta };
    return isCacheable ? { ...edits, ...cacheEdits(object, args.cache ?? NOT_KEPT) } : edits;
  }
  return {};
}

/** Edits that say in `_meta` who answered. Most results have none of their own, and then a server's is the same in all. */
function signed(object: RawObject, serverInfo: Buffer): Edits {
  if (findMember(object, '_meta') !== undefined) return editMeta(object, { [META.serverInfo]: serverInfo });
  let signature = SIGNATURES.get(serverInfo);
  if (signature === undefined) {
    signature = { _meta: writeObject({ [META.serverInfo]: serverInfo }) };
    SIGNATURES.set(serverInfo, signature);
  }
  return signature;
}

const SIGNATURES = new WeakMap<Buffer, Edits>();

function cacheEdits(object: RawObject, hint: CacheHint): Edits {
  const ttlMs = memberValue(object, 'ttlMs');
  const hasTtl = typeof ttlMs === 'number' && Number.isSafeInteger(ttlMs) && ttlMs >= 0;
  // A legacy server cannot make its answers shared between principals: `public` is for the gateway's configuration to say.
  const hasScope = memberValue(object, 'cacheScope') === 'private';
  return {
    ...(hasTtl ? {} : { ttlMs: String(hint.ttlMs) }),
    ...(hasScope ? {} : { cacheScope: JSON.stringify(hint.cacheScope) }),
  };
}

function bridgeData(method: string, object: RawObject, from: Revision, to: Revision): Edits {
  const kind = methodTraits(method)?.list;
  if (kind !== undefined) return mapArray(object, LISTS[kind].member, (item) => bridgeItem(kind, item, from, to));
  // A task's payload is the result of the tools/call that made the task.
  if (method === 'tools/call' || method === 'tasks/result') return bridgeToolResult(object, from, to);
  if (method === 'prompts/get' && lacksContentTypes(to)) {
    return mapArray(object, 'messages', (message, index) => bridgePromptMessage(message, to, index));
  }
  return {};
}
