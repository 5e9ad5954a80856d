import type { CatalogueEntry } from './catalogue.ts';

/** What a person is shown of a tool. The texts are the server's: whoever prints them escapes them. */
export interface ToolBrief {
  readonly name: string;
  readonly title: string | undefined;
  readonly description: string | undefined;
}

/** Some tools of a route, and how many it has. */
export interface ToolBriefs {
  readonly tools: readonly ToolBrief[];
  readonly total: number;
}

/** The texts of a catalogue's tool. */
export function toolBrief({ publicName, item }: CatalogueEntry): ToolBrief {
  const { title, description } = JSON.parse(item.bytes.toString()) as Record<string, unknown>;
  return { name: publicName, title: textOf(title), description: textOf(description) };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
