import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';

/** A listening server. */
export interface Served {
  readonly url: string;
  close(): Promise<void>;
}

/** Serves a server of SDK v1 over Streamable HTTP: with sessions, or the stateless way with a new server for each request. */
export async function serveV1(create: () => McpServer, options: { readonly sessions: boolean }): Promise<Served> {
  const transports = new Map<string, StreamableHTTPServerTransport>();
  const open = async (): Promise<StreamableHTTPServerTransport> => {
    const transport = options.sessions
      ? new StreamableHTTPServerTransport({
          sessionIdGenerator: randomUUID,
          onsessioninitialized: (id) => void transports.set(id, transport),
        })
      : new StreamableHTTPServerTransport();
    // SDK v1 was not compiled with exactOptionalPropertyTypes.
    await create().connect(transport as Transport);
    return transport;
  };
  const server = createServer(async (request, response) => {
    const id = request.headers['mcp-session-id'];
    const transport = id === undefined ? await open() : transports.get(String(id));
    if (transport === undefined) response.writeHead(404).end('Session not found');
    else if (!options.sessions && request.method !== 'POST') response.writeHead(405).end();
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
