import { memberValue, type RawObject, scanArray, scanObject } from '../../jsonrpc/raw.ts';
import { LISTS, type ListKind } from '../../protocol/methods.ts';
import { ask } from './exchange.ts';
import type { Problem } from './problem.ts';
import { bytesOfMember } from './question.ts';
import type { RestRequest } from './request.ts';

/** One item of a list and the name it goes by. */
export interface ListItem {
  readonly name: string;
  readonly item: RawObject;
}

/** One page of a list. */
export interface ListPage {
  readonly items: readonly ListItem[];
  readonly cursor: string | undefined;
  /** Names of the servers whose part is missing. */
  readonly unavailable: readonly string[];
}

/** A page, or why there is none. */
export type ListRead<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: Problem };

/** Most pages read for one description; a page holds up to 1,000 items. */
const MOST_PAGES = 5;
const UNAVAILABLE = 'breakwater/unavailable';

/** Reads one page of a list as this caller may see it. */
export async function readPage(
  request: RestRequest,
  kind: ListKind,
  cursor: string | undefined,
): Promise<ListRead<ListPage>> {
  const { method, member, name: nameMember } = LISTS[kind];
  const answer = await ask(request, method, cursor === undefined ? {} : { cursor });
  if (answer.kind === 'problem') return { ok: false, problem: answer.problem };
  if (answer.kind === 'input') return { ok: true, value: { items: [], cursor: undefined, unavailable: [] } };
  const elements = scanArray(bytesOfMember(answer.result, member) ?? Buffer.from('[]')) ?? [];
  const items = elements.flatMap((element): ListItem[] => {
    const item = scanObject(element);
    const name = item === undefined ? undefined : memberValue(item, nameMember);
    return item === undefined || typeof name !== 'string' ? [] : [{ name, item }];
  });
  const next = memberValue(answer.result, 'nextCursor');
  return {
    ok: true,
    value: { items, cursor: typeof next === 'string' ? next : undefined, unavailable: unavailableIn(answer.result) },
  };
}

/** Reads a whole list, within bounds. */
export async function readList(request: RestRequest, kind: ListKind): Promise<ListRead<readonly ListItem[]>> {
  const items: ListItem[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MOST_PAGES; page++) {
    const read = await readPage(request, kind, cursor);
    if (!read.ok) return read;
    items.push(...read.value.items);
    cursor = read.value.cursor;
    if (cursor === undefined) break;
  }
  return { ok: true, value: items };
}

function unavailableIn(result: RawObject): string[] {
  const meta = memberValue(result, '_meta') as Readonly<Record<string, unknown>> | undefined;
  const names = meta?.[UNAVAILABLE];
  return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : [];
}
