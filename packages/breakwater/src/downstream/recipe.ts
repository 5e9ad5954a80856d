import { META } from '../protocol/meta.ts';
import { LATEST_LEGACY, LATEST_MODERN } from '../protocol/revision.ts';

/** A request that works when it is sent as it stands. */
export interface Recipe {
  readonly method: 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
}

const CLIENT = { name: 'your-client', version: '1.0.0' };
const HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

/** Opens a session at an endpoint. */
export function initializeRecipe(url: string, client: object = CLIENT): Recipe {
  const params = { protocolVersion: LATEST_LEGACY, capabilities: {}, clientInfo: client };
  return { method: 'POST', url, headers: HEADERS, body: { jsonrpc: '2.0', id: 1, method: 'initialize', params } };
}

/** Asks an endpoint for what it is, without a session. */
export function discoverRecipe(url: string): Recipe {
  return modernRecipe(url, 'server/discover');
}

/** Any request of the modern era that has no params of its own. */
export function modernRecipe(url: string, method: string, id = 1): Recipe {
  const meta = { [META.protocolVersion]: LATEST_MODERN, [META.clientCapabilities]: {}, [META.clientInfo]: CLIENT };
  return {
    method: 'POST',
    url,
    headers: { ...HEADERS, 'mcp-protocol-version': LATEST_MODERN, 'mcp-method': method },
    body: { jsonrpc: '2.0', id, method, params: { _meta: meta } },
  };
}
