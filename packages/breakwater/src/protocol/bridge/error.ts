import { RpcCode } from '../../jsonrpc/message.ts';
import { encodeJson, memberObject, memberValue, type RawObject, scanObject } from '../../jsonrpc/raw.ts';
import { decodeError } from '../../jsonrpc/write.ts';
import { isObject } from '../capabilities.ts';
import { eraOf, type Revision } from '../revision.ts';
import { applyEdits, bytesOf, writeObject } from './edits.ts';
import { writeToolError } from './tool-error.ts';

/** An error of one leg, as JSON bytes of the `error` value. */
export interface ErrorToBridge {
  readonly method: string;
  readonly error: Buffer;
  readonly from: Revision;
  readonly to: Revision;
}

/**
 * The error in the form of `to`, with the status for headers that are not committed yet; or, where only the model can act on it, a
 * `tools/call` result with `isError`.
 */
export type BridgedError =
  | { readonly kind: 'error'; readonly error: Buffer; readonly http: number }
  | { readonly kind: 'result'; readonly result: Buffer };

/** The codes that only the specification may give out since 2026-07-28 (basic §Error Codes). */
const RESERVED_FIRST = -32020;
const RESERVED_LAST = -32099;

/** The error in the form of `to`; the very same bytes where both mean the same by it. Bytes that are no error object become a -32603. */
export function bridgeError(args: ErrorToBridge): BridgedError {
  const { error, from, to } = args;
  const object = scanObject(error);
  const decoded = decodeError(error);
  if (object === undefined || decoded === undefined || !Number.isSafeInteger(decoded.code)) {
    return internalError(to, 'Upstream sent an invalid message.');
  }
  if (decoded.code === RpcCode.urlElicitationRequired && to !== '2025-11-25') return bridgeUrlRequired(args, object);
  if (eraOf(from) === 'modern') return bridgeModern(args, object, decoded.code, decoded.message);
  if (eraOf(to) === 'legacy') return pass(error, to, decoded.code);
  // The modern era must never see -32002, whatever was asked (basic §Error Codes).
  if (decoded.code === RpcCode.resourceNotFound) {
    return pass(applyEdits(object, { code: String(RpcCode.invalidParams) }), to, RpcCode.invalidParams);
  }
  if (decoded.code <= RESERVED_FIRST && decoded.code >= RESERVED_LAST) {
    return internalError(to, decoded.message, writeObject({ original: error }));
  }
  return pass(error, to, decoded.code);
}

function bridgeModern(args: ErrorToBridge, object: RawObject, code: number, message: string): BridgedError {
  const { error, to } = args;
  // Headers and versions are between the gateway and its upstream: the client could not mend them.
  if (code === RpcCode.headerMismatch) return internalError(to, 'Gateway and upstream disagree on request headers.');
  if (code === RpcCode.unsupportedVersion) {
    return internalError(to, 'Upstream speaks a protocol version that this gateway does not support.');
  }
  if (eraOf(to) === 'modern') return pass(error, to, code);
  if (code === RpcCode.missingCapability) return bridgeMissingCapability(args, object);
  const isMissing = code === RpcCode.invalidParams && args.method === 'resources/read' && saysNotFound(object, message);
  return pass(isMissing ? applyEdits(object, { code: String(RpcCode.resourceNotFound) }) : error, to, code);
}

// -32602 is also "bad params": only an error that names the resource or says so means that it is not there.
function saysNotFound(object: RawObject, message: string): boolean {
  const data = memberValue(object, 'data');
  if (isObject(data) && typeof data['uri'] === 'string') return true;
  const text = typeof data === 'string' ? `${message} ${data}` : message;
  return /not found|no such|unknown resource|does not exist/i.test(text);
}

function bridgeMissingCapability(args: ErrorToBridge, object: RawObject): BridgedError {
  const data = memberObject(object, 'data');
  const required = data === undefined ? undefined : bytesOf(data, 'requiredCapabilities');
  const text = describeMissing(data === undefined ? undefined : memberValue(data, 'requiredCapabilities'));
  if (args.method === 'tools/call') return { kind: 'result', result: writeToolError(`This tool ${text}`, args.to) };
  return internalError(args.to, `This request ${text}`, writeObject({ requiredCapabilities: required ?? '{}' }));
}

function describeMissing(required: unknown): string {
  const capabilities = isObject(required) ? required : {};
  const names = Object.keys(capabilities).filter((name) => /^[\w./-]{1,64}$/.test(name));
  if (names.length === 0) return 'needs a client capability. This client does not support it.';
  if (names[0] === 'elicitation' && names.length === 1) {
    const modes = isObject(capabilities['elicitation']) ? Object.keys(capabilities['elicitation']) : [];
    const known = modes.filter((mode) => mode === 'form' || mode === 'url');
    return `needs to ask the user for input (${known.join(', ') || 'form'}). This client does not support it.`;
  }
  return `needs the client capability ${names.join(', ')}. This client does not support it.`;
}

function bridgeUrlRequired(args: ErrorToBridge, object: RawObject): BridgedError {
  const data = memberObject(object, 'data');
  const urls = readUrls(data === undefined ? undefined : memberValue(data, 'elicitations'));
  const text =
    urls.length === 0
      ? 'The server needs the user to visit a page first, but did not say which.'
      : urls.map((url) => `Open ${url} in a browser, then call again.`).join('\n');
  if (args.method === 'tools/call') return { kind: 'result', result: writeToolError(text, args.to) };
  const elicitations = data === undefined ? undefined : bytesOf(data, 'elicitations');
  return internalError(args.to, text, elicitations === undefined ? undefined : writeObject({ elicitations }));
}

// Shown to a person, never fetched; an address no browser should be sent to is not shown either.
function readUrls(elicitations: unknown): string[] {
  if (!Array.isArray(elicitations)) return [];
  const urls = elicitations.map((entry) => (isObject(entry) ? entry['url'] : undefined));
  return urls.filter((url): url is string => typeof url === 'string' && /^https?:\/\/[\x21-\x7e]{1,2048}$/i.test(url));
}

function pass(error: Buffer, to: Revision, code: number): BridgedError {
  return { kind: 'error', error, http: statusOf(code, to) };
}

function internalError(to: Revision, message: string, data?: Buffer): BridgedError {
  const error = writeObject({ code: String(RpcCode.internalError), message: encodeJson(message), data });
  return pass(error, to, RpcCode.internalError);
}

// 2026-07-28 streamable-http §Sending Messages; a legacy error is in band.
function statusOf(code: number, to: Revision): number {
  if (eraOf(to) === 'legacy') return 200;
  return MODERN_STATUS.get(code) ?? 200;
}

const MODERN_STATUS: ReadonlyMap<number, number> = new Map([
  [RpcCode.methodNotFound, 404],
  [RpcCode.headerMismatch, 400],
  [RpcCode.missingCapability, 400],
  [RpcCode.unsupportedVersion, 400],
  [RpcCode.parseError, 400],
  [RpcCode.invalidRequest, 400],
]);
