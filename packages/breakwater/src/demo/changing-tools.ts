import type { McpServer } from '@modelcontextprotocol/server';
import * as z from 'zod';
import { COUNTER_URI } from './resources.ts';
import type { DemoState } from './state.ts';

const CHANGING = { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false };

/** Registers the tools that change what the server offers: `bump` the counter, and `grow` the lists. */
export function registerChangingTools(server: McpServer, state: DemoState): void {
  server.registerTool(
    'bump',
    {
      title: 'Bump the counter',
      description: `Adds to the counter at ${COUNTER_URI}; whoever subscribed to it is notified.`,
      inputSchema: z.object({ by: z.int().min(-1000).max(1000).default(1) }),
      outputSchema: z.object({ counter: z.int() }),
      annotations: CHANGING,
    },
    ({ by }) => {
      const counter = state.bump(by);
      return { content: [{ type: 'text', text: String(counter) }], structuredContent: { counter } };
    },
  );

  server.registerTool(
    'grow',
    {
      title: 'Grow something new',
      description:
        'Adds a new tool, prompt or resource while the server runs; clients are notified that the list changed.',
      inputSchema: z.object({ kind: z.enum(['tool', 'prompt', 'resource']).default('tool') }),
      outputSchema: z.object({ name: z.string() }),
      annotations: CHANGING,
    },
    ({ kind }) => {
      const { name } = state.grow(kind);
      return { content: [{ type: 'text', text: `grown: ${name}` }], structuredContent: { name } };
    },
  );
}
