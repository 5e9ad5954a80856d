import type { RawId } from './id.ts';
import type { RpcError } from './message.ts';

const END = Buffer.from('}');
const CLOSE_BRACE = 0x7d;

/** Bytes of a successful response around `result` (JSON bytes), with the id's own bytes. */
export function writeResult(id: RawId, result: Buffer): Buffer {
  return wrap(resultHead(id), result);
}

/** What stands before the result of a successful response, in latin1; after it a closing brace ends the response. */
export function resultHead(id: RawId): string {
  return `{"jsonrpc":"2.0","id":${id},"result":`;
}

/** `head`, which is ASCII, the payload and a closing brace; one allocation, as every response passes here. */
function wrap(head: string, payload: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(head.length + payload.length + 1);
  bytes.write(head, 0, head.length, 'latin1');
  bytes.set(payload, head.length);
  bytes[bytes.length - 1] = CLOSE_BRACE;
  return bytes;
}

/** Bytes of an error response around `error` (JSON bytes of the error object). An undefined id is written as null. */
export function writeError(id: RawId | undefined, error: Buffer): Buffer {
  return wrap(`{"jsonrpc":"2.0","id":${id ?? 'null'},"error":`, error);
}

const PLAIN_METHOD = /^[a-zA-Z/_]+$/;

/** Bytes of a request; `params` is JSON bytes or absent. */
export function writeRequest(id: RawId, method: string, params?: Buffer): Buffer {
  // Names of methods are ASCII, but for those that only a client's own server knows.
  if (params !== undefined && PLAIN_METHOD.test(method))
    return wrap(`{"jsonrpc":"2.0","id":${id},"method":"${method}","params":`, params);
  const head = Buffer.from(`{"jsonrpc":"2.0","id":${id},"method":`, 'latin1');
  return Buffer.concat([head, Buffer.from(JSON.stringify(method)), ...paramsPart(params), END]);
}

/** Bytes of a notification; `params` is JSON bytes or absent. */
export function writeNotification(method: string, params?: Buffer): Buffer {
  if (params !== undefined && PLAIN_METHOD.test(method))
    return wrap(`{"jsonrpc":"2.0","method":"${method}","params":`, params);
  return Buffer.concat([
    Buffer.from(`{"jsonrpc":"2.0","method":${JSON.stringify(method)}`),
    ...paramsPart(params),
    END,
  ]);
}

function paramsPart(params: Buffer | undefined): Buffer[] {
  return params === undefined ? [] : [Buffer.from(',"params":'), params];
}

/** JSON bytes of an error object. */
export function encodeError(error: RpcError): Buffer {
  const { code, message, data } = error;
  return Buffer.from(JSON.stringify(data === undefined ? { code, message } : { code, message, data }));
}

/** Reads an error object's bytes; undefined when it has no integer `code` or no string `message`. */
export function decodeError(bytes: Buffer): RpcError | undefined {
  try {
    const value = JSON.parse(bytes.toString('utf8')) as { code?: unknown; message?: unknown; data?: unknown };
    if (typeof value.code !== 'number' || typeof value.message !== 'string') return undefined;
    return value.data === undefined
      ? { code: value.code, message: value.message }
      : { code: value.code, message: value.message, data: value.data };
  } catch {
    return undefined; // not JSON: the caller reports an invalid message
  }
}
