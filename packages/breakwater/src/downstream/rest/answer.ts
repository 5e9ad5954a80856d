import { type ErrorCode, toGatewayError } from '../../core/errors.ts';
import type { Exchange } from '../../core/exchange.ts';
import type { Outcome } from '../../core/ports.ts';
import { RpcCode } from '../../jsonrpc/message.ts';
import { editObject, memberObject, memberValue, type RawObject, scanObject } from '../../jsonrpc/raw.ts';
import { decodeError } from '../../jsonrpc/write.ts';
import { bridgeError } from '../../protocol/bridge/error.ts';
import { bridgeResult, readResultType } from '../../protocol/bridge/result.ts';
import { LATEST_MODERN } from '../../protocol/revision.ts';
import { type Problem, restStatusOf } from './problem.ts';

/** How an exchange ended, for a caller over plain HTTP. */
export type RestAnswer =
  /** `result` without the members that are MCP's own business. */
  | { readonly kind: 'result'; readonly result: RawObject }
  /** The server needs answers, and then the same request again. */
  | { readonly kind: 'input'; readonly requests: RawObject | undefined; readonly state: string | undefined }
  | { readonly kind: 'problem'; readonly problem: Problem };

/** Reads an outcome in the modern form and says what it is over plain HTTP. */
export function answerOf(outcome: Outcome, exchange: Exchange): RestAnswer {
  const { method } = exchange;
  if (outcome.kind === 'failed') {
    const error = toGatewayError(outcome.error);
    return problem(error.code, error.message, exchange, error.data);
  }
  if (outcome.kind === 'error') {
    const bridged = bridgeError({ method, error: outcome.error, from: outcome.revision, to: LATEST_MODERN });
    if (bridged.kind === 'error') return serverError(bridged.error, exchange);
    return resultOf(bridged.result, exchange);
  }
  const { result, revision: from, serverInfo } = outcome;
  const bridged = bridgeResult({ method, result, from, to: LATEST_MODERN, serverInfo });
  return bridged.ok ? resultOf(bridged.result, exchange) : problem(bridged.fault.code, bridged.fault.message, exchange);
}

function resultOf(bytes: Buffer, exchange: Exchange): RestAnswer {
  const result = scanObject(bytes);
  if (result === undefined) return problem('upstream.invalid', undefined, exchange);
  const type = readResultType(result);
  if (type === 'input_required') {
    const state = memberValue(result, 'requestState');
    return {
      kind: 'input',
      requests: memberObject(result, 'inputRequests'),
      state: typeof state === 'string' ? state : undefined,
    };
  }
  if (type !== 'complete') return problem('upstream.result-type', undefined, exchange);
  const isCall = exchange.method === 'tools/call';
  const plain = editObject(result, {
    resultType: undefined,
    // Said always, so that nobody has to know what its absence means.
    ...(isCall ? { isError: memberValue(result, 'isError') === true ? 'true' : 'false' } : {}),
  });
  const object = scanObject(plain);
  return object === undefined ? problem('upstream.invalid', undefined, exchange) : { kind: 'result', result: object };
}

const CODES: ReadonlyMap<number, ErrorCode> = new Map([
  [RpcCode.invalidParams, 'params.invalid'],
  [RpcCode.methodNotFound, 'method.unknown'],
  [RpcCode.missingCapability, 'capability.missing'],
]);

function serverError(bytes: Buffer, exchange: Exchange): RestAnswer {
  const error = decodeError(bytes);
  if (error === undefined) return problem('upstream.invalid', undefined, exchange);
  const server = { code: error.code, ...(error.data === undefined ? {} : { data: error.data }) };
  return problem(CODES.get(error.code) ?? 'upstream.error', error.message, exchange, { server });
}

function problem(
  code: ErrorCode,
  detail: string | undefined,
  { id }: Exchange,
  extra: Readonly<Record<string, unknown>> = {},
): RestAnswer {
  return { kind: 'problem', problem: { code, status: restStatusOf(code), detail, extra: { ...extra, exchange: id } } };
}
