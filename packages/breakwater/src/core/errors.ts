import { RpcCode } from '../jsonrpc/message.ts';

/** Who must act on an error. */
export type ErrorSide = 'client' | 'upstream' | 'gateway';

/** One row of the error table: the single source for replies, metrics, logs and `docs/errors.md`. */
export interface ErrorRow {
  readonly rpc: number;
  readonly http: number;
  readonly side: ErrorSide;
  /** True when the same request may succeed later without being changed. */
  readonly retryable: boolean;
  readonly message: string;
}

function row(rpc: number, http: number, side: ErrorSide, retryable: boolean, message: string): ErrorRow {
  return { rpc, http, side, retryable, message };
}

/**
 * Every error the gateway itself produces. `http` is the status where headers are not committed; legacy in-band errors of a served request are 200
 * and say so with their own row. Public text comes from here only: upstream text, stacks and paths go to the log.
 */
export const ERRORS = {
  'body.parse': row(RpcCode.parseError, 400, 'client', false, 'The body is not valid JSON.'),
  'body.invalid': row(RpcCode.invalidRequest, 400, 'client', false, 'The body is not a JSON-RPC 2.0 message.'),
  'body.too-large': row(RpcCode.invalidRequest, 413, 'client', false, 'The body is larger than this gateway accepts.'),
  'body.media-type': row(
    RpcCode.invalidRequest,
    415,
    'client',
    false,
    'Send the message as Content-Type: application/json.',
  ),
  'body.timeout': row(RpcCode.invalidRequest, 408, 'client', true, 'The body did not arrive in time.'),
  'request.accept': row(
    RpcCode.invalidRequest,
    406,
    'client',
    false,
    'The Accept header allows neither application/json nor text/event-stream.',
  ),
  'request.origin': row(RpcCode.invalidRequest, 403, 'client', false, 'This Origin is not allowed.'),
  'request.host': row(RpcCode.invalidRequest, 403, 'client', false, 'This Host is not allowed.'),
  'request.https': row(
    RpcCode.invalidRequest,
    308,
    'client',
    false,
    'This is served over https only: send the same request, with its method and body, to the https address.',
  ),
  'request.proxy-header': row(
    RpcCode.invalidRequest,
    400,
    'client',
    false,
    'A connection from this address must begin with a PROXY protocol header, version 1 or 2.',
  ),
  'request.method': row(RpcCode.invalidRequest, 405, 'client', false, 'This HTTP method is not served here.'),
  'request.path': row(RpcCode.invalidRequest, 404, 'client', false, 'Nothing is served on this path.'),
  'request.batch': row(
    RpcCode.invalidRequest,
    400,
    'client',
    false,
    'JSON-RPC batches were removed in 2025-06-18; send one message per request.',
  ),
  'request.rate': row(RpcCode.invalidRequest, 429, 'client', true, 'Too many requests at once; wait and send again.'),
  'session.missing': row(
    RpcCode.invalidRequest,
    400,
    'client',
    false,
    'Missing session ID: send initialize first, then repeat its Mcp-Session-Id header.',
  ),
  'session.unknown': row(
    RpcCode.sessionNotFound,
    404,
    'client',
    false,
    'Session not found: it expired, was ended, or never existed. Send initialize without Mcp-Session-Id to get a new one.',
  ),
  'session.handshake': row(
    RpcCode.invalidRequest,
    400,
    'client',
    false,
    'The handshake is not complete: send notifications/initialized with the session header first.',
  ),
  'session.limit': row(
    RpcCode.invalidRequest,
    429,
    'client',
    true,
    'Too many open sessions; end one with DELETE or wait.',
  ),
  'stream.conflict': row(
    RpcCode.invalidRequest,
    409,
    'client',
    true,
    'The stream of this session is being replaced too often; keep one GET open.',
  ),
  'version.header': row(
    RpcCode.invalidRequest,
    400,
    'client',
    false,
    'The MCP-Protocol-Version header names no supported version.',
  ),
  'version.unsupported': row(RpcCode.unsupportedVersion, 400, 'client', false, 'Unsupported protocol version.'),
  'envelope.incomplete': row(RpcCode.invalidParams, 400, 'client', false, 'The request lacks required _meta members.'),
  'envelope.mismatch': row(RpcCode.headerMismatch, 400, 'client', false, 'The headers and the body disagree.'),
  'capability.missing': row(
    RpcCode.missingCapability,
    400,
    'client',
    false,
    'The request needs a client capability that it does not declare.',
  ),
  'method.unknown': row(RpcCode.methodNotFound, 404, 'client', false, 'Method not found.'),
  'params.invalid': row(RpcCode.invalidParams, 400, 'client', false, 'Invalid params.'),
  'cursor.expired': row(RpcCode.invalidParams, 400, 'client', false, 'Cursor expired, restart the list.'),
  'resource.unknown': row(RpcCode.resourceNotFound, 200, 'client', false, 'Resource not found.'),
  'name.unknown': row(RpcCode.invalidParams, 404, 'client', false, 'No tool, resource or prompt here has this name.'),
  'call.unknown': row(
    RpcCode.invalidParams,
    404,
    'client',
    false,
    'No call here has this id: it expired, was deleted, or never existed.',
  ),
  'exchange.cancelled': row(RpcCode.internalError, 200, 'client', false, 'The request was cancelled.'),
  'stream.lost': row(RpcCode.internalError, 200, 'client', false, 'This stream can no longer be resumed.'),
  'upstream.unavailable': row(RpcCode.internalError, 200, 'upstream', true, 'Upstream unavailable.'),
  'upstream.timeout': row(RpcCode.internalError, 200, 'upstream', true, 'Upstream did not answer in time.'),
  'upstream.lost': row(
    RpcCode.internalError,
    200,
    'upstream',
    false,
    'Upstream connection lost; the call may or may not have run.',
  ),
  'upstream.session-lost': row(
    RpcCode.internalError,
    200,
    'upstream',
    false,
    'Upstream session was lost; the call may or may not have run.',
  ),
  'upstream.invalid': row(RpcCode.internalError, 200, 'upstream', false, 'Upstream sent an invalid message.'),
  'upstream.too-large': row(
    RpcCode.internalError,
    200,
    'upstream',
    false,
    'Upstream result is larger than this gateway passes on.',
  ),
  'upstream.version': row(
    RpcCode.internalError,
    200,
    'upstream',
    false,
    'Upstream speaks a protocol version that this gateway does not support.',
  ),
  'upstream.auth': row(RpcCode.internalError, 200, 'upstream', false, "Upstream refused the gateway's credentials."),
  'upstream.headers': row(
    RpcCode.internalError,
    200,
    'upstream',
    true,
    'Gateway and upstream disagree on request headers.',
  ),
  'upstream.result-type': row(
    RpcCode.internalError,
    200,
    'upstream',
    false,
    'Upstream returned a result type that this client cannot use.',
  ),
  'upstream.error': row(RpcCode.internalError, 502, 'upstream', false, 'The server answered with an error.'),
  'upstream.busy': row(RpcCode.internalError, 200, 'upstream', true, 'No upstream connection became free in time.'),
  'upstream.subscription': row(
    RpcCode.invalidParams,
    200,
    'upstream',
    false,
    'Upstream did not accept the subscription.',
  ),
  'store.unavailable': row(
    RpcCode.internalError,
    503,
    'gateway',
    true,
    'The store of this gateway cannot be reached; try again in a moment.',
  ),
  'fleet.node-lost': row(
    RpcCode.internalError,
    200,
    'gateway',
    false,
    'The gateway node handling this call was lost; the call may or may not have completed.',
  ),
  'fleet.owner-gone': row(
    RpcCode.internalError,
    503,
    'gateway',
    true,
    'The gateway node that has this connection is changing; try again in a moment.',
  ),
  'gateway.draining': row(
    RpcCode.internalError,
    503,
    'gateway',
    true,
    'This gateway is shutting down; send the request again.',
  ),
  'gateway.overloaded': row(
    RpcCode.internalError,
    503,
    'gateway',
    true,
    'This gateway is overloaded; wait and send the request again.',
  ),
  'audit.unavailable': row(
    RpcCode.internalError,
    503,
    'gateway',
    true,
    'This gateway cannot write its audit log and serves nothing that is not recorded; try again in a moment.',
  ),
  'gateway.internal': row(RpcCode.internalError, 500, 'gateway', false, 'Internal error.'),
} as const satisfies Readonly<Record<string, ErrorRow>>;

