import {
  Client,
  StreamableHTTPClientTransport,
  type Transport,
  type VersionNegotiationMode,
} from '@modelcontextprotocol/client';
import type { Asked, Listener, LiveClient, Members } from './test-client.ts';

/** SDK v2 over Streamable HTTP; ends its session, where it has one, with DELETE. */
export async function connectV2Http(
  url: string,
  mode: VersionNegotiationMode,
  listener?: Listener,
): Promise<LiveClient> {
  const transport = new StreamableHTTPClientTransport(new URL(url));
  return await connectV2(transport, mode, listener, () => transport.terminateSession());
}

/** SDK v2 over any transport. */
export async function connectV2(
  transport: Transport,
  mode: VersionNegotiationMode,
  listener?: Listener,
  endSession?: () => Promise<void>,
): Promise<LiveClient> {
  const client = new Client({ name: 'sdk-v2', version: '1' }, { versionNegotiation: { mode } });
  client.setNotificationHandler('notifications/progress', ({ params }) => listener?.progress(params));
  client.setNotificationHandler('notifications/tools/list_changed', () => listener?.toolsChanged());
  await client.connect(transport);
  return {
    ask: (method, params) => askV2(client, method, params),
    watchTools: async () => {
      const isModern = (client.getNegotiatedProtocolVersion() ?? '') >= '2026-07-28';
      if (isModern) await client.listen({ toolsListChanged: true });
    },
    close: async () => {
      await endSession?.();
      await client.close();
    },
  };
}

async function askV2(client: Client, method: Asked, params: Members = {}): Promise<Members> {
  switch (method) {
    case 'tools/list':
      // Not from the client's own cache: what the gateway says now.
      return await client.listTools(undefined, { cacheMode: 'refresh' });
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
