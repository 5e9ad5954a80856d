import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import * as z from 'zod';
import { takeEffect } from './effects.ts';

const call = z.string();

/** A server on SDK v1 whose tools have an effect that shows in a file: at once, after a while, after asking the user. */
export function createToolsV1(): McpServer {
  const mcp = new McpServer({ name: 'effects-v1', version: '1.0.0' });

  mcp.registerTool('note', { inputSchema: { call } }, ({ call: id }) => {
    takeEffect('note', id);
    return text(`noted ${id}`);
  });

  mcp.registerTool('slow', { inputSchema: { call, ms: z.number() } }, async ({ call: id, ms }) => {
    takeEffect('slow', id);
    await new Promise((resolve) => setTimeout(resolve, ms));
    return text(`slow ${id}`);
  });

  mcp.registerTool('ask', { inputSchema: { call } }, async ({ call: id }, extra) => {
    const answer = await mcp.server.elicitInput(
      {
        message: `What about ${id}?`,
        requestedSchema: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
      },
      { relatedRequestId: extra.requestId, timeout: 60_000 },
    );
    takeEffect('ask', id);
    return text(`asked ${id}: ${String(answer.content?.['name'] ?? answer.action)}`);
  });

  return mcp;
}

function text(value: string) {
  return { content: [{ type: 'text' as const, text: value }] };
}
