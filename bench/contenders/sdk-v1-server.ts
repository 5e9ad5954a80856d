/** A server as one writes it with the official SDK v1: no gateway, sessions over Streamable HTTP. `node bench/contenders/sdk-v1-server.ts`. */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  CallToolRequestSchema,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListToolsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { announce } from '../announce.ts';
import { LIST_RESULTS, SERVER_INFO } from '../upstream-bodies.ts';

const transports = new Map<string, StreamableHTTPServerTransport>();

async function openSession(): Promise<StreamableHTTPServerTransport> {
  const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (id) => void transports.set(id, transport),
    onsessionclosed: (id) => void transports.delete(id),
  });
  const server = new Server(SERVER_INFO, { capabilities: { tools: {}, prompts: {}, resources: {} } });
  server.setRequestHandler(ListToolsRequestSchema, () => list('tools/list'));
  server.setRequestHandler(ListPromptsRequestSchema, () => list('prompts/list'));
  server.setRequestHandler(ListResourcesRequestSchema, () => list('resources/list'));
  server.setRequestHandler(CallToolRequestSchema, ({ params }) => ({
    content: [{ type: 'text', text: String(params.arguments?.['text']) }],
  }));
  // SDK v1 was not compiled with exactOptionalPropertyTypes.
  await server.connect(transport as Transport);
  return transport;
}

// The SDK checks at run time what the compiler cannot know of prepared bodies.
function list(method: string): never {
  return LIST_RESULTS[method] as never;
}

const server = createServer({ keepAliveTimeout: 120_000 }, async (request, response) => {
  const id = request.headers['mcp-session-id'];
  const transport = id === undefined ? await openSession() : transports.get(String(id));
  if (transport === undefined) response.writeHead(404).end();
  else await transport.handleRequest(request, response);
});
server.listen(0, '127.0.0.1', 1024, () => {
  announce(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`);
});
