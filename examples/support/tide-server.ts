import { McpServer } from '@modelcontextprotocol/server';
import * as z from 'zod';

/** A server as you would write it yourself: one tool, one resource. */
export function createTideServer(): McpServer {
  const server = new McpServer({ name: 'tides', version: '1.0.0' });
  server.registerTool(
    'tide',
    {
      description: 'Says how high the water stands at an hour of the day.',
      inputSchema: z.object({ hour: z.number().min(0).max(24) }),
      outputSchema: z.object({ metres: z.number() }),
    },
    ({ hour }) => {
      const metres = Math.round(20 * Math.sin((hour / 12.4) * 2 * Math.PI)) / 10;
      return { content: [{ type: 'text', text: `${metres} m` }], structuredContent: { metres } };
    },
  );
  server.registerResource('harbour', 'tides://harbour', { mimeType: 'text/plain' }, (uri) => ({
    contents: [{ uri: uri.href, mimeType: 'text/plain', text: 'Genoa' }],
  }));
  return server;
}
