import type { McpServer, McpServerOptions, ServerEvent, ServerEventBus } from '@modelcontextprotocol/server';
import { registerAskingTools } from './asking-tools.ts';
import { registerBasicTools } from './basic-tools.ts';
import { registerChangingTools } from './changing-tools.ts';
import { registerGrown } from './grown.ts';
import { registerPrompts } from './prompts.ts';
import { COUNTER_URI, registerResources } from './resources.ts';
import { registerSlowTools } from './slow-tools.ts';
import { createDemoState, type DemoChange, type DemoState } from './state.ts';
import { WatchingServer } from './watching-server.ts';

/** What {@link createDemoFactory} can be given. */
export interface DemoFactoryOptions {
  /**
   * Also gets every change. Give the same bus to `createMcpHandler`: its instances live for one request, so a modern HTTP
   * client learns of changes only through the bus.
   */
  bus?: ServerEventBus;
  /** The state to serve; a fresh one by default. */
  state?: DemoState;
}

const OPTIONS: McpServerOptions = {
  capabilities: { logging: {}, resources: { subscribe: true, listChanged: true } },
  instructions:
    'A demonstration server. Every tool is harmless: it changes nothing outside this process and forgets everything on restart.',
};

/**
 * Creates a factory of demo servers that share one state, for `serveStdio` and `createMcpHandler`, in both eras.
 *
 * Subscribers are told of changes through the instance that is connected to them (stdio, legacy sessions, in process), and
 * through `bus`.
 */
export function createDemoFactory(options: DemoFactoryOptions = {}): () => McpServer {
  const state = options.state ?? createDemoState();
  const { bus } = options;
  if (bus) state.watch((change) => bus.publish(toServerEvent(change)));
  return () => createServer(state);
}

function createServer(state: DemoState): McpServer {
  const subscribed = new Set<string>();
  const info = { name: 'breakwater-demo', title: 'Breakwater demo', version: '0.1.0' };
  const server = new WatchingServer(info, OPTIONS, () => state.watch((change) => tell(server, change, subscribed)));
  registerBasicTools(server);
  registerSlowTools(server, state);
  registerAskingTools(server);
  registerChangingTools(server, state);
  registerResources(server, state);
  registerPrompts(server);
  for (const grown of state.grown) registerGrown(server, grown);

  // Only legacy clients call these two; a modern `subscriptions/listen` is answered by the SDK before us.
  server.server.setRequestHandler('resources/subscribe', ({ params }) => {
    subscribed.add(params.uri);
    return {};
  });
  server.server.setRequestHandler('resources/unsubscribe', ({ params }) => {
    subscribed.delete(params.uri);
    return {};
  });
  return server;
}

function tell(server: WatchingServer, change: DemoChange, subscribed: ReadonlySet<string>): void {
  // Registering on a connected instance makes the SDK send the matching list_changed itself.
  if (change.kind === 'grown') registerGrown(server, change.grown);
  else if (server.isModern || subscribed.has(COUNTER_URI)) {
    server.server.sendResourceUpdated({ uri: COUNTER_URI }).catch((error) => server.server.onerror?.(error));
  }
}

function toServerEvent(change: DemoChange): ServerEvent {
  if (change.kind === 'counter') return { kind: 'resource_updated', uri: COUNTER_URI };
  return { kind: `${change.grown.kind}s_list_changed` };
}
