import { type Edits, encodeJson, type RawObject } from '../../jsonrpc/raw.ts';
import type { JsonObject } from '../capabilities.ts';
import { META, REQUEST_META_KEYS } from '../meta.ts';
import { methodTraits } from '../methods.ts';
import { eraOf, type Revision } from '../revision.ts';
import { applyEdits, editMeta, writeObject } from './edits.ts';

/** A request as its client sent it. */
export interface RequestToBridge {
  readonly method: string;
  readonly params: RawObject | undefined;
  readonly client: {
    readonly revision: Revision;
    readonly info: Buffer | undefined;
    readonly capabilities: JsonObject;
  };
  /** The gateway itself takes care of a task: the server may run a `tools/call` as one. */
  readonly task?: TaskWish | undefined;
}

/** How a call may be run as a task that the gateway looks after. */
export interface TaskWish {
  /** How long the server should keep the task. */
  readonly ttlMs: number;
}

/** What the upstream leg is told with every request. */
export interface RequestLeg {
  readonly revision: Revision;
  /** The gateway's own token on this leg, when the client wants progress. */
  readonly progressToken?: number | undefined;
  readonly logLevel?: string | undefined;
  /** `clientInfo` to announce, as JSON bytes. */
  readonly clientInfo: Buffer;
  /** Already reduced to what this leg can carry. */
  readonly clientCapabilities: JsonObject;
}

const NO_KEYS: Edits = Object.fromEntries(REQUEST_META_KEYS.map((key) => [key, undefined]));

/**
 * The request's params for the upstream leg: envelope and progress token are this leg's own, everything else of the client's stays. The
 * params' own bytes where nothing changes; undefined when there are none.
 */
export function bridgeParams(call: RequestToBridge, to: RequestLeg): Buffer | undefined {
  if (call.params !== undefined && passesUntouched(call, call.params, to))
    return call.params.bytes.subarray(call.params.start, call.params.end);
  const meta = { ...NO_KEYS, ...envelopeOf(to), ...foreignKeys(call.client.revision, to.revision), ...tokenOf(to) };
  if (call.params === undefined) {
    const isEmpty = Object.values(meta).every((value) => value === undefined);
    return isEmpty ? undefined : writeObject({ _meta: writeObject(meta) });
  }
  return applyEdits(call.params, { ...changedParams(call, to.revision), ...editMeta(call.params, meta) });
}

/** Members of params that may have to differ between two legs. */
const LEG_MEMBERS: ReadonlySet<string> = new Set(['_meta', 'task', 'context', 'inputResponses', 'requestState']);

// Most calls to legacy servers carry nothing of any leg: finding that out edit by edit cost 2 µs each.
function passesUntouched(call: RequestToBridge, params: RawObject, to: RequestLeg): boolean {
  if (eraOf(to.revision) === 'modern' || to.progressToken !== undefined || call.task !== undefined) return false;
  for (const { key } of params.members) if (LEG_MEMBERS.has(key)) return false;
  return true;
}

function envelopeOf(to: RequestLeg): Edits {
  if (eraOf(to.revision) === 'legacy') return {};
  return {
    [META.protocolVersion]: JSON.stringify(to.revision),
    [META.clientInfo]: to.clientInfo,
    [META.clientCapabilities]: encodeJson(to.clientCapabilities),
    [META.logLevel]: to.logLevel === undefined ? undefined : JSON.stringify(to.logLevel),
  };
}

function tokenOf(to: RequestLeg): Edits {
  return { progressToken: to.progressToken === undefined ? undefined : String(to.progressToken) };
}

// Tasks of 2025-11-25 do not exist anywhere else, so neither does the relation to one.
function foreignKeys(from: Revision, to: Revision): Edits {
  return hasTasks(from, to) ? {} : { [META.relatedTask]: undefined };
}

function changedParams(call: RequestToBridge, to: Revision): Edits {
  const from = call.client.revision;
  const traits = methodTraits(call.method);
  // A method no revision defines has params of its own making.
  const drops: Record<string, string | undefined> = {};
  if (traits === undefined) return drops;
  if (!hasTasks(from, to)) drops['task'] = undefined;
  if (call.task !== undefined && call.method === 'tools/call' && to === '2025-11-25') {
    drops['task'] = JSON.stringify({ ttl: call.task.ttlMs });
  }
  // Before 2025-06-18 there was no context, and strict servers refuse unknown members.
  if (call.method === 'completion/complete' && to < '2025-06-18') drops['context'] = undefined;
  // Answers to a question are for whoever asked it; a legacy server asked on its own channel.
  if (traits.interactive && eraOf(from) === 'modern' && eraOf(to) === 'legacy') {
    drops['inputResponses'] = undefined;
    drops['requestState'] = undefined;
  }
  return drops;
}

function hasTasks(from: Revision, to: Revision): boolean {
  return from === '2025-11-25' && to === '2025-11-25';
}
