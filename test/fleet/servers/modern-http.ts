import {
  type CallToolResult,
  InMemoryServerEventBus,
  inputRequired,
  inputResponse,
  McpServer,
} from '@modelcontextprotocol/server';
import * as z from 'zod';
import { runHttp } from '../../../apps/demo-server/run-http.ts';
import { takeEffect } from './effects.ts';

const call = z.string();

await runHttp(createServer, new InMemoryServerEventBus(), 'modern');

/** The tools of tools-v1.ts, of a server of 2026-07-28. */
function createServer(): McpServer {
  const server = new McpServer({ name: 'effects-v2', version: '1.0.0' });

  server.registerTool('note', { inputSchema: z.object({ call }) }, ({ call: id }) => {
    takeEffect('note', id);
    return text(`noted ${id}`);
  });

  server.registerTool('slow', { inputSchema: z.object({ call, ms: z.number() }) }, async ({ call: id, ms }) => {
    takeEffect('slow', id);
    await new Promise((resolve) => setTimeout(resolve, ms));
    return text(`slow ${id}`);
  });

  server.registerTool('ask', { inputSchema: z.object({ call }) }, ({ call: id }, ctx) => {
    const response = inputResponse(ctx.mcpReq.inputResponses, 'name');
    if (response.kind !== 'elicit') {
      const name = inputRequired.elicit({
        message: `What about ${id}?`,
        requestedSchema: z.object({ name: z.string() }),
      });
      return inputRequired({ inputRequests: { name } });
    }
    takeEffect('ask', id);
    return text(`asked ${id}: ${String(response.action === 'accept' ? response.content?.['name'] : response.action)}`);
  });

  return server;
}

function text(value: string): CallToolResult {
  return { content: [{ type: 'text', text: value }] };
}
