import { join } from 'node:path';
import { createMcpExpressApp } from '@modelcontextprotocol/sdk/server/express.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { findFreePort, REPOSITORY, startProgram } from '../e2e/support/programs.ts';
import { installPackages, type PinnedPackages } from '../fixtures/npm-packages.ts';
import { type Listening, listen, makeV1, type ServerKind } from './servers.ts';

/** What is installed for this test alone; the versions stand in docs/doctor.md. */
export const PEER_PACKAGES = {
  supergateway: '4.0.0',
  'mcp-proxy': '6.7.19',
  fastmcp: '4.20.16',
} as const satisfies PinnedPackages;

const EVERYTHING = join(REPOSITORY, 'node_modules/@modelcontextprotocol/server-everything/dist/index.js');

/** Bridges and frameworks of others, each as its README starts it; the bridges before the stdio server of server-everything. */
export const PEERS: readonly ServerKind[] = [
  { name: 'supergateway', start: startSupergateway },
  { name: 'mcp-proxy (npm)', start: startMcpProxy },
  { name: 'fastmcp (npm)', start: startFastMcp },
  { name: 'SDK v1, stateless', start: startStatelessV1 },
];

async function startSupergateway(): Promise<Listening> {
  const script = await scriptOf('supergateway', 'dist/index.js');
  return await startPeer((port) => [
    script,
    '--stdio',
    `"${process.execPath}" "${EVERYTHING}" stdio`,
    ...['--outputTransport', 'streamableHttp', '--stateful', '--port', port],
  ]);
}

async function startMcpProxy(): Promise<Listening> {
  const script = await scriptOf('mcp-proxy', 'dist/bin/mcp-proxy.mjs');
  return await startPeer((port) => [
    script,
    ...['--host', '127.0.0.1', '--port', port],
    ...['--', process.execPath, EVERYTHING, 'stdio'],
  ]);
}

async function startFastMcp(): Promise<Listening> {
  const folder = await installPackages({ fastmcp: PEER_PACKAGES.fastmcp });
  return await startPeer((port) => [join(REPOSITORY, 'test/fixtures/fastmcp-server.ts'), folder, port]);
}

/** The other example of SDK v1: a server and a transport for each request, GET and DELETE refused. */
async function startStatelessV1(): Promise<Listening> {
  const app = createMcpExpressApp();
  app.post('/mcp', async (req, res) => {
    // Stateless is what the transport is without a generator of session ids.
    const transport = new StreamableHTTPServerTransport({});
    const server = makeV1();
    res.once('close', () => void Promise.all([transport.close(), server.close()]));
    await server.connect(transport as Transport);
    await transport.handleRequest(req, res, req.body);
  });
  for (const verb of ['get', 'delete'] as const) {
    app[verb]('/mcp', (_, res) => {
      const error = { code: -32000, message: 'Method not allowed.' };
      res.status(405).json({ jsonrpc: '2.0', error, id: null });
    });
  }
  return await listen(app);
}

async function scriptOf(name: keyof typeof PEER_PACKAGES, path: string): Promise<string> {
  return join(await installPackages({ [name]: PEER_PACKAGES[name] }), 'node_modules', name, path);
}

async function startPeer(argsFor: (port: string) => string[]): Promise<Listening> {
  const port = await findFreePort();
  const program = startProgram(process.execPath, argsFor(String(port)));
  try {
    await program.until(new RegExp(`\\b${port}\\b`));
    await untilAnswers(port);
  } catch (error) {
    await program.stop();
    throw error;
  }
  return { url: `http://127.0.0.1:${port}/mcp`, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() };
}

// Some say that they listen before they do.
async function untilAnswers(port: number): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      await (await fetch(`http://127.0.0.1:${port}/`)).body?.cancel();
      return;
    } catch (error) {
      if (attempt === 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
