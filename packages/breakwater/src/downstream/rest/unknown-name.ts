import { memberValue } from '../../jsonrpc/raw.ts';
import type { ListKind } from '../../protocol/methods.ts';
import { exampleOf } from './example.ts';
import { type ListItem, readList } from './lists.ts';
import { nearestNames } from './nearest.ts';
import type { Problem } from './problem.ts';
import { type RestRequest, urlOf } from './request.ts';
import { LIST_PATHS } from './serve-list.ts';

/** Most names told to who asked for one that is not there. */
const MOST_KNOWN = 50;

/** Nobody here has this name: which ones there are. */
export function unknownName(request: RestRequest, kind: ListKind, name: string, items: readonly ListItem[]): Problem {
  const names = items.map((item) => item.name);
  const near = nearestNames(name, names);
  return {
    code: 'name.unknown',
    status: 404,
    extra: {
      ...(near.length === 0 ? {} : { didYouMean: near }),
      known: names.slice(0, MOST_KNOWN),
      list: urlOf(request, LIST_PATHS[kind]),
    },
  };
}

/** Says more of a problem with a named thing: that there is none of that name, or which arguments it takes. */
export async function explainProblem(
  request: RestRequest,
  kind: 'tools' | 'prompts',
  name: string,
  problem: Problem,
): Promise<Problem> {
  if (problem.code !== 'params.invalid') return problem;
  const list = await readList(request, kind);
  if (!list.ok) return problem;
  const found = list.value.find((item) => item.name === name);
  if (found === undefined) return unknownName(request, kind, name, list.value);
  const member = kind === 'tools' ? 'inputSchema' : 'arguments';
  const schema = memberValue(found.item, member);
  const example = kind === 'tools' ? { example: exampleOf(schema) } : {};
  return { ...problem, extra: { ...problem.extra, [member]: schema, ...example } };
}
