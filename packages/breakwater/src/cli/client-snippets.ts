/** Client configuration, ready to paste. */
export interface ClientSnippet {
  /** The client's name. */
  readonly client: string;
  /** The file the text goes into; absent when it is a command for the shell. */
  readonly file?: string;
  readonly text: string;
}

/** What each known client needs in order to connect to one endpoint under a name. */
export function clientSnippets(name: string, url: string): ClientSnippet[] {
  const remote = ['-y', 'mcp-remote', url, ...(needsAllowHttp(url) ? ['--allow-http'] : [])];
  return [
    { client: 'Claude Code', text: `claude mcp add --transport http ${name} ${quote(url)}` },
    { client: 'VS Code', file: '.vscode/mcp.json', text: json({ servers: { [name]: { type: 'http', url } } }) },
    { client: 'Cursor', file: '~/.cursor/mcp.json', text: json({ mcpServers: { [name]: { url } } }) },
    {
      client: 'Claude Desktop, or any client that only starts programs',
      file: 'claude_desktop_config.json',
      text: json({ mcpServers: { [name]: { command: 'npx', args: remote } } }),
    },
  ];
}

/** mcp-remote refuses plain http to anything but this machine unless it is told to. */
function needsAllowHttp(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && hostname !== 'localhost' && hostname !== '127.0.0.1';
}

/** A word for a POSIX shell. */
function quote(word: string): string {
  return /^[A-Za-z0-9_./:@%+=,~-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** JSON on one line with the spaces people put. */
function json(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(json).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{ ${Object.entries(value)
    .map(([key, field]) => `${JSON.stringify(key)}: ${json(field)}`)
    .join(', ')} }`;
}
