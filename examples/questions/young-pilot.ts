// A server that speaks 2026-07-28 and nothing else, on SDK v2 over HTTP: it asks with its results and remembers nothing in between.

import { createServer } from 'node:http';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { acceptedContent, createMcpHandler, inputRequired, McpServer } from '@modelcontextprotocol/server';
import * as z from 'zod';
import { listen } from '../support/start.ts';

const draught = z.object({ metres: z.number().describe('How deep she lies in the water') });

/** Starts it; returns its URL and the way to end it. */
export async function startYoungPilot(): Promise<{ readonly url: string; close(): void }> {
  const mcp = createMcpHandler(createPilot, { legacy: 'reject' });
  const handle = toNodeHandler(mcp);
  const server = createServer((request, response) => void handle(request as Parameters<typeof handle>[0], response));
  const base = await listen(server);
  return {
    url: `${base}/mcp`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function createPilot(): McpServer {
  const server = new McpServer({ name: 'young-pilot', version: '1.0.0' });
  server.registerTool('enter', { description: 'Guides your ship in, if the water is deep enough.' }, ({ mcpReq }) => {
    const answer = acceptedContent(mcpReq.inputResponses, 'draught', draught);
    if (answer === undefined) {
      const question = inputRequired.elicit({ message: 'How deep is she?', requestedSchema: draught });
      return inputRequired({ inputRequests: { draught: question } });
    }
    const isDeepEnough = answer.metres < 8;
    return { content: [{ type: 'text', text: isDeepEnough ? 'Come on in.' : 'Wait for the tide.' }] };
  });
  return server;
}
