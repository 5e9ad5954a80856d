import {
  findMember,
  memberBytes,
  memberValue,
  ownText,
  type RawObject,
  scanArray,
  scanObject,
} from '../jsonrpc/raw.ts';
import { taskSupportOf } from '../protocol/bridge/tasks/task-call.ts';
import { servesTasks } from '../protocol/bridge/tasks/task-support.ts';
import { isObject, NO_QUESTIONS, type ServerFacts } from '../protocol/capabilities.ts';
import { LISTS, type ListKind } from '../protocol/methods.ts';
import { compileParamHeaders, type ParamHeader } from '../protocol/modern/param-headers.ts';
import { eraOf, type Revision } from '../protocol/revision.ts';
import { GatewayError } from './errors.ts';
import type { CallControl, CallSink, ClientFacts, Clock, Handle } from './ports.ts';

/** One item of a server's list: its bytes as sent and what the gateway reads of them. */
export interface SnapshotItem {
  /** Tool or prompt name, resource uri, or uri template. */
  readonly name: string;
  readonly bytes: Buffer;
  /** A tool that says it is read-only or idempotent: may be called again after a lost upstream. */
  readonly repeatable: boolean;
  /** A tool that runs only as a task of 2025-11-25. */
  readonly taskOnly: boolean;
  /** The arguments that a tool wants mirrored into headers. */
  readonly paramHeaders: readonly ParamHeader[];
}

/** One of a server's lists, all pages, in the form its leg speaks. */
export interface ListSnapshot {
  readonly revision: Revision;
  /** The server may run tool calls as tasks, in the form of its revision. */
  readonly servesTasks: boolean;
  readonly items: readonly SnapshotItem[];
  /** Members of the first page beside the items, the cursor and what the bridge adds. */
  readonly extra: Readonly<Record<string, Buffer>>;
  /** The server's own caching fields, when it sent them: the smallest ttl of all pages. */
  readonly ttlMs: number | undefined;
  readonly cacheScope: 'public' | 'private';
}

/** An empty list, for a server that does not declare the capability. */
export function emptyList(revision: Revision): ListSnapshot {
  return { revision, servesTasks: false, items: [], extra: {}, ttlMs: undefined, cacheScope: 'private' };
}

/** True when the server declares the capability behind a list. */
export function declaresList(server: ServerFacts, kind: ListKind): boolean {
  return isObject(server.capabilities[kind === 'resourceTemplates' ? 'resources' : kind]);
}

const MAX_PAGES = 1_000;
/** A server that accepts a list request and never answers must not hold up everybody who waits for the list. */
const PAGE_TIMEOUT_MS = 30_000;
const ENVELOPE_MEMBERS: ReadonlySet<string> = new Set(['resultType', 'ttlMs', 'cacheScope', 'nextCursor', '_meta']);

/** Reads all pages of one list. Rejects with a {@link GatewayError}. A server without the method has an empty list. */
export async function readList(handle: Handle, kind: ListKind, clock: Clock): Promise<ListSnapshot> {
  const { method, member } = LISTS[kind];
  const items: SnapshotItem[] = [];
  let extra: Record<string, Buffer> = {};
  let ttlMs: number | undefined;
  let cacheScope: 'public' | 'private' = 'private';
  let cursor: unknown;
  for (let page = 0; page < MAX_PAGES; page++) {
    const params = cursor === undefined ? undefined : scanObject(Buffer.from(JSON.stringify({ cursor })));
    const bytes = await readPage(handle, method, params, clock);
    if (bytes === undefined) return emptyList(handle.revision);
    const result = scanObject(bytes);
    const list = result === undefined ? undefined : findMember(result, member);
    const elements =
      result === undefined || list === undefined ? undefined : scanArray(result.bytes, list.start, result.view);
    if (result === undefined || elements === undefined) throw new GatewayError('upstream.invalid');
    for (const element of elements) {
      const item = readItem(kind, element, handle.revision);
      if (item !== undefined) items.push(item);
    }
    if (page === 0) {
      extra = Object.fromEntries(
        result.members
          .filter(({ key }) => key !== member && !ENVELOPE_MEMBERS.has(key))
          .map((m) => [m.key, memberBytes(result, m)]),
      );
    }
    // One private page makes the list private: it is given out with one scope for all pages (2026-07-28 caching §Cache Scope Field).
    const isPublic: boolean = memberValue(result, 'cacheScope') === 'public' && (page === 0 || cacheScope === 'public');
    cacheScope = isPublic ? 'public' : 'private';
    const pageTtl = memberValue(result, 'ttlMs');
    if (typeof pageTtl === 'number') ttlMs = Math.min(ttlMs ?? Number.POSITIVE_INFINITY, Math.max(0, pageTtl));
    const next = memberValue(result, 'nextCursor');
    // A server that hands out the same cursor for ever would hold the catalogue up.
    if (typeof next !== 'string' || next === cursor) break;
    cursor = next;
  }
  const { revision, server } = handle;
  return { revision, servesTasks: servesTasks(revision, server.capabilities), items, extra, ttlMs, cacheScope };
}

