import type { Recipe } from '../recipe.ts';
import { initializeRecipe, modernRecipe } from '../recipe.ts';
import type { SiteRoute } from './site.ts';

/** What a person copies to connect one client. */
export interface Snippet {
  readonly id: string;
  readonly client: string;
  /** Where it goes. */
  readonly where: string;
  readonly text: string;
}

/** Snippets for a route, under a name that clients allow for a server. */
export function snippetsFor(route: SiteRoute, title: string): Snippet[] {
  const name = serverName(title);
  const { url, rest } = route;
  return [
    {
      id: 'claude-code',
      client: 'Claude Code',
      where: 'In a terminal',
      text: `claude mcp add --transport http ${name} ${shellWord(url)}`,
    },
    {
      id: 'claude',
      client: 'Claude',
      where: 'Settings → Connectors → Add custom connector, as the URL',
      text: url,
    },
    {
      id: 'vscode',
      client: 'VS Code',
      where: 'In .vscode/mcp.json',
      text: pretty({ servers: { [name]: { type: 'http', url } } }),
    },
    {
      id: 'cursor',
      client: 'Cursor',
      where: 'In ~/.cursor/mcp.json or .cursor/mcp.json',
      text: pretty({ mcpServers: { [name]: { url } } }),
    },
    {
      id: 'stdio',
      client: 'Clients that start programs',
      where: 'In the file that lists their servers',
      text: pretty({ mcpServers: { [name]: { command: 'npx', args: ['-y', 'mcp-remote', url] } } }),
    },
    {
      id: 'curl',
      client: 'curl',
      where: 'In a terminal; no session needed',
      text: curl(modernRecipe(url, 'tools/list')),
    },
    {
      id: 'curl-session',
      client: 'curl, with a session',
      where: 'In a terminal; the answer’s Mcp-Session-Id header goes with every later request',
      text: curl(initializeRecipe(url), '-i '),
    },
    ...(rest === undefined
      ? []
      : [
          {
            id: 'rest',
            client: 'Plain HTTP',
            where: 'In a terminal, without MCP',
            text: `curl -sS ${shellWord(`${rest.index}/tools`)}`,
          },
        ]),
  ];
}

/** A request as a command. */
function curl({ url, headers, body }: Recipe, flags = ''): string {
  const lines = Object.entries(headers).map(([name, value]) => `  -H ${shellWord(`${name}: ${value}`)}`);
  return [`curl -sS ${flags}${shellWord(url)}`, ...lines, `  -d ${shellWord(JSON.stringify(body))}`].join(' \\\n');
}

/** A word a shell takes as it is; quoted always, because `[::1]` is a pattern and a URL may hold anything. */
function shellWord(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A name all clients take: lower case, digits and hyphens. */
function serverName(title: string): string {
  const slug = title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 32)
    .replace(/^-+|-+$/g, '');
  return slug === '' ? 'breakwater' : slug;
}

function pretty(value: unknown): string {
  return JSON.stringify(value, null, 2);
}
