import { RpcCode } from '../jsonrpc/message.ts';

const ROWS = {
  'version.unsupported': { rpc: RpcCode.unsupportedVersion, http: 400 },
  'envelope.incomplete': { rpc: RpcCode.invalidParams, http: 400 },
  'envelope.mismatch': { rpc: RpcCode.headerMismatch, http: 400 },
  'params.invalid': { rpc: RpcCode.invalidParams, http: 400 },
} as const;

/** The rows of the error table (`core/errors.ts`) that the protocol layer can tell; core's `ErrorCode` contains them. */
export type FaultCode = keyof typeof ROWS;

/** Why a peer's message breaks the protocol: what to answer, as JSON-RPC error and as HTTP status. */
export interface ProtocolFault {
  readonly code: FaultCode;
  readonly rpc: number;
  readonly http: number;
  /** Safe to show to the peer; says what to send instead. */
  readonly message: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** A value, or the fault that prevents it. */
export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly fault: ProtocolFault };

/** A fault of the given kind. */
export function makeFault(code: FaultCode, message: string, data?: Readonly<Record<string, unknown>>): ProtocolFault {
  return data === undefined ? { code, ...ROWS[code], message } : { code, ...ROWS[code], message, data };
}
