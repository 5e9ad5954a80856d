import type { RawId } from './id.ts';
import type { RawObject } from './raw.ts';

/** A JSON-RPC request: `id` is echoed raw, `params` is the scanned object or undefined. */
export interface RequestMessage {
  readonly kind: 'request';
  readonly id: RawId;
  readonly method: string;
  readonly params: RawObject | undefined;
}

/** A JSON-RPC notification. */
export interface NotificationMessage {
  readonly kind: 'notification';
  readonly method: string;
  readonly params: RawObject | undefined;
}

/** A successful response; `result` is the value's bytes, unparsed. `id` is undefined only for a null id. */
export interface ResultMessage {
  readonly kind: 'result';
  readonly id: RawId | undefined;
  readonly result: Buffer;
  /** The whole result is known to be JSON in UTF-8; otherwise only its ends were looked for. */
  readonly isSound?: boolean;
}

/** An error response; `error` is the value's bytes, unparsed. */
export interface ErrorMessage {
  readonly kind: 'error';
  readonly id: RawId | undefined;
  readonly error: Buffer;
}

/** One JSON-RPC value. */
export type Message = RequestMessage | NotificationMessage | ResultMessage | ErrorMessage;

/** A JSON-RPC error object as the gateway makes and reads it. `data` is any JSON value. */
export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/** JSON-RPC and MCP error codes by name; numbers are the specification's. */
export const RpcCode = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
  /** Legacy: the session is unknown, expired or ended. */
  sessionNotFound: -32001,
  /** Legacy: resource not found (modern uses -32602). */
  resourceNotFound: -32002,
  /** Modern: header and body disagree. */
  headerMismatch: -32020,
  /** Modern: the request needs a client capability that it does not declare. */
  missingCapability: -32021,
  /** Modern: `data.supported` lists what is served. */
  unsupportedVersion: -32022,
  /** 2025-11-25 only: URL elicitation required. */
  urlElicitationRequired: -32042,
} as const;
