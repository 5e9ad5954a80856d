/** Reserved `_meta` keys of the modern envelope (2026-07-28 basic/index §_meta). */
export const META = {
  protocolVersion: 'io.modelcontextprotocol/protocolVersion',
  clientInfo: 'io.modelcontextprotocol/clientInfo',
  clientCapabilities: 'io.modelcontextprotocol/clientCapabilities',
  logLevel: 'io.modelcontextprotocol/logLevel',
  serverInfo: 'io.modelcontextprotocol/serverInfo',
  subscriptionId: 'io.modelcontextprotocol/subscriptionId',
  relatedTask: 'io.modelcontextprotocol/related-task',
} as const;

/** Reserved keys that the gateway sets on the upstream leg itself and never copies from one leg to the other. */
export const REQUEST_META_KEYS: readonly string[] = [
  META.protocolVersion,
  META.clientInfo,
  META.clientCapabilities,
  META.logLevel,
];

/** The tasks extension of the modern era (SEP-2663). */
export const TASKS_EXTENSION = 'io.modelcontextprotocol/tasks';
