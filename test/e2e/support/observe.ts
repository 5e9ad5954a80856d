import type { Members, TestClient } from './test-client.ts';

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

/** What a client got to see, without what belongs to one leg alone. */
export type Observation = Readonly<Record<string, unknown>>;

/** Members that each leg has of its own: 2026-07-28 puts them on results, 2025 does not know them. */
const LEG_MEMBERS: ReadonlySet<string> = new Set(['_meta', 'resultType', 'ttlMs', 'cacheScope']);

/** Makes every request of the plan, and says what came. */
export async function observe(client: TestClient, { calls, read, prompt }: Plan): Promise<Observation> {
  const seen: Record<string, unknown> = {};
  seen['tools'] = sortNames((await client.ask('tools/list'))['tools'], 'name');
  for (const call of calls) seen[`call ${call.name}`] = withoutLeg(await client.ask('tools/call', { ...call }));
  if (read !== undefined) {
    seen['resources'] = sortNames((await client.ask('resources/list'))['resources'], 'uri');
    seen['read'] = withoutLeg(await client.ask('resources/read', { uri: read }));
  }
  if (prompt !== undefined) {
    seen['prompts'] = sortNames((await client.ask('prompts/list'))['prompts'], 'name');
    seen['prompt'] = withoutLeg(await client.ask('prompts/get', { ...prompt }));
  }
  seen['unknown tool'] = await describeRefusal(client);
  return seen;
}

/** Names of tools that can only be called as a task: 2026-07-28 has no such thing, so its clients are not shown them. */
export async function findTaskTools(client: TestClient): Promise<string[]> {
  const { tools } = await client.ask('tools/list');
  const items = tools as readonly { readonly name: string; readonly execution?: { readonly taskSupport?: string } }[];
  return items.filter(({ execution }) => execution?.taskSupport === 'required').map(({ name }) => name);
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
