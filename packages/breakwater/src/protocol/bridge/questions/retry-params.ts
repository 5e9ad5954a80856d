import { memberObject, memberValue, type RawObject } from '../../../jsonrpc/raw.ts';
import { applyEdits, bytesOf, writeObject } from '../edits.ts';

/** What a modern client sends again after an `input_required`. */
export interface ReadRetry {
  /** Absent where the client sent none. A request with neither member is no retry. */
  readonly requestState?: string;
  readonly responses?: RawObject;
  /** The params of the first request again: without both members. */
  readonly params: Buffer;
}

/** Bytes of the result that asks a modern client for input. `inputRequests` is JSON bytes of the map. */
export function writeInputRequired(args: { readonly inputRequests: Buffer; readonly requestState: string }): Buffer {
  const { inputRequests, requestState } = args;
  return writeObject({
    resultType: '"input_required"',
    inputRequests,
    requestState: JSON.stringify(requestState),
  });
}

/** Reads the retry members out of a modern request's params. Members of a wrong type count as absent. */
export function readRetry(params: RawObject): ReadRetry {
  const requestState = memberValue(params, 'requestState');
  const responses = memberObject(params, 'inputResponses');
  return {
    ...(typeof requestState === 'string' ? { requestState } : {}),
    ...(responses === undefined ? {} : { responses }),
    params: applyEdits(params, { inputResponses: undefined, requestState: undefined }),
  };
}

/**
 * Params of a retry towards a modern server: the call's own with this round's members, both as JSON bytes. What an earlier round left in
 * them is replaced.
 */
export function writeRetryParams(
  params: RawObject | undefined,
  retry: { readonly inputResponses: Buffer | undefined; readonly requestState: Buffer | undefined },
): Buffer {
  const { inputResponses, requestState } = retry;
  return params === undefined
    ? writeObject({ inputResponses, requestState })
    : applyEdits(params, { inputResponses, requestState });
}

/** What a modern server asks for, or undefined when its result breaks the specification. */
export interface InputRequired {
  readonly inputRequests: RawObject | undefined;
  /** The JSON string token, to be echoed byte for byte. */
  readonly requestState: Buffer | undefined;
}

/** Reads an `input_required` result. It must hold a request or a state (2026-07-28 mrtr §Server Requirements). */
export function readInputRequired(result: RawObject): InputRequired | undefined {
  const requests = bytesOf(result, 'inputRequests');
  const inputRequests = memberObject(result, 'inputRequests');
  if (requests !== undefined && inputRequests === undefined) return undefined;
  const requestState = bytesOf(result, 'requestState');
  if (requestState !== undefined && requestState[0] !== 0x22) return undefined;
  const asks = inputRequests !== undefined && inputRequests.members.length > 0;
  return asks || requestState !== undefined
    ? { inputRequests: asks ? inputRequests : undefined, requestState }
    : undefined;
}
