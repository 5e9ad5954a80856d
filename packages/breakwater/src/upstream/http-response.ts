import type { IncomingHttpHeaders } from 'node:http';
import { GatewayError } from '../core/errors.ts';
import type { ResultStart } from '../core/ports.ts';
import type { RawId } from '../jsonrpc/id.ts';
import type { Message } from '../jsonrpc/message.ts';
import { MOST_HEAD_BYTES } from '../jsonrpc/open-result.ts';
import { type ParseFault, parseMessage } from '../jsonrpc/parse.ts';
import { CHECKED_BYTES } from '../jsonrpc/plain-answer.ts';
import { findMember, memberBytes, memberObject, scanArray, scanObject } from '../jsonrpc/raw.ts';
import { decodeError } from '../jsonrpc/write.ts';
import { createByteBuffer } from '../wire/byte-buffer.ts';
import { isSseMediaType } from '../wire/content-type.ts';
import { createSseParser, type SseEvent, type SseParser } from '../wire/sse-parser.ts';
import type { HttpClient, HttpControl, HttpReceiver, HttpRequest } from './http-client.ts';
import { LargeResult, type ResultWay } from './large-result.ts';
import { countRead } from './read-buffers.ts';

/** An error object in an HTTP error body; such bodies may lack an id (2025-03-26 transports §Sending Messages). */
export interface BodyError {
  readonly id: RawId | undefined;
  readonly error: Buffer;
}

/** How a response ended. */
export type ResponseEnd =
  /** A 2xx response was read to its end. `format` is undefined when it had no body. */
  | { readonly kind: 'closed'; readonly format: 'json' | 'sse' | undefined }
  /** Any other status. `text` is the start of the body, for the log. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly headers: IncomingHttpHeaders;
      readonly error: BodyError | undefined;
      readonly text: string;
    }
  /** `upstream.unavailable`, `upstream.timeout`, `upstream.lost`, `upstream.invalid` or `upstream.too-large`. */
  | { readonly kind: 'failed'; readonly error: GatewayError };

/** Receives what one response brings; `onEnd` is called once and last, unless the response is aborted or released. */
export interface ResponseSink {
  /** The head of a 2xx response. */
  onOpen?(headers: IncomingHttpHeaders): void;
  onMessage(message: Message): void;
  /**
   * A JSON response that is too large to be checked turns out to be the answer to request `id`. Whoever takes it gets its result as it comes, and no
   * message; undefined: it has to be whole.
   */
  onLarge?(id: RawId, bytes: ResultStart['bytes']): ResultWay | undefined;
  /** Something that is no message arrived; the response is read on. */
  onFault(fault: ParseFault): void;
  onEnd(end: ResponseEnd): void;
}

const MAX_ERROR_BYTES = 1_048_576;
/** A result that is passed on as it comes is longer than all that is checked whole: what stands before it fits in the difference. */
const LARGE_BYTES = CHECKED_BYTES + MOST_HEAD_BYTES;
const LOG_CHARS = 300;
const EVENT_STREAM_START = /^(?:data|event|id|retry)?:/;
const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;

/** Sends a request and reads its response as JSON-RPC messages. Faults go to the sink, never before this returns. */
export function sendRequest(
  client: HttpClient,
  request: HttpRequest,
  maxMessageBytes: number,
  sink: ResponseSink,
): ResponseReader {
  const reader = new ResponseReader(maxMessageBytes, sink);
  reader.attach(client.send(request, reader));
  return reader;
}

/**
 * One response, read as JSON-RPC messages. The body decides what it is: servers label event streams as JSON and the other way round, and
 * the first byte tells them apart for certain. Result bytes are passed on as they came.
 */
export class ResponseReader implements HttpReceiver {
  /** The id of the last event that had one; what a resumption starts from. */
  lastEventId: string | undefined;
  /** How long the server wants us to wait before we come back. */
  retryMs: number | undefined;
  /** Events and messages read so far. */
  received = 0;
  readonly #sink: ResponseSink;
  readonly #maxMessageBytes: number;
  readonly #body = createByteBuffer();
  #control: HttpControl | undefined;
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  #format: 'json' | 'sse' | undefined;
  #events: SseParser | undefined;
  #large: LargeResult | undefined;
  /** How much of a JSON body was read. */
  #read = 0;
  #over = false;

