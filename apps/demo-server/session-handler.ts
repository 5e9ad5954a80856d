import { randomUUID } from 'node:crypto';
import { type McpServer, WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server';
import { createEventStore } from './event-store.ts';

/** How soon a client whose stream was closed comes back. */
const RETRY_MS = 500;
const SESSION_HEADER = 'mcp-session-id';

/** Serves legacy clients with one server instance per session; `close` ends all sessions. */
export interface SessionHandler {
  fetch(request: Request): Promise<Response>;
  close(): Promise<void>;
}

/** Creates the handler of 2025 Streamable HTTP with `Mcp-Session-Id`, GET streams and DELETE. */
export function createSessionHandler(factory: () => McpServer): SessionHandler {
  const sessions = new Map<string, { transport: WebStandardStreamableHTTPServerTransport; server: McpServer }>();

  async function open(): Promise<WebStandardStreamableHTTPServerTransport> {
    const server = factory();
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      eventStore: createEventStore(),
      retryInterval: RETRY_MS,
      onsessioninitialized: (id) => void sessions.set(id, { transport, server }),
    });
    transport.onclose = () => void sessions.delete(transport.sessionId ?? '');
    await server.connect(transport);
    return transport;
  }

  return {
    async fetch(request) {
      const id = request.headers.get(SESSION_HEADER);
      if (id !== null) {
        const session = sessions.get(id);
        return session ? session.transport.handleRequest(request) : refuse(404, -32001, 'Session not found');
      }
      if (request.method !== 'POST') return refuse(400, -32000, 'Bad Request: Mcp-Session-Id header is required');
      // The transport itself refuses anything but `initialize`, and then no session comes into being.
      const transport = await open();
      const response = await transport.handleRequest(request);
      if (transport.sessionId === undefined) await transport.close();
      return response;
    },
    async close() {
      await Promise.all([...sessions.values()].map(({ server }) => server.close()));
    },
  };
}

function refuse(status: number, code: number, message: string): Response {
  return Response.json({ jsonrpc: '2.0', error: { code, message }, id: null }, { status });
}
