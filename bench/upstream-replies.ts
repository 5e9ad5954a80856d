/** How the bench upstream writes its answers. */
import type { ServerResponse } from 'node:http';

/** The parts of a JSON-RPC message the upstream reads. */
export interface Message {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: {
    readonly name?: string;
    readonly arguments?: { readonly text?: unknown };
    readonly _meta?: Readonly<Record<string, unknown>>;
    readonly notifications?: unknown;
  };
}

/** Everything a result needs to be written: the request it answers and where. */
export interface Call {
  readonly message: Message;
  readonly modern: boolean;
  readonly res: ServerResponse;
}

/** Answers a request with a result, given as JSON text. */
export function sendResult(call: Call, result: string | Buffer): void {
  const start = writeEnvelopeStart(call);
  if (typeof result === 'string') {
    sendJson(call.res, 200, `${start}${result}}`);
    return;
  }
  const { res } = call;
  res.cork();
  res.writeHead(200, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(start) + result.length + 1,
  });
  res.write(start);
  res.write(result);
  res.end('}');
  res.uncork();
}

/** Answers with a JSON-RPC error. */
export function sendError(res: ServerResponse, status: number, message: Message, code: number, text: string): void {
  const error = { code, message: text };
  sendJson(res, status, JSON.stringify({ jsonrpc: '2.0', id: message.id ?? null, error }));
}

/** Answers with a whole JSON body, which may be empty. */
export function sendJson(res: ServerResponse, status: number, body: string): void {
  res.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  res.end(body);
}

/** Returns a response up to where its result begins. */
export function writeEnvelopeStart(call: Call): string {
  return `{"jsonrpc":"2.0","id":${JSON.stringify(call.message.id)},"result":`;
}

/** Returns one SSE event. */
export function writeEvent(data: string): string {
  return `event: message\ndata: ${data}\n\n`;
}
