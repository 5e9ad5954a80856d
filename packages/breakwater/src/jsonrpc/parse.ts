import { isAscii, isUtf8 } from 'node:buffer';
import { isIdToken, type RawId } from './id.ts';
import { type Message, RpcCode } from './message.ts';
import { CHECKED_BYTES, readPlainAnswer } from './plain-answer.ts';
import { readPlainProgress } from './plain-progress.ts';
import {
  findMember,
  hasDuplicateKey,
  measureDepth,
  memberBytes,
  memberValue,
  type RawObject,
  scanArray,
  scanObject,
  skipSpace,
} from './raw.ts';

/** Why bytes are not a message: the JSON-RPC code to answer with, a sentence, and the request's id when it could be read. */
export interface ParseFault {
  readonly code: number;
  readonly message: string;
  readonly id?: RawId;
}

/** Result of a parse: malformed input is a value, never a throw. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: ParseFault };

/** Bounds on what is accepted; nesting levels, raw id bytes, elements of a batch. */
export interface ParseLimits {
  readonly jsonDepth: number;
  readonly idBytes: number;
  readonly batch: number;
}

/** A body: one message, or a batch of bodies in which each element succeeded or failed alone. */
export type Body =
  | { readonly kind: 'single'; readonly message: Message }
  | { readonly kind: 'batch'; readonly elements: readonly Parsed<Message>[] };

const ENVELOPE_KEYS: ReadonlySet<string> = new Set(['jsonrpc', 'id', 'method', 'params', 'result', 'error']);

function fail(code: number, message: string, id?: RawId): { ok: false; fault: ParseFault } {
  return { ok: false, fault: id === undefined ? { code, message } : { code, message, id } };
}

/**
 * Parses a request body from an untrusted peer. The grammar is checked with JSON.parse and the spans with the scanner: where the two could
 * disagree (duplicate envelope keys) the body is refused, because the server behind us may have a third opinion.
 */
export function parseBody(bytes: Buffer, limits: ParseLimits): Parsed<Body> {
  if (bytes.length === 0) return fail(RpcCode.parseError, 'The body is empty; send one JSON-RPC message.');
  const isPlain = isAscii(bytes);
  if (!isPlain && !isUtf8(bytes)) return fail(RpcCode.parseError, 'The body is not valid UTF-8.');
  const view = bytes.toString('latin1');
  // Each level takes two bytes: short bodies need not be measured.
  if (view.length > 2 * limits.jsonDepth && measureDepth(view, limits.jsonDepth) > limits.jsonDepth) {
    return fail(RpcCode.invalidRequest, `The body nests deeper than ${limits.jsonDepth} levels.`);
  }
  try {
    // Of ASCII the view is the text: most bodies are, and need not be decoded twice.
    JSON.parse(isPlain ? view : bytes.toString('utf8'));
  } catch {
    return fail(RpcCode.parseError, 'The body is not valid JSON.');
  }
  if (view.charCodeAt(skipSpace(view, 0)) === 0x5b) return parseBatch(bytes, view, limits);
  const message = parseScanned(scanObject(bytes, 0, view), limits);
  return message.ok ? { ok: true, value: { kind: 'single', message: message.value } } : message;
}

function parseBatch(bytes: Buffer, view: string, limits: ParseLimits): Parsed<Body> {
  const elements = scanArray(bytes, 0, view) ?? [];
  if (elements.length === 0) return fail(RpcCode.invalidRequest, 'A batch must hold at least one message.');
  if (elements.length > limits.batch)
    return fail(RpcCode.invalidRequest, `A batch may hold at most ${limits.batch} messages.`);
  return {
    ok: true,
    value: { kind: 'batch', elements: elements.map((element) => parseScanned(scanObject(element), limits)) },
  };
}

/**
 * Parses one message from a server. The envelope is read, the payload is not: a result is passed on as the bytes it came in. `view`: the bytes in latin1, where
 * they are at hand.
 */