function readItem(kind: ListKind, element: Buffer, revision: Revision): SnapshotItem | undefined {
  const object = scanObject(element);
  const name = object === undefined ? undefined : memberValue(object, LISTS[kind].name);
  if (object === undefined || typeof name !== 'string') return undefined;
  const annotations = kind === 'tools' ? memberValue(object, 'annotations') : undefined;
  const repeatable =
    isObject(annotations) && (annotations['readOnlyHint'] === true || annotations['idempotentHint'] === true);
  // The list's bytes share one big buffer; the item keeps it alive, which is right: they live and die together.
  const taskOnly = kind === 'tools' && element.includes('"taskSupport"') && taskSupportOf(object) === 'required';
  const paramHeaders = kind === 'tools' ? readParamHeaders(object) : NO_HEADERS;
  // 2026-07-28 streamable-http §Schema Extension: a tool whose x-mcp-header breaks the rules is left out, the others stay.
  if (paramHeaders === undefined && eraOf(revision) === 'modern') return undefined;
  return { name: ownText(name), bytes: element, repeatable, taskOnly, paramHeaders: paramHeaders ?? NO_HEADERS };
}

const NO_HEADERS: readonly ParamHeader[] = [];

/** Undefined when the annotations are invalid. */
function readParamHeaders(tool: RawObject): readonly ParamHeader[] | undefined {
  const { bytes } = tool;
  // A key may be spelled with escapes (`x-mcp-\u0068eader`); a tool with any is parsed to be sure.
  if (!bytes.includes('x-mcp-header') && !bytes.includes('\\u')) return NO_HEADERS;
  const compiled = compileParamHeaders(memberValue(tool, 'inputSchema'));
  return compiled.ok ? compiled.value : undefined;
}

function readPage(
  handle: Handle,
  method: string,
  params: ReturnType<typeof scanObject>,
  clock: Clock,
): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const client = gatewayClient(handle.revision);
    let control: CallControl | undefined;
    const deadline = clock.after(PAGE_TIMEOUT_MS, () => {
      control?.cancel('deadline');
      reject(new GatewayError('upstream.timeout'));
    });
    const sink: CallSink = {
      notify: () => undefined,
      // A list may not ask anything (2026-07-28 patterns/mrtr §Supported Requests).
      ask: (question) => question.answer({ error: { code: -32601, message: 'A list request cannot ask the client.' } }),
      done: (outcome) => {
        deadline.clear();
        if (outcome.kind === 'result') resolve(outcome.result);
        else if (outcome.kind === 'failed') reject(outcome.error);
        else if (isMethodNotFound(outcome.error)) resolve(undefined);
        else reject(new GatewayError('upstream.invalid', { cause: outcome.error.toString() }));
      },
    };
    control = handle.call({ method, params, client, progress: false, logLevel: undefined }, sink);
  });
}

function isMethodNotFound(error: Buffer): boolean {
  const object = scanObject(error);
  return object !== undefined && memberValue(object, 'code') === -32601;
}

/** The gateway as a client, for its own reads: no questions, the handle's own revision. */
export function gatewayClient(revision: Revision): ClientFacts {
  return { revision, info: undefined, capabilities: {}, profile: NO_QUESTIONS };
}

/** True when the server reports changes of a list. */
export function reportsChanges(server: ServerFacts, kind: ListKind): boolean {
  const declared = server.capabilities[kind === 'resourceTemplates' ? 'resources' : kind];
  return isObject(declared) && declared['listChanged'] === true;
}

/** True when the server accepts subscriptions to resources. */
export function acceptsWatches(server: ServerFacts): boolean {
  const resources = server.capabilities['resources'];
  return isObject(resources) && resources['subscribe'] === true;
}
