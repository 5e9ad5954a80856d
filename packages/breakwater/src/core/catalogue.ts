import { createHash } from 'node:crypto';
import { encodeJson } from '../jsonrpc/raw.ts';
import { bridgeItem, offerAsTask, renameItem } from '../protocol/bridge/items.ts';
import { META } from '../protocol/meta.ts';
import { LISTS, type ListKind } from '../protocol/methods.ts';
import type { ParamHeader } from '../protocol/modern/param-headers.ts';
import { eraOf, type Revision } from '../protocol/revision.ts';
import { GatewayError } from './errors.ts';
import type { Emit } from './events.ts';
import { ownName, publicName } from './names.ts';
import type { Clock, HandleNeed } from './ports.ts';
import type { Route, RouteMember } from './route.ts';
import type { ServerViews } from './server-view.ts';
import { declaresList, emptyList, type ListSnapshot, readList, type SnapshotItem } from './snapshot.ts';
import type { Subscriber } from './subscription.ts';

/** One item of a route's merged list. */
export interface CatalogueEntry {
  readonly publicName: string;
  readonly member: RouteMember;
  readonly item: SnapshotItem;
  readonly revision: Revision;
  /** A modern server may run the tool as a task, and the gateway translates it. */
  readonly crossTasks: boolean;
}

/** A route's merged list as one principal sees it. */
export interface MergedList {
  readonly entries: readonly CatalogueEntry[];
  readonly byName: ReadonlyMap<string, CatalogueEntry>;
  /** Names of upstreams whose list could not be had. */
  readonly missing: readonly string[];
  readonly pages: Map<Revision, readonly Buffer[]>;
  readonly sources: readonly (ListSnapshot | undefined)[];
  readonly digest: string;
}

/** Items of one page. Clients that ignore `nextCursor` are common, so a page is large. */
const PAGE_ITEMS = 1_000;
/** How long a call waits for a list that nobody has read yet, to check its headers. */
const LEARN_MS = 5_000;
const NO_HEADERS: readonly ParamHeader[] = [];

/** Merges the lists of a route's upstreams, names them, and renders them per revision; rendered bytes live until a list changes. */
export class Catalogue {
  readonly #route: Route;
  readonly #views: ServerViews;
  readonly #clock: Clock;
  readonly #emit: Emit;
  readonly #merged = new Map<string, MergedList>();
  readonly #reported = new Set<string>();

  constructor(options: { route: Route; views: ServerViews; clock: Clock; emit: Emit }) {
    this.#route = options.route;
    this.#views = options.views;
    this.#clock = options.clock;
    this.#emit = options.emit;
  }

  /** The result of a list request as bytes, in the subscriber's own revision. Rejects with `cursor.expired`, or `upstream.*` when no upstream has a list. */
  async page(kind: ListKind, subscriber: Subscriber, cursor: string | undefined, info: Buffer): Promise<Buffer> {
    const list = await this.list(kind, subscriber);
    const { revision } = subscriber.client;
    let pages = list.pages.get(revision);
    if (pages === undefined) {
      pages = this.#render(kind, list, revision, info);
      list.pages.set(revision, pages);
    }
    const page = cursor === undefined ? pages[0] : pages[readCursor(cursor, list.digest)];
    if (page === undefined) throw new GatewayError('cursor.expired');
    return page;
  }