/** A code of the error table; part of the public surface. */
export type ErrorCode = keyof typeof ERRORS;

const BRAND = Symbol.for('breakwater.error');

/** What {@link GatewayError} carries beside its code. */
export interface GatewayErrorOptions {
  /** Replaces the table's sentence; must be safe to show to the client. */
  readonly message?: string;
  /** Members added to the error's `data`. */
  readonly data?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** The only error class of the gateway: a code of the table, public text, and the private cause. */
export class GatewayError extends Error {
  readonly code: ErrorCode;
  readonly data: Readonly<Record<string, unknown>> | undefined;
  readonly [BRAND] = true;

  constructor(code: ErrorCode, options: GatewayErrorOptions = {}) {
    super(options.message ?? ERRORS[code].message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'GatewayError';
    this.code = code;
    this.data = options.data;
  }

  /** The error's row in the table. */
  get row(): ErrorRow {
    return ERRORS[this.code];
  }
}

/** True for a {@link GatewayError}, also of another copy of this package. */
export function isGatewayError(value: unknown): value is GatewayError {
  return typeof value === 'object' && value !== null && (value as { [BRAND]?: unknown })[BRAND] === true;
}

/** `error` itself when it is a gateway error, otherwise `gateway.internal` with `error` as its cause. */
export function toGatewayError(error: unknown): GatewayError {
  return isGatewayError(error) ? error : new GatewayError('gateway.internal', { cause: error });
}
