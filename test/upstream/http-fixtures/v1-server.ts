import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import * as z from 'zod';

/** A running server of SDK v1. */
export interface V1Server {
  readonly url: string;
  close(): Promise<void>;
}

/** Serves 2025 Streamable HTTP with sessions on SDK v1: the tools `echo`, and `ask`, which asks the user for a name. */
export async function serveV1(): Promise<V1Server> {
  const transports = new Map<string, StreamableHTTPServerTransport>();

  async function open(): Promise<StreamableHTTPServerTransport> {
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void transports.set(id, transport),
    });
    // SDK v1 was not compiled with exactOptionalPropertyTypes.
    await createMcp().connect(transport as Transport);
    return transport;
  }

  const server = createServer(async (request, response) => {
    const id = request.headers['mcp-session-id'];
    const transport = id === undefined ? await open() : transports.get(String(id));
    if (transport === undefined) response.writeHead(404).end('Session not found');
    else await transport.handleRequest(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      await Promise.all([...transports.values()].map((transport) => transport.close()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function createMcp(): McpServer {
  const mcp = new McpServer({ name: 'v1', version: '1.0.0' });
  mcp.registerTool('echo', { inputSchema: { text: z.string() } }, async ({ text }) => ({
    content: [{ type: 'text', text }],
  }));
  mcp.registerTool('ask', {}, async ({ requestId }) => {
    const result = await mcp.server.elicitInput(
      { message: 'Name?', requestedSchema: { type: 'object', properties: { name: { type: 'string' } } } },
      { relatedRequestId: requestId },
    );
    return { content: [{ type: 'text', text: `Hello ${String(result.content?.['name'])}` }] };
  });
  return mcp;
}
