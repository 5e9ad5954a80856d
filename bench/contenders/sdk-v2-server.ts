/** A server as one writes it with the official SDK v2: no gateway, both eras, legacy clients without sessions. `node bench/contenders/sdk-v2-server.ts`. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type NodeIncomingMessageLike, toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, Server } from '@modelcontextprotocol/server';
import { announce } from '../announce.ts';
import { LIST_RESULTS, SERVER_INFO } from '../upstream-bodies.ts';

const handler = createMcpHandler(() => {
  const server = new Server(SERVER_INFO, { capabilities: { tools: {}, prompts: {}, resources: {} } });
  server.setRequestHandler('tools/list', () => list('tools/list'));
  server.setRequestHandler('prompts/list', () => list('prompts/list'));
  server.setRequestHandler('resources/list', () => list('resources/list'));
  server.setRequestHandler('tools/call', ({ params }) => ({
    content: [{ type: 'text', text: String(params.arguments?.['text']) }],
  }));
  return server;
});
const handle = toNodeHandler({ fetch: (request) => handler.fetch(request) });

// The SDK checks at run time what the compiler cannot know of prepared bodies.
function list(method: string): never {
  return LIST_RESULTS[method] as never;
}

const server = createServer({ keepAliveTimeout: 120_000 }, (request, response) => {
  void handle(request as NodeIncomingMessageLike, response);
});
server.listen(0, '127.0.0.1', 1024, () => {
  announce(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`);
});