  /**
   * The first page as {@link page} would bring it, without a promise, where it lies there and its server's list is believed: that is nearly every list that
   * is asked for. Undefined where it has to be made.
   */
  ready(kind: ListKind, subscriber: Subscriber): Buffer | undefined {
    const [only] = this.#route.members;
    if (only === undefined || this.#route.members.length > 1 || !only.cached) return undefined;
    const source = this.#views.get(only.upstream, subscriber.principal, only).believed(kind);
    const merged = this.peek(kind, subscriber);
    if (source === undefined || merged?.sources[0] !== source) return undefined;
    return merged.pages.get(subscriber.client.revision)?.[0];
  }

  /** The merged list. One bad upstream never spoils it: it is left out and named in `missing`. */
  async list(kind: ListKind, subscriber: Subscriber): Promise<MergedList> {
    const { members } = this.#route;
    const sources = await this.#sources(kind, subscriber);
    const key = `${kind}\n${subscriber.principal.key}`;
    const known = this.#merged.get(key);
    if (known?.sources.every((source, index) => source === sources[index])) return known;
    const merged = this.#merge(kind, sources);
    // Lists read for one caller only are not kept.
    if (members.every((member) => member.cached)) {
      if (this.#merged.size >= MAX_MERGED) this.#merged.clear();
      this.#merged.set(key, merged);
    }
    return merged;
  }

  /** What each member offers; undefined for one that cannot be asked. Rejects when none can. */
  async #sources(kind: ListKind, subscriber: Subscriber): Promise<readonly (ListSnapshot | undefined)[]> {
    const [only, ...others] = this.#route.members;
    // Nearly every route has one, and lists are most of what a gateway is asked.
    if (only !== undefined && others.length === 0) return [await this.#source(kind, only, subscriber)];
    const settled = await Promise.allSettled(
      this.#route.members.map((member) => this.#source(kind, member, subscriber)),
    );
    const sources = settled.map((result) => (result.status === 'fulfilled' ? result.value : undefined));
    const failure = settled.find((result) => result.status === 'rejected');
    if (failure !== undefined && sources.every((source) => source === undefined)) throw failure.reason;
    return sources;
  }

  /** The merged list as last seen, without asking anybody; undefined when it was never read or is read for each caller. */
  peek(kind: ListKind, subscriber: Subscriber): MergedList | undefined {
    return this.#merged.get(`${kind}\n${subscriber.principal.key}`);
  }

  /**
   * What a tool mirrors into `Mcp-Param-*`, from the lists as last seen. A list that was never read is waited for a short time, where the
   * server is of the era that has such headers; a list that is read for each caller is not read for this.
   */
  paramHeaders(subscriber: Subscriber, tool: string): readonly ParamHeader[] | Promise<readonly ParamHeader[]> {
    const merged = this.peek('tools', subscriber);
    if (merged !== undefined) return merged.byName.get(tool)?.item.paramHeaders ?? NO_HEADERS;
    return this.#knownParamHeaders(subscriber, tool) ?? this.#learnParamHeaders(subscriber, tool);
  }

  // Who only calls never merges the lists: without this each of its calls waited for what was there already.
  #knownParamHeaders({ principal }: Subscriber, tool: string): readonly ParamHeader[] | undefined {
    const [only, ...others] = this.#route.members;
    if (only === undefined || others.length > 0) return undefined;
    const own = ownName(only.prefix, tool);
    if (own === undefined || !only.cached || only.disabledTools.has(own)) return NO_HEADERS;
    const view = this.#views.get(only.upstream, principal, only);
    if (view.known !== undefined && eraOf(view.known.revision) === 'legacy') return NO_HEADERS;
    const seen = view.peek('tools');
    return seen && (seen.items.find(({ name }) => name === own)?.paramHeaders ?? NO_HEADERS);
  }

  async #learnParamHeaders({ principal }: Subscriber, tool: string): Promise<readonly ParamHeader[]> {
    for (const member of this.#route.members) {
      const own = ownName(member.prefix, tool);
      if (own === undefined) continue;
      // It may have the tool, and the first one that has it is called.
      if (!member.cached) return NO_HEADERS;
      const view = this.#views.get(member.upstream, principal, member);
      if (view.known !== undefined && eraOf(view.known.revision) === 'legacy') continue;
      const item = (await view.glance('tools', LEARN_MS))?.items.find(({ name }) => name === own);
      if (item !== undefined && !member.disabledTools.has(own)) return item.paramHeaders;
    }
    return NO_HEADERS;
  }

  async #source(kind: ListKind, member: RouteMember, subscriber: Subscriber): Promise<ListSnapshot> {
    if (member.cached) return await this.#views.get(member.upstream, subscriber.principal, member).list(kind);
    const lease = await member.upstream.acquire(handleNeed(member, subscriber, this.#clock.now()));
    try {
      const { handle } = lease;
      if (!declaresList(handle.server, kind)) return emptyList(handle.revision);
      return await readList(handle, kind, this.#clock);
    } finally {
      lease.release();
    }
  }

  #merge(kind: ListKind, sources: readonly (ListSnapshot | undefined)[]): MergedList {
    const entries: CatalogueEntry[] = [];
    const byName = new Map<string, CatalogueEntry>();
    const missing: string[] = [];
    const hash = createHash('sha256');
    for (const [index, member] of this.#route.members.entries()) {
      const source = sources[index];
      if (source === undefined) {
        missing.push(member.upstream.name);
        continue;
      }
      for (const item of source.items) {
        if (kind === 'tools' && member.disabledTools.has(item.name)) continue;
        const named = kind === 'tools' || kind === 'prompts' ? publicName(member.prefix, item.name) : item.name;
        const earlier = byName.get(named);
        if (earlier !== undefined) {
          this.#reportCollision(kind, named, earlier.member, member);
          continue;
        }
        const crossTasks = member.crossTasks && source.servesTasks && eraOf(source.revision) === 'modern';
        const entry = { publicName: named, member, item, revision: source.revision, crossTasks };
        entries.push(entry);
        byName.set(named, entry);
        hash.update(item.bytes);
      }
    }
    return { entries, byName, missing, pages: new Map(), sources, digest: hash.digest('base64url').slice(0, 11) };
  }

  #reportCollision(kind: ListKind, name: string, first: RouteMember, second: RouteMember): void {
    const key = `${kind}\n${name}\n${second.upstream.name}`;
    if (this.#reported.has(key)) return;
    this.#reported.add(key);
    this.#emit({
      type: 'notice',
      level: 'warn',
      message: 'Two upstreams offer the same name on one route; the first one is served. Give one of them a prefix.',
      detail: { route: this.#route.path, kind, name, served: first.upstream.name, hidden: second.upstream.name },
    });
  }

