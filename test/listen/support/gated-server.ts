/** A stdio server of two tools: `step` reports progress and then waits until a file exists, `quiet` says nothing for a while. */
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { McpServer } from '@modelcontextprotocol/server';
import { StdioServerTransport } from '@modelcontextprotocol/server/stdio';
import * as z from 'zod';

const LOOK_MS = 20;

const server = new McpServer({ name: 'gated', version: '1.0.0' });
server.registerTool('step', { inputSchema: z.object({ gate: z.string() }) }, async ({ gate }, { mcpReq }) => {
  const progressToken = mcpReq._meta?.progressToken;
  if (progressToken !== undefined) {
    await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress: 1 } });
  }
  while (!existsSync(gate) && !mcpReq.signal.aborted) await delay(LOOK_MS);
  return { content: [{ type: 'text', text: 'stepped' }] };
});
server.registerTool('quiet', { inputSchema: z.object({ ms: z.number() }) }, async ({ ms }) => {
  await delay(ms);
  return { content: [{ type: 'text', text: 'at last' }] };
});
await server.connect(new StdioServerTransport());
