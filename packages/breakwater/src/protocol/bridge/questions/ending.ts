import { RpcCode, type RpcError } from '../../../jsonrpc/message.ts';
import type { JsonObject } from '../../capabilities.ts';
import type { Revision } from '../../revision.ts';
import { writeToolError } from '../tool-error.ts';

/** How the gateway itself ends a client's call: already in the form of that client. */
export type Ending =
  | { readonly kind: 'result'; readonly result: Buffer }
  | { readonly kind: 'error'; readonly error: RpcError };

/** The call of a client that is to be ended. */
export interface EndedCall {
  readonly method: string;
  readonly revision: Revision;
}

/** An ending the model can read: a tool result with `isError`, for other methods an error -32603. `data` goes with the error only. */
export function failCall(call: EndedCall, text: string, data?: JsonObject): Ending {
  if (call.method === 'tools/call') return { kind: 'result', result: writeToolError(text, call.revision) };
  const error = { code: RpcCode.internalError, message: text };
  return { kind: 'error', error: data === undefined ? error : { ...error, data } };
}

/** The subject of a sentence about a call. */
export function subjectOf(method: string): string {
  return method === 'tools/call' ? 'This tool' : 'This request';
}