  #render(kind: ListKind, list: MergedList, revision: Revision, info: Buffer): readonly Buffer[] {
    const items: Buffer[] = [];
    for (const { publicName: named, item, revision: from, crossTasks } of list.entries) {
      const carried = bridgeItem(kind, item.bytes, from, revision);
      const isOffered = carried !== undefined && crossTasks && kind === 'tools' && revision === '2025-11-25';
      const bridged = isOffered ? offerAsTask(carried) : carried;
      if (bridged !== undefined) items.push(named === item.name ? bridged : renameItem(kind, bridged, named));
    }
    const count = Math.max(1, Math.ceil(items.length / PAGE_ITEMS));
    return Array.from({ length: count }, (_, page) => {
      const next = page + 1 < count ? writeCursor(page + 1, list.digest) : undefined;
      const slice = items.slice(page * PAGE_ITEMS, (page + 1) * PAGE_ITEMS);
      return joinObject([...this.#pageMembers(kind, list, slice, next), ...this.#pageEnvelope(list, revision, info)]);
    });
  }

  #pageMembers(
    kind: ListKind,
    list: MergedList,
    items: readonly Buffer[],
    next: string | undefined,
  ): [string, Buffer | string][] {
    const members: [string, Buffer | string][] = [[LISTS[kind].member, joinArray(items)]];
    const extra = this.#route.members.length === 1 ? list.sources[0]?.extra : undefined;
    members.push(...Object.entries(extra ?? {}));
    if (next !== undefined) members.push(['nextCursor', JSON.stringify(next)]);
    return members;
  }

  #pageEnvelope(list: MergedList, revision: Revision, info: Buffer): [string, Buffer | string][] {
    const unavailable = list.missing.length === 0 ? undefined : encodeJson(list.missing);
    if (eraOf(revision) === 'legacy')
      return unavailable === undefined ? [] : [['_meta', joinObject([[UNAVAILABLE, unavailable]])]];
    const sources = list.sources.filter((source) => source !== undefined);
    const fromModern = sources.every((source) => eraOf(source.revision) === 'modern');
    const ttlMs = fromModern ? Math.min(...sources.map((source) => source.ttlMs ?? 0)) : 0;
    const isPublic = fromModern && sources.every((source) => source.cacheScope === 'public');
    const meta: [string, Buffer][] = [[META.serverInfo, info]];
    if (unavailable !== undefined) meta.push([UNAVAILABLE, unavailable]);
    return [
      ['resultType', '"complete"'],
      ['ttlMs', String(ttlMs)],
      ['cacheScope', isPublic ? '"public"' : '"private"'],
      ['_meta', joinObject(meta)],
    ];
  }
}

/** `_meta` key that names the upstreams whose part of a merged list is missing. */
const UNAVAILABLE = 'breakwater/unavailable';
const MAX_MERGED = 4_096;

/** What this subscriber needs a handle of this member for. */
export function handleNeed(member: RouteMember, subscriber: Subscriber, now: number): HandleNeed {
  return {
    principal: subscriber.principal,
    sessionId: subscriber.sessionId,
    profile: subscriber.client.profile,
    clientInfo: subscriber.client.info,
    deadline: now + member.acquireTimeoutMs,
  };
}

function joinArray(items: readonly Buffer[]): Buffer {
  const parts: Buffer[] = [Buffer.from('[')];
  for (const [index, item] of items.entries()) {
    if (index > 0) parts.push(Buffer.from(','));
    parts.push(item);
  }
  parts.push(Buffer.from(']'));
  return Buffer.concat(parts);
}

function joinObject(members: readonly (readonly [string, Buffer | string])[]): Buffer {
  const parts: Buffer[] = [];
  for (const [key, value] of members) {
    parts.push(
      Buffer.from(`${parts.length === 0 ? '{' : ','}${JSON.stringify(key)}:`),
      typeof value === 'string' ? Buffer.from(value) : value,
    );
  }
  parts.push(Buffer.from('}'));
  return Buffer.concat(parts);
}

// The digest ties a cursor to the list it was cut from; it is a key of the list's content, so any node can read it.
function writeCursor(page: number, digest: string): string {
  return `${page}.${digest}`;
}

function readCursor(cursor: string, digest: string): number {
  const [page, of] = cursor.split('.');
  if (of === undefined || page === undefined || !/^\d{1,6}$/.test(page))
    throw new GatewayError('params.invalid', { message: 'Invalid cursor.' });
  if (of !== digest) throw new GatewayError('cursor.expired');
  return Number(page);
}
