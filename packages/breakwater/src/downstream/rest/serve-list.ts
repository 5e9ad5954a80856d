import { editObject } from '../../jsonrpc/raw.ts';
import { LISTS, type ListKind } from '../../protocol/methods.ts';
import { writtenProblem } from './deliver.ts';
import type { DescriptionCache } from './description-cache.ts';
import { writeMembers } from './json-object.ts';
import { type ListItem, readPage } from './lists.ts';
import { type RestRequest, urlOf } from './request.ts';
import { sendBody, sendDescription } from './send.ts';

/** The last part of the URL of each list. */
export const LIST_PATHS = {
  tools: 'tools',
  prompts: 'prompts',
  resources: 'resources',
  resourceTemplates: 'resource-templates',
} as const satisfies Record<ListKind, string>;

/** Serves one page of a list; each item says where it is found, and the page where the next one is. */
export async function serveList(request: RestRequest, kind: ListKind, cache: DescriptionCache): Promise<void> {
  const cursor = request.query.get('cursor') ?? undefined;
  const page = await cache.describe(request, ['list', kind, cursor], () => makePage(request, kind, cursor));
  if (page !== undefined) sendDescription(request, 'application/json', page.body, {}, page.etag);
}

/** A page of a list; undefined when the request was refused. */
async function makePage(request: RestRequest, kind: ListKind, from: string | undefined): Promise<Buffer | undefined> {
  const read = await readPage(request, kind, from);
  if (!read.ok) {
    const { status, body, headers } = writtenProblem(request, read.problem);
    sendBody(request, status, body, headers);
    return undefined;
  }
  const { items, cursor, unavailable } = read.value;
  const written = items.map((entry) => writeItem(request, kind, entry));
  const next =
    cursor === undefined ? undefined : `${urlOf(request, LIST_PATHS[kind])}?${new URLSearchParams({ cursor })}`;
  return writeMembers([
    [LISTS[kind].member, joinArray(written)],
    ['next', next],
    ['nextCursor', cursor],
    ['unavailable', unavailable.length === 0 ? undefined : unavailable],
  ]);
}

/** An item with the URL it is found at; a template has none until it is filled in. */
export function writeItem(request: RestRequest, kind: ListKind, { name, item }: ListItem): Buffer {
  const url = itemUrl(request, kind, name);
  return editObject(item, url === undefined ? {} : { url: JSON.stringify(url) });
}

function itemUrl(request: RestRequest, kind: ListKind, name: string): string | undefined {
  // A URI in the query survives every proxy; in the path some decode its slashes.
  if (kind === 'resources') return `${urlOf(request, 'resources')}?${new URLSearchParams({ uri: name })}`;
  return kind === 'resourceTemplates' ? undefined : urlOf(request, LIST_PATHS[kind], name);
}

function joinArray(items: readonly Buffer[]): Buffer {
  const parts: Buffer[] = [Buffer.from('[')];
  for (const [index, item] of items.entries()) parts.push(Buffer.from(index === 0 ? '' : ','), item);
  parts.push(Buffer.from(']'));
  return Buffer.concat(parts);
}
