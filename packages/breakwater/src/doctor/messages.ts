import { META } from '../protocol/meta.ts';
import { LATEST_MODERN } from '../protocol/revision.ts';

/** A JSON-RPC message as a script writes it. */
export type Outgoing = Readonly<Record<string, unknown>>;

/** What an `initialize` may say beside its revision. */
export interface InitializeInit {
  readonly id?: string | number;
  /** `name` or `name/version` of clientInfo. */
  readonly client?: string;
  readonly capabilities?: Outgoing;
}

/** An `initialize` request. */
export function initialize(
  revision: string,
  { id = 1, client = 'doctor', capabilities = {} }: InitializeInit = {},
): Outgoing {
  const [name, version = '1.0.0'] = client.split('/');
  return request(id, 'initialize', { protocolVersion: revision, capabilities, clientInfo: { name, version } });
}

/** The notification that ends the legacy handshake. */
export const INITIALIZED: Outgoing = { jsonrpc: '2.0', method: 'notifications/initialized' };

/** A request; without `params` when there are none. */
export function request(id: string | number, method: string, params?: Outgoing): Outgoing {
  return { jsonrpc: '2.0', id, method, ...(params !== undefined && { params }) };
}

/** A `tools/list` without params. */
export function listTools(id: string | number = 2): Outgoing {
  return request(id, 'tools/list');
}

/** A request of 2026-07-28 with its envelope. */
export function modernRequest(id: string | number, method: string, params: Outgoing = {}, client = 'doctor'): Outgoing {
  const _meta = {
    [META.protocolVersion]: LATEST_MODERN,
    [META.clientInfo]: { name: client, version: '1.0.0' },
    [META.clientCapabilities]: {},
  };
  return request(id, method, { ...params, _meta });
}
