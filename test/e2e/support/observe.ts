import { isDeepStrictEqual } from 'node:util';
import type { ClientKind, Members, TestClient } from './test-client.ts';

/** One request by name, of a tool or a prompt. */
export interface Named {
  readonly name: string;
  readonly arguments: Readonly<Record<string, string | number>>;
}

/** What is asked of one server. */
export interface Plan {
  readonly calls: readonly Named[];
  /** A resource, where the server has some. */
  readonly read?: string;
  readonly prompt?: Named;
  /** A tool that reports progress. */
  readonly slow?: Named;
}

/** The least of a plan that touches everything once, for clients that start a program for each request. */
export function shorten(plan: Plan): Plan {
  return { ...plan, calls: plan.calls.slice(0, 1) };
}

/** What a client got to see, without what belongs to one leg alone. */
export type Observation = Readonly<Record<string, unknown>>;

/** Members that each leg has of its own: 2026-07-28 puts them on results, 2025 does not know them. */
const LEG_MEMBERS: ReadonlySet<string> = new Set(['_meta', 'resultType', 'ttlMs', 'cacheScope']);

/** Makes every request of the plan, all at once, and says what came. */
export async function observe(client: TestClient, { calls, read, prompt }: Plan): Promise<Observation> {
  const asked: [what: string, answer: Promise<unknown>][] = [
    ['tools', client.ask('tools/list').then(({ tools }) => sortNames(tools, 'name'))],
    ...calls.map((call): [string, Promise<unknown>] => [
      `call ${call.name}`,
      client.ask('tools/call', { ...call }).then(withoutLeg),
    ]),
    ['unknown tool', describeRefusal(client)],
  ];
  if (read !== undefined) {
    asked.push(['resources', client.ask('resources/list').then(({ resources }) => sortNames(resources, 'uri'))]);
    asked.push(['read', client.ask('resources/read', { uri: read }).then(withoutLeg)]);
  }
  if (prompt !== undefined) {
    asked.push(['prompts', client.ask('prompts/list').then(({ prompts }) => sortNames(prompts, 'name'))]);
    asked.push(['prompt', client.ask('prompts/get', { ...prompt }).then(withoutLeg)]);
  }
  const answers = await Promise.all(asked.map(async ([what, answer]) => [what, await answer] as const));
  return Object.fromEntries(answers);
}

/** What a client of that revision is to see where a direct connection saw this: all of it in the forms that its revision knows. */
export function limitTo(revision: ClientKind['revision'], direct: Observation): Observation {
  const seen = Object.entries(direct).map(([what, answer]) => {
    if (what.startsWith('call ') && revision < '2025-06-18') return [what, writeAsText(answer as Members)];
    return [what, answer];
  });
  return Object.fromEntries(seen);
}

// Before 2025-06-18 structured content can only be text; servers that say it in both forms have said it already.
function writeAsText({ structuredContent, content, ...rest }: Members): Members {
  const blocks = content as readonly { readonly text?: string }[];
  const isSaid = structuredContent === undefined || blocks.some(({ text }) => isJsonOf(text, structuredContent));
  return { ...rest, content: isSaid ? blocks : [...blocks, { type: 'text', text: JSON.stringify(structuredContent) }] };
}

function isJsonOf(text: string | undefined, value: unknown): boolean {
  try {
    return isDeepStrictEqual(JSON.parse(text ?? ''), value);
  } catch {
    return false; // prose, not JSON
  }
}

function sortNames(items: unknown, member: 'name' | 'uri'): string[] {
  return (items as readonly Readonly<Record<string, string>>[]).map((item) => String(item[member])).sort();
}

function withoutLeg(result: Members): Members {
  return Object.fromEntries(Object.entries(result).filter(([name]) => !LEG_MEMBERS.has(name)));
}

// Servers and clients differ in how they say it: an error response, a result with isError, an exit code.
async function describeRefusal(client: TestClient): Promise<string> {
  try {
    const result = await client.ask('tools/call', { name: 'no-such-tool', arguments: {} });
    return result['isError'] === true ? 'refused' : `accepted: ${JSON.stringify(result)}`;
  } catch {
    return 'refused';
  }
}
