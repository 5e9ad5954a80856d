import { isAscii } from 'node:buffer';
import {
  type Edits,
  encodeJson,
  findMember,
  hasDuplicateKey,
  type RawObject,
  replaceValue,
} from '../../jsonrpc/raw.ts';
import type { JsonObject } from '../capabilities.ts';
import { META, REQUEST_META_KEYS } from '../meta.ts';
import { methodTraits } from '../methods.ts';
import { cutToken, type TokenCut } from '../progress-token.ts';
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
  if (carriesLegMembers(call, params)) return applyEdits(params, { ...changedParams(call, to.revision), ...meta });
  const { _meta: written } = meta;
  const replaced = typeof written === 'string' ? replaceValue(params, '_meta', written) : undefined;
  return replaced === undefined ? applyEdits(params, meta) : Buffer.from(replaced, 'latin1');
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
interface WrittenMeta {
  readonly from: Revision;
  readonly to: Omit<RequestLeg, 'progressToken'>;
  /** Without its token. */
  readonly text: string;
  readonly place: TokenCut['place'] | undefined;
  /** Where there is no token. */
  readonly edits: Edits;
  /** What stands before and after this leg's token. */
  readonly head: string;
  readonly tail: string;
}

/** By the capabilities that the client declared: they are one object for all requests of a client. */
const WRITTEN = new WeakMap<JsonObject, WrittenMeta>();
/** The same of requests with a progress token: many a client asks for progress of some of its calls only. */
const WRITTEN_AROUND = new WeakMap<JsonObject, WrittenMeta>();
const MOST_KNOWN_CHARS = 2_048;

/** The edit that makes `_meta` this leg's. A client says the same of itself with each request, so it is remembered what came of it. */
function metaEdits(call: RequestToBridge, params: RawObject, to: RequestLeg): Edits {
  const member = findMember(params, '_meta');
  if (member === undefined && eraOf(to.revision) === 'legacy' && to.progressToken === undefined) return NO_EDITS;
  if (hasDuplicateKey(params, META_KEY)) return editMeta(params, metaOf(call, to));
  const text = member === undefined ? '' : params.view.slice(member.start, member.end);
  return to.progressToken === undefined ? plainEdits(call, params, to, text) : tokenEdits(call, params, to, text);
}

function plainEdits(call: RequestToBridge, params: RawObject, to: RequestLeg, text: string): Edits {
  const known = WRITTEN.get(call.client.capabilities);
  if (known !== undefined && isKnown(known, call, to, text)) return known.edits;
  const edited = editMeta(params, metaOf(call, to));
  const edits = edited['_meta']?.toString('latin1') === text ? NO_EDITS : edited;
  remember(WRITTEN, call, to, { text, place: undefined, edits, head: '', tail: '' });
  return edits;
}

/** The same where the client has a token of its own, which is another one in each request. */
function tokenEdits(call: RequestToBridge, params: RawObject, to: RequestLeg, text: string): Edits {
  const cut = cutToken(text);
  const token = String(to.progressToken);
  if (cut === undefined) return editMeta(params, metaOf(call, to));
  const { rest, place } = cut;
  const known = WRITTEN_AROUND.get(call.client.capabilities);
  if (known !== undefined && known.place === place && isKnown(known, call, to, rest))
    return { _meta: known.head + token + known.tail };
  const edits = editMeta(params, metaOf(call, to));
  const { _meta: written } = edits;
  if (!(written instanceof Buffer) || !isAscii(written)) return edits;
  const view = written.toString('latin1');
  const around = cutToken(view);
  // Only where it stays where it was is it certain what is around it.
  if (around?.token !== token || around.place !== place) return edits;
  const head = view.slice(0, around.at);
  const tail = view.slice(around.at + token.length);
  remember(WRITTEN_AROUND, call, to, { text: rest, place, edits: NO_EDITS, head, tail });
  return edits;
}

function isKnown(known: WrittenMeta, call: RequestToBridge, to: RequestLeg, text: string): boolean {
  if (known.text !== text || known.from !== call.client.revision || known.to.revision !== to.revision) return false;
  // A legacy leg is told nothing of these.
  if (eraOf(to.revision) === 'legacy') return true;
  return (
    known.to.logLevel === to.logLevel &&
    known.to.clientInfo === to.clientInfo &&
    known.to.clientCapabilities === to.clientCapabilities
  );
}

function remember(
  memory: WeakMap<JsonObject, WrittenMeta>,
  call: RequestToBridge,
  { revision, logLevel, clientInfo, clientCapabilities }: RequestLeg,
  made: Omit<WrittenMeta, 'from' | 'to'>,
): void {
  if (made.text.length > MOST_KNOWN_CHARS) return;
  // A copy, because a slice would keep the whole body.
  const text = Buffer.from(made.text, 'latin1').toString('latin1');
  const to = { revision, logLevel, clientInfo, clientCapabilities };
  memory.set(call.client.capabilities, { ...made, text, from: call.client.revision, to });
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
