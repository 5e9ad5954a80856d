import type { IncomingMessage, ServerResponse } from 'node:http';
import type { McpServer } from '@modelcontextprotocol/server';
import { SSEServerTransport } from '@modelcontextprotocol/server-legacy/sse';
import type { HttpHandler } from './http-handler.ts';

const MESSAGES_PATH = '/messages';

/** Creates the handler of the 2024 transport: GET opens the event stream, and its first event tells where to POST. */
export function createSseHandler(factory: () => McpServer): HttpHandler {
  const sessions = new Map<string, { transport: SSEServerTransport; server: McpServer }>();

  async function open(response: ServerResponse): Promise<void> {
    const transport = new SSEServerTransport(MESSAGES_PATH, response);
    const server = factory();
    sessions.set(transport.sessionId, { transport, server });
    transport.onclose = () => void sessions.delete(transport.sessionId);
    await server.connect(transport);
  }

  return {
    async handle(request: IncomingMessage, response: ServerResponse) {
      const url = new URL(request.url ?? '/', 'http://localhost');
      if (request.method === 'GET' && url.pathname !== MESSAGES_PATH) return open(response);
      if (request.method !== 'POST' || url.pathname !== MESSAGES_PATH) {
        // A client that tries Streamable HTTP first takes this as the sign to fall back to HTTP+SSE.
        response.writeHead(405, { allow: 'GET' }).end();
        return;
      }
      const session = sessions.get(url.searchParams.get('sessionId') ?? '');
      if (session) await session.transport.handlePostMessage(request, response);
      else response.writeHead(404).end('Session not found');
    },
    async close() {
      await Promise.all([...sessions.values()].map(({ server }) => server.close()));
    },
  };
}
