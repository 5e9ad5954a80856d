import type { Duplex } from 'node:stream';
import { ERRORS, type ErrorCode } from '../core/errors.ts';
import type { Context } from './inbound.ts';
import { initializeRecipe } from './recipe.ts';

interface Verdict {
  readonly status: string;
  readonly code: ErrorCode;
  readonly message: string;
}

const NO_REQUEST: Verdict = {
  status: '400 Bad Request',
  code: 'body.invalid',
  message: 'This is not an HTTP request.',
};
const VERDICTS: Readonly<Record<string, Verdict>> = {
  HPE_HEADER_OVERFLOW: {
    status: '431 Request Header Fields Too Large',
    code: 'body.too-large',
    message: 'The request head is larger than this gateway accepts.',
  },
  ERR_SSL_HTTP_REQUEST: {
    status: '400 Bad Request',
    code: 'request.https',
    message: 'This port speaks HTTPS: repeat the request with https:// in its address.',
  },
  ERR_PROXY_HEADER: {
    status: '400 Bad Request',
    code: 'request.proxy-header',
    message: ERRORS['request.proxy-header'].message,
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: '408 Request Timeout',
    code: 'body.timeout',
    message: 'The request did not arrive in time.',
  },
};

/** Answers bytes that Node could not read as a request (TLS on a plain port, smuggled heads, oversized heads), as JSON too. */
export function refuseBytes(context: Context, error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const { status, code, message } = VERDICTS[error.code ?? ''] ?? NO_REQUEST;
  context.deps.emit({ type: 'refusal', code, route: undefined });
  const { publicUrl, routes, documentation } = context.options;
  const path = routes[0]?.path ?? '/mcp';
  const endpoint = publicUrl === undefined ? path : `${publicUrl.replace(/\/+$/, '')}${path}`;
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: null,
    error: { code: -32600, message, data: { reason: code } },
    canonical_endpoint: endpoint,
    supported_transports: ['streamable_http'],
    documentation,
    recipe: initializeRecipe(endpoint),
  });
  const head = `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n`;
  socket.end(head + body);
}
