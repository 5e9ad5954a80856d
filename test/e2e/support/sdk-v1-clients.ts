import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { ProgressNotificationSchema, ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { REPOSITORY } from './programs.ts';
import type { Asked, Listener, LiveClient, Members } from './test-client.ts';

/** SDK v1 over Streamable HTTP; ends its session with DELETE. */
export async function connectV1Http(url: string, listener?: Listener): Promise<LiveClient> {
  const transport = new StreamableHTTPClientTransport(new URL(url));
  // SDK v1 was not compiled with exactOptionalPropertyTypes.
  return await connectV1(transport as Transport, listener, () => transport.terminateSession());
}

/** SDK v1 over the 2024 transport. */
export async function connectV1Sse(url: string, listener?: Listener): Promise<LiveClient> {
  return await connectV1(new SSEClientTransport(new URL(`${url}/sse`)), listener);
}

/** A client that can only start programs, with `mcp-remote` in between. */
export async function connectMcpRemote(url: string, listener?: Listener): Promise<LiveClient> {
  // It keeps tokens and lock files there.
  const folder = await mkdtemp(join(tmpdir(), 'breakwater-mcp-remote-'));
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [join(REPOSITORY, 'node_modules/mcp-remote/dist/proxy.js'), url],
    env: { PATH: process.env['PATH'] ?? '', HOME: folder, MCP_REMOTE_CONFIG_DIR: folder },
    stderr: 'ignore',
  });
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const client = await connectV1(transport, listener);
    return { ...client, close: () => client.close().finally(remove) };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function connectV1(
  transport: Transport,
  listener?: Listener,
  endSession?: () => Promise<void>,
): Promise<LiveClient> {
  const client = new Client({ name: 'sdk-v1', version: '1' });
  client.setNotificationHandler(ProgressNotificationSchema, ({ params }) => listener?.progress(params));
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => listener?.toolsChanged());
  await client.connect(transport);
  return {
    ask: (method, params) => askV1(client, method, params),
    watchTools: async () => undefined,
    close: async () => {
      await endSession?.();
      await client.close();
    },
  };
}

async function askV1(client: Client, method: Asked, params: Members = {}): Promise<Members> {
  switch (method) {
    case 'tools/list':
      return await client.listTools();
    case 'tools/call':
      return await client.callTool(params as Parameters<Client['callTool']>[0]);
    case 'resources/list':
      return await client.listResources();
    case 'resources/read':
      return await client.readResource(params as Parameters<Client['readResource']>[0]);
    case 'prompts/list':
      return await client.listPrompts();
    case 'prompts/get':
      return await client.getPrompt(params as Parameters<Client['getPrompt']>[0]);
  }
}
