import { randomUUID } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createMcpExpressApp } from '@modelcontextprotocol/sdk/server/express.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { isInitializeRequest } from '@modelcontextprotocol/sdk/types.js';
import * as z from 'zod';
import { type HttpEra, serveHttp } from '../../apps/demo-server/serve-http.ts';
import { createDemoFactory } from '../../packages/breakwater/src/demo/server.ts';
import { createBreakwater, type LibraryConfig } from '../../packages/breakwater/src/index.ts';
import { findFreePort, REPOSITORY, startProgram } from '../e2e/support/programs.ts';

/** A server that listens. */
export interface Listening extends AsyncDisposable {
  readonly url: string;
}

/** A kind of server: a column of the table. */
export interface ServerKind {
  readonly name: string;
  start(): Promise<Listening>;
}

/** The servers that are examined alone and behind Breakwater. */
export const SERVERS: readonly ServerKind[] = [
  { name: 'SDK v1, sessions', start: startV1 },
  { name: 'server-everything', start: startEverything },
  { name: 'SDK v2, both eras', start: () => startDemo('dual') },
  { name: 'SDK v2, stateless 2025', start: () => startDemo('legacy-stateless') },
  { name: 'SDK v2, 2026 alone', start: () => startDemo('modern') },
  { name: 'SDK, HTTP+SSE of 2024', start: () => startDemo('sse') },
];

/** Listens on a free port; `close` runs before the sockets are cut. */
export async function listen(
  listener: RequestListener,
  close: () => Promise<void> = async () => undefined,
): Promise<Listening> {
  const server: Server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      await close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Breakwater with its default configuration before one upstream. */
export async function startBreakwater(
  upstream: LibraryConfig['upstreams'][string] = { factory: createDemoFactory() },
): Promise<Listening> {
  const breakwater = await createBreakwater({ upstreams: { one: upstream } });
  return await listen(breakwater, () => breakwater.close());
}

async function startDemo(era: HttpEra): Promise<Listening> {
  const { url, close } = await serveHttp(createDemoFactory(), { era });
  return { url, [Symbol.asyncDispose]: close };
}

async function startEverything(): Promise<Listening> {
  const port = await findFreePort();
  const script = join(REPOSITORY, 'node_modules/@modelcontextprotocol/server-everything/dist/index.js');
  const program = startProgram(process.execPath, [script, 'streamableHttp'], { env: { PORT: String(port) } });
  await program.until(new RegExp(`port ${port}`));
  return { url: `http://127.0.0.1:${port}/mcp`, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() };
}

/** A server as the examples of SDK v1 write it: its Express application, a transport for each session. */
async function startV1(): Promise<Listening> {
  const transports = new Map<string, StreamableHTTPServerTransport>();
  const app = createMcpExpressApp();
  app.post('/mcp', async (req, res) => {
    const id = req.header('mcp-session-id');
    const known = id === undefined ? undefined : transports.get(id);
    if (known !== undefined) return await known.handleRequest(req, res, req.body);
    if (id !== undefined || !isInitializeRequest(req.body)) {
      const error = { code: -32000, message: 'Bad Request: No valid session ID provided' };
      res.status(400).json({ jsonrpc: '2.0', error, id: null });
      return;
    }
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (fresh) => void transports.set(fresh, transport),
    });
    transport.onclose = () => void transports.delete(transport.sessionId ?? '');
    // SDK v1 was not compiled with exactOptionalPropertyTypes.
    await makeV1().connect(transport as Transport);
    await transport.handleRequest(req, res, req.body);
  });
  for (const verb of ['get', 'delete'] as const) {
    app[verb]('/mcp', async (req, res) => {
      const transport = transports.get(req.header('mcp-session-id') ?? '');
      if (transport === undefined) res.status(400).send('Invalid or missing session ID');
      else await transport.handleRequest(req, res);
    });
  }
  return await listen(app, async () => {
    await Promise.all([...transports.values()].map((transport) => transport.close()));
  });
}

/** A server of SDK v1 with one tool. */
export function makeV1(): McpServer {
  const mcp = new McpServer({ name: 'v1', version: '1.0.0' });
  const annotations = { readOnlyHint: true };
  mcp.registerTool('echo', { inputSchema: { text: z.string() }, annotations }, async ({ text }) => ({
    content: [{ type: 'text', text }],
  }));
  return mcp;
}
