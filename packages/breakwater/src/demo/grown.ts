import type { McpServer } from '@modelcontextprotocol/server';
import type { Grown } from './state.ts';

/** Registers one grown thing; on a connected server the SDK then sends the matching list_changed notification. */
export function registerGrown(server: McpServer, { kind, name }: Grown): void {
  const about = { title: `Grown ${kind}`, description: `A ${kind} that was added at run time. Says its own name.` };
  if (kind === 'tool') {
    const annotations = { readOnlyHint: true, idempotentHint: true, openWorldHint: false };
    server.registerTool(name, { ...about, annotations }, () => ({ content: [{ type: 'text', text: name }] }));
  } else if (kind === 'prompt') {
    server.registerPrompt(name, about, () => ({
      messages: [{ role: 'user', content: { type: 'text', text: name } }],
    }));
  } else {
    server.registerResource(name, `demo://grown/${name}`, { ...about, mimeType: 'text/plain' }, (uri) => ({
      contents: [{ uri: uri.href, mimeType: 'text/plain', text: name }],
    }));
  }
}
