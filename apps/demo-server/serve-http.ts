import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { localhostHostValidation, localhostOriginValidation } from '@modelcontextprotocol/node';
import {
  createMcpHandler,
  isLegacyRequest,
  legacyStatelessFallback,
  type McpServer,
  type ServerEventBus,
} from '@modelcontextprotocol/server';
import { type HttpHandler, toHttpHandler } from './http-handler.ts';
import { createSessionHandler } from './session-handler.ts';
import { createSseHandler } from './sse-handler.ts';

/**
 * Which clients the server speaks with: 2026-07-28 (`modern`), 2025 with session ids (`legacy`) or without
 * (`legacy-stateless`), the first and second on one URL (`dual`), or 2024 HTTP+SSE (`sse`).
 */
export type HttpEra = (typeof HTTP_ERAS)[number];

/** All values of {@link HttpEra}. */
export const HTTP_ERAS = ['modern', 'legacy', 'legacy-stateless', 'dual', 'sse'] as const;

/** What {@link serveHttp} can be given. */
export interface ServeHttpOptions {
  /** `dual` by default. */
  era?: HttpEra;
  /** A free port is taken by default. */
  port?: number;
  /** Where the factory publishes changes for modern `subscriptions/listen` streams. */
  bus?: ServerEventBus;
}

/** A server that is listening; `close` ends every stream and session before it resolves. */
export interface HttpServerHandle {
  url: string;
  close(): Promise<void>;
}

/** Serves the servers that `factory` makes at `http://127.0.0.1:PORT/mcp`; refuses any Host or Origin but localhost. */
export async function serveHttp(factory: () => McpServer, options: ServeHttpOptions = {}): Promise<HttpServerHandle> {
  const handler = createHandler(factory, options);
  // DNS rebinding: a page of another origin that resolves to 127.0.0.1 must not reach the server.
  const hasLocalHost = localhostHostValidation();
  const hasLocalOrigin = localhostOriginValidation();

  const server = createServer((request, response) => {
    if (!hasLocalHost(request, response) || !hasLocalOrigin(request, response)) return;
    handler.handle(request, response).catch((error: unknown) => {
      process.stderr.write(`request failed: ${error instanceof Error ? error.stack : String(error)}\n`);
      if (response.headersSent) response.destroy();
      else response.writeHead(500).end();
    });
  });
  const port = await listen(server, options.port ?? 0);
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      await handler.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function createHandler(factory: () => McpServer, { era = 'dual', bus }: ServeHttpOptions): HttpHandler {
  switch (era) {
    case 'sse':
      return createSseHandler(factory);
    case 'legacy': {
      const sessions = createSessionHandler(factory);
      return toHttpHandler(sessions.fetch, sessions.close);
    }
    case 'legacy-stateless':
      return toHttpHandler(legacyStatelessFallback(factory));
    case 'modern': {
      const modern = createMcpHandler(factory, { legacy: 'reject', ...(bus && { bus }) });
      return toHttpHandler(modern.fetch, modern.close);
    }
    case 'dual': {
      const modern = createMcpHandler(factory, { legacy: 'reject', ...(bus && { bus }) });
      const sessions = createSessionHandler(factory);
      return toHttpHandler(
        async (request) => ((await isLegacyRequest(request)) ? sessions : modern).fetch(request),
        async () => void (await Promise.all([modern.close(), sessions.close()])),
      );
    }
  }
}

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const address = server.address() as AddressInfo;
  return address.port;
}
