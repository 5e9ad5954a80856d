import { editObject } from '../../jsonrpc/raw.ts';
import { LISTS, type ListKind } from '../../protocol/methods.ts';
import { writtenProblem } from './deliver.ts';
import { writeMembers } from './json-object.ts';
import { type ListItem, readPage } from './lists.ts';
import { type RestRequest, urlOf } from './request.ts';
import { sendBody, sendDescribed } from './send.ts';

/** The last part of the URL of each list. */
export const LIST_PATHS = {
  tools: 'tools',
  prompts: 'prompts',
  resources: 'resources',
  resourceTemplates: 'resource-templates',
} as const satisfies Record<ListKind, string>;

/** Serves one page of a list; each item says where it is found, and the page where the next one is. */
export async function serveList(request: RestRequest, kind: ListKind): Promise<void> {
  const read = await readPage(request, kind, request.query.get('cursor') ?? undefined);
  if (!read.ok) {
    const { status, body, headers } = writtenProblem(request, read.problem);
    return sendBody(request, status, body, headers);
  }
  const { items, cursor, unavailable } = read.value;
  const written = items.map((entry) => writeItem(request, kind, entry));
  const next =
    cursor === undefined ? undefined : `${urlOf(request, LIST_PATHS[kind])}?${new URLSearchParams({ cursor })}`;
  sendDescribed(
    request,
    writeMembers([
      [LISTS[kind].member, joinArray(written)],
      ['next', next],
      ['nextCursor', cursor],
      ['unavailable', unavailable.length === 0 ? undefined : unavailable],
    ]),
  );
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
