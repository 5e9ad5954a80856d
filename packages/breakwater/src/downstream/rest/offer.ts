import { memberValue, type RawObject } from '../../jsonrpc/raw.ts';
import { isObject } from '../../protocol/capabilities.ts';
import type { ListKind } from '../../protocol/methods.ts';
import { type ListRead, readList } from './lists.ts';
import type { RestRequest } from './request.ts';

/** A named thing as descriptions need it. All texts are the server's own. */
export interface Offered {
  readonly name: string;
  readonly title: string | undefined;
  readonly description: string | undefined;
}

/** A tool as descriptions need it; schemas are whatever the server wrote. */
export interface OfferedTool extends Offered {
  readonly inputSchema: unknown;
  readonly outputSchema: unknown;
  readonly readOnly: boolean;
}

/** A prompt as descriptions need it. */
export interface OfferedPrompt extends Offered {
  readonly arguments: readonly {
    readonly name: string;
    readonly description: string | undefined;
    readonly required: boolean;
  }[];
}

/** Everything a caller may use on a route. */
export interface Offer {
  readonly tools: readonly OfferedTool[];
  readonly prompts: readonly OfferedPrompt[];
  readonly resources: readonly Offered[];
  readonly templates: readonly Offered[];
}

/** Reads all lists; a list that cannot be had fails the whole: half a description would be believed. */
export async function readOffer(request: RestRequest): Promise<ListRead<Offer>> {
  const [tools, prompts, resources, templates] = await Promise.all(
    (['tools', 'prompts', 'resources', 'resourceTemplates'] satisfies ListKind[]).map((kind) =>
      readList(request, kind),
    ),
  );
  for (const list of [tools, prompts, resources, templates]) if (list !== undefined && !list.ok) return list;
  const itemsOf = (list: typeof tools) => (list?.ok === true ? list.value : []);
  return {
    ok: true,
    value: {
      tools: itemsOf(tools).map(({ name, item }) => toolOf(name, item)),
      prompts: itemsOf(prompts).map(({ name, item }) => ({ ...offered(name, item), arguments: argumentsOf(item) })),
      resources: itemsOf(resources).map(({ name, item }) => offered(name, item)),
      templates: itemsOf(templates).map(({ name, item }) => offered(name, item)),
    },
  };
}

function offered(name: string, item: RawObject): Offered {
  return { name, title: textOf(memberValue(item, 'title')), description: textOf(memberValue(item, 'description')) };
}

function toolOf(name: string, item: RawObject): OfferedTool {
  const annotations = memberValue(item, 'annotations');
  return {
    ...offered(name, item),
    inputSchema: memberValue(item, 'inputSchema'),
    outputSchema: memberValue(item, 'outputSchema'),
    readOnly: isObject(annotations) && annotations['readOnlyHint'] === true,
  };
}

function argumentsOf(item: RawObject): OfferedPrompt['arguments'] {
  const declared = memberValue(item, 'arguments');
  return (Array.isArray(declared) ? declared : []).filter(isObject).flatMap((argument) => {
    const { name, description, required } = argument;
    return typeof name === 'string' ? [{ name, description: textOf(description), required: required === true }] : [];
  });
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
