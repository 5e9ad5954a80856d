import { type Edits, encodeJson, findMember, hasDuplicateKey, type RawObject } from '../../jsonrpc/raw.ts';
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
  const { params } = call;
  if (params === undefined) {
    const meta = metaOf(call, to);
    const isEmpty = Object.values(meta).every((value) => value === undefined);
    return isEmpty ? undefined : writeObject({ _meta: writeObject(meta) });
  }
  const meta = metaEdits(call, params, to);
  return applyEdits(params, carriesLegMembers(call, params) ? { ...changedParams(call, to.revision), ...meta } : meta);
}

/** Members of params that may have to differ between two legs. */
const LEG_MEMBERS: ReadonlySet<string> = new Set(['task', 'context', 'inputResponses', 'requestState']);

// Most params carry nothing of any leg, but for the envelope in `_meta`: finding that out edit by edit cost 2 µs each.
function carriesLegMembers(call: RequestToBridge, params: RawObject): boolean {
  if (call.task !== undefined) return true;
  for (const { key } of params.members) if (LEG_MEMBERS.has(key)) return true;
  return false;
}

function metaOf(call: RequestToBridge, to: RequestLeg): Edits {
  return { ...NO_KEYS, ...envelopeOf(to), ...foreignKeys(call.client.revision, to.revision), ...tokenOf(to) };
}

/** What was made of the `_meta` of a client's last request, and of what. */
interface WrittenMeta extends Omit<RequestLeg, 'progressToken'> {
  readonly from: Revision;
  readonly text: string;
  readonly edits: Edits;
}

/** By the capabilities that the client declared: they are one object for all requests of a client. */
const WRITTEN = new WeakMap<JsonObject, WrittenMeta>();
const MOST_KNOWN_CHARS = 2_048;

/** The edit that makes `_meta` this leg's. A client says the same of itself with each request, so it is remembered what came of it. */
function metaEdits(call: RequestToBridge, params: RawObject, to: RequestLeg): Edits {
  const member = findMember(params, '_meta');
  if (member === undefined && eraOf(to.revision) === 'legacy' && to.progressToken === undefined) return NO_EDITS;
  if (to.progressToken !== undefined || hasDuplicateKey(params, META_KEY)) return editMeta(params, metaOf(call, to));
  const from = call.client.revision;
  const { revision, logLevel, clientInfo, clientCapabilities } = to;
  const text = member === undefined ? '' : params.view.slice(member.start, member.end);
  const known = WRITTEN.get(call.client.capabilities);
  const isKnown =
    known !== undefined &&
    known.text === text &&
    known.revision === revision &&
    known.from === from &&
    known.logLevel === logLevel &&
    known.clientInfo === clientInfo &&
    known.clientCapabilities === clientCapabilities;
  if (isKnown) return known.edits;
  const edited = editMeta(params, metaOf(call, to));
  const edits = edited['_meta']?.toString('latin1') === text ? NO_EDITS : edited;
  if (text.length <= MOST_KNOWN_CHARS) {
    // A copy, because a slice would keep the whole body.
    const copy = Buffer.from(text, 'latin1').toString('latin1');
    const made = { from, revision, logLevel, clientInfo, clientCapabilities, text: copy, edits };
    WRITTEN.set(call.client.capabilities, made);
  }
  return edits;
}

const NO_EDITS: Edits = {};
const META_KEY: ReadonlySet<string> = new Set(['_meta']);

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