  constructor(maxMessageBytes: number, sink: ResponseSink) {
    this.#maxMessageBytes = maxMessageBytes;
    this.#sink = sink;
  }

  attach(control: HttpControl): void {
    this.#control = control;
  }

  pause(): void {
    this.#control?.pause();
  }

  resume(): void {
    this.#control?.resume();
  }

  /** Stops at once and drops the connection. */
  abort(): void {
    this.#over = true;
    this.#control?.abort();
  }

  /** Stops reading; the connection is kept when the server ends the response soon. */
  release(): void {
    this.#over = true;
    this.#control?.release();
  }

  onHeaders(status: number, headers: IncomingHttpHeaders): void {
    this.#status = status;
    this.#headers = headers;
    const encoding = headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity') {
      this.#fail(new GatewayError('upstream.invalid', { cause: `unasked content-encoding: ${encoding}` }));
      return;
    }
    if (!this.#isSuccess) return;
    this.#sink.onOpen?.(headers);
    const announced = this.#announced;
    if (announced > 0) this.#body.expect(Math.min(announced, LARGE_BYTES));
    if (!this.#over && announced > this.#maxMessageBytes && !isSseMediaType(headers['content-type'])) {
      this.#fail(new GatewayError('upstream.too-large'));
    }
  }

  onData(chunk: Buffer): void {
    countRead(chunk.length);
    if (this.#over) return;
    if (!this.#isSuccess) {
      if (this.#body.size < MAX_ERROR_BYTES) this.#body.append(chunk);
      return;
    }
    this.#format ??= this.#detectFormat(chunk);
    if (this.#over) return;
    if (this.#format === 'sse') this.#pushEvents(chunk);
    else this.#pushJson(chunk);
  }

  onEnd(): void {
    if (this.#over) return;
    if (!this.#isSuccess) {
      const body = this.#body.take();
      const error = readErrorBody(body);
      this.#finish({
        kind: 'status',
        status: this.#status,
        headers: this.#headers,
        error,
        text: body.toString('utf8', 0, LOG_CHARS),
      });
      return;
    }
    if (this.#large !== undefined) this.#endLarge(this.#large);
    else if (this.#format === 'json') this.#readValue(this.#body.take());
    if (!this.#over) this.#finish({ kind: 'closed', format: this.#format });
  }

  onError(error: GatewayError): void {
    // A JSON answer that broke off half way is as lost as one that never came, whatever it said so far.
    if (!this.#over) this.#finish({ kind: 'failed', error });
  }

  /** The bytes of the body, where the server said; 0 where it did not. */
  get #announced(): number {
    const announced = Number(this.#headers['content-length']);
    return announced > 0 ? announced : 0;
  }

  get #isSuccess(): boolean {
    return this.#status >= 200 && this.#status < 300;
  }

  #detectFormat(chunk: Buffer): 'json' | 'sse' | undefined {
    const start = skipBlank(chunk);
    if (start === chunk.length) return undefined;
    if (chunk[start] === OPEN_BRACE || chunk[start] === OPEN_BRACKET) return 'json';
    const isStream =
      isSseMediaType(this.#headers['content-type']) ||
      EVENT_STREAM_START.test(chunk.toString('latin1', start, start + 6));
    if (isStream) return 'sse';
    this.#fail(new GatewayError('upstream.invalid', { cause: `no JSON: ${chunk.toString('utf8', 0, LOG_CHARS)}` }));
    return undefined;
  }

  #pushJson(chunk: Buffer): void {
    const before = this.#read;
    this.#read += chunk.length;
    if (this.#read > this.#maxMessageBytes) this.#fail(new GatewayError('upstream.too-large'));
    else if (this.#large !== undefined) this.#pushLarge(this.#large, chunk);
    else if (before > LARGE_BYTES || this.#read <= LARGE_BYTES) this.#body.append(chunk);
    else this.#openLarge(this.#body.take(), chunk);
  }

  /** Enough was read to see what comes. */
  #openLarge(held: Buffer, chunk: Buffer): void {
    const pieces = held.length < MOST_HEAD_BYTES ? [Buffer.concat([held, chunk])] : [held, chunk];
    const [first = held, ...rest] = pieces;
    const large =
      this.#sink.onLarge === undefined ? undefined : LargeResult.open(first.subarray(skipBlank(first)), rest);
    const announced = this.#announced;
    // What was read of the result already is among what is announced.
    const bytes = announced === 0 || large === undefined ? undefined : announced - (this.#read - large.received);
    const way = large === undefined ? undefined : this.#sink.onLarge?.(large.id, bytes);
    if (large === undefined || way === undefined) {
      this.#body.expect(announced);
      for (const piece of pieces) this.#body.append(piece);
      return;
    }
    this.received++;
    this.#large = large;
    large.begin(way);
  }

  #pushLarge(large: LargeResult, bytes: Buffer): void {
    if (!this.#over && !large.push(bytes)) this.#fail(new GatewayError('upstream.invalid', { cause: 'broken JSON' }));
  }

  #endLarge(large: LargeResult): void {
    if (large.end()) return;
    this.#fail(new GatewayError('upstream.invalid', { cause: 'a large response that is not what it began as' }));
  }

  #pushEvents(chunk: Buffer): void {
    this.#events ??= createSseParser((event) => this.#readEvent(event), { maxEventBytes: this.#maxMessageBytes });
    const fault = this.#events.push(chunk);
    if (fault !== undefined && !this.#over) this.#fail(new GatewayError('upstream.too-large'));
  }

  #readEvent(event: SseEvent): void {
    if (this.#over) return;
    this.received++;
    if (event.id !== undefined) this.lastEventId = event.id === '' ? undefined : event.id;
    if (event.retry !== undefined) this.retryMs = event.retry;
    if (event.event === 'message' && event.data.length > 0) this.#readValue(event.data, event.text);
  }

  // 2025-03-26 servers may answer with a batch, as JSON and in an event.
  #readValue(bytes: Buffer, view?: string): void {
    if (bytes[0] === OPEN_BRACE) return this.#readMessage(bytes, view);
    const start = skipBlank(bytes);
    const elements = bytes[start] === OPEN_BRACKET ? scanArray(bytes, start) : [bytes.subarray(start)];
    for (const element of elements ?? [bytes]) this.#readMessage(element);
  }

  #readMessage(bytes: Buffer, view?: string): void {
    if (this.#over) return;
    const parsed = parseMessage(bytes, view);
    this.received++;
    if (parsed.ok) this.#sink.onMessage(parsed.value);
    else this.#sink.onFault(parsed.fault);
  }

  #fail(error: GatewayError): void {
    this.#control?.abort();
    this.#finish({ kind: 'failed', error });
  }

  #finish(end: ResponseEnd): void {
    this.#over = true;
    this.#sink.onEnd(end);
  }
}

/** The JSON-RPC error in an HTTP error body; undefined when the body is something else. */
function readErrorBody(body: Buffer): BodyError | undefined {
  const object = scanObject(body);
  if (object === undefined) return undefined;
  const member = findMember(object, 'error');
  if (member === undefined || memberObject(object, 'error') === undefined) return undefined;
  const error = memberBytes(object, member);
  if (decodeError(error) === undefined) return undefined;
  const id = findMember(object, 'id');
  const token = id === undefined ? 'null' : object.view.slice(id.start, id.end);
  return { id: token === 'null' ? undefined : (token as RawId), error };
}

function skipBlank(bytes: Buffer): number {
  let i = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  while (i < bytes.length && (bytes[i] === 0x20 || bytes[i] === 0x0a || bytes[i] === 0x0d || bytes[i] === 0x09)) i++;
  return i;
}
