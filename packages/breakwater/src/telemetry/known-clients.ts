/** Clients that statistics name. What a caller calls itself is never a label: a name that is not here is `other`. */
const KNOWN: ReadonlySet<string> = new Set([
  'ae',
  'chatgpt',
  'claude-ai',
  'claude-code',
  'cline',
  'codex-mcp-client',
  'continue-client',
  'cursor-vscode',
  'docker-mcp-gateway',
  'fast-agent-mcp',
  'gemini-cli-mcp-client',
  'goose',
  'lm-studio',
  'manus',
  'mcp',
  'mcp-inspector',
  'n8n',
  'openai-mcp',
  'roo-code',
  'visual-studio-code',
  'windsurf-client',
  'zed',
]);

/** The label of a client by its `clientInfo`: a known name, `other`, or `none` where it did not say. */
export function clientLabel(info: Buffer | undefined): string {
  if (info === undefined) return 'none';
  let name: unknown;
  try {
    name = (JSON.parse(info.toString()) as { readonly name?: unknown } | null)?.name;
  } catch {
    return 'other'; // checked where it was read; a fold must not fail
  }
  if (typeof name !== 'string') return 'none';
  // mcp-remote adds itself to the name of the client before it.
  const slug = name
    .replace(/ \(via mcp-remote [^)]*\)$/, '')
    .toLowerCase()
    .replace(/\s+/g, '-');
  return KNOWN.has(slug) ? slug : 'other';
}