export function parseMessage(bytes: Buffer, view = bytes.toString('latin1')): Parsed<Message> {
  const plain = readPlainAnswer(bytes, view) ?? readPlainProgress(bytes, view);
  if (plain !== undefined) return { ok: true, value: plain };
  return parseScanned(scanObject(bytes, 0, view), undefined);
}

function parseScanned(object: RawObject | undefined, limits: ParseLimits | undefined): Parsed<Message> {
  if (object === undefined) return fail(RpcCode.invalidRequest, 'A JSON-RPC message is a JSON object.');
  if (hasDuplicateKey(object, ENVELOPE_KEYS))
    return fail(RpcCode.invalidRequest, 'A member of the message occurs twice.');
  const idMember = findMember(object, 'id');
  // Not a slice of the view: V8 would keep the whole body alive for as long as somebody remembers the id.
  const token = idMember === undefined ? undefined : object.bytes.toString('latin1', idMember.start, idMember.end);
  const id = token !== undefined && isIdToken(token) ? (token as RawId) : undefined;
  if (limits !== undefined && id !== undefined && id.length > limits.idBytes) {
    return fail(RpcCode.invalidRequest, `The id is longer than ${limits.idBytes} bytes.`);
  }
  const version = findMember(object, 'jsonrpc');
  if (version === undefined || object.view.slice(version.start, version.end) !== '"2.0"') {
    return fail(RpcCode.invalidRequest, 'The member "jsonrpc" must be "2.0".', id);
  }
  const methodMember = findMember(object, 'method');
  if (methodMember === undefined) return parseResponse(object, token, id);
  const method = memberValue(object, 'method');
  if (typeof method !== 'string' || method === '')
    return fail(RpcCode.invalidRequest, 'The member "method" must be a non-empty string.', id);
  const paramsMember = findMember(object, 'params');
  const params = paramsMember === undefined ? undefined : scanObject(object.bytes, paramsMember.start, object.view);
  if (paramsMember !== undefined && params === undefined) {
    // MCP has no positional parameters; `"params": null` is seen in the field and means none.
    if (object.view.slice(paramsMember.start, paramsMember.end) !== 'null') {
      return fail(RpcCode.invalidRequest, 'The member "params" must be an object.', id);
    }
  }
  if (token === undefined) return { ok: true, value: { kind: 'notification', method, params } };
  if (id === undefined) return fail(RpcCode.invalidRequest, 'The member "id" must be a string or a number, not null.');
  return { ok: true, value: { kind: 'request', id, method, params } };
}

function parseResponse(object: RawObject, token: string | undefined, id: RawId | undefined): Parsed<Message> {
  const result = findMember(object, 'result');
  const error = findMember(object, 'error');
  if (token === undefined || (result === undefined) === (error === undefined)) {
    return fail(
      RpcCode.invalidRequest,
      'A message has "method" (a request or notification), or "id" with either "result" or "error".',
      id,
    );
  }
  if (result !== undefined) return { ok: true, value: { kind: 'result', id, result: memberBytes(object, result) } };
  if (error === undefined || scanObject(object.bytes, error.start, object.view) === undefined) {
    return fail(RpcCode.invalidRequest, 'The member "error" must be an object.', id);
  }
  return { ok: true, value: { kind: 'error', id, error: memberBytes(object, error) } };
}

/**
 * True unless the payload of a server (a result or an error) is known to be broken JSON or UTF-8. The envelope's spans are always checked; a
 * payload over 64 KiB is taken at the server's word.
 */
export function isSoundPayload(payload: Buffer): boolean {
  if (payload.length > CHECKED_BYTES) return true;
  const isPlain = isAscii(payload);
  if (!isPlain && !isUtf8(payload)) return false;
  try {
    JSON.parse(payload.toString(isPlain ? 'latin1' : 'utf8'));
    return true;
  } catch {
    return false; // the caller says what follows from it
  }
}
