import {
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request,
} from 'node:http';
import { EventReader, parseEvents, type StreamEvent } from './events.ts';

/** Headers of a request; an array is sent as that many lines. */
export type Headers = OutgoingHttpHeaders;

/** A whole HTTP answer. */
export interface WireAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body parsed as JSON; throws where it is none. */
  json(): unknown;
  /** The events of the body. */
  events(): StreamEvent[];
  /** The JSON-RPC messages of the answer, whatever its form, in their order. */
  messages(): unknown[];
}

/** An answer whose body is still coming. */
export interface WireStream {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly reader: EventReader;
  /** Drops the connection. */
  close(): void;
}

/** What both revisions want a client to accept. */
export const ACCEPT_BOTH = 'application/json, text/event-stream';
const POST_HEADERS: Headers = { 'content-type': 'application/json', accept: ACCEPT_BOTH };

/** Sends a request and reads the whole answer. A header of value undefined is left out. */
export async function send(method: string, url: string, headers: Headers, body?: string | Buffer): Promise<WireAnswer> {
  const response = await open(method, url, headers, body).response;
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  const answer: WireAnswer = {
    status: response.statusCode ?? 0,
    headers: response.headers,
    text,
    json: () => parseJson(text),
    events: () => parseEvents(text),
    messages: () => {
      if (!String(response.headers['content-type']).startsWith('text/event-stream')) return [parseJson(text)].flat();
      return parseEvents(text).flatMap(({ data }) => (data === undefined || data === '' ? [] : [parseJson(data)]));
    },
  };
  return answer;
}

/** POSTs a message; an object is written as JSON. */
export function post(url: string, message: unknown, headers: Headers = {}): Promise<WireAnswer> {
  return send('POST', url, { ...POST_HEADERS, ...headers }, encode(message));
}

/** Sends a request and returns once the head of its answer is there. */
export async function stream(method: string, url: string, headers: Headers, message?: unknown): Promise<WireStream> {
  const body = message === undefined ? undefined : encode(message);
  const response = await open(method, url, { ...(body === undefined ? {} : POST_HEADERS), ...headers }, body).response;
  const reader = new EventReader(response);
  return { status: response.statusCode ?? 0, headers: response.headers, reader, close: () => reader.close() };
}

/** A request under way, for tests that drop it before it is answered. */
export function open(
  method: string,
  url: string,
  headers: Headers,
  body?: string | Buffer,
): { readonly sent: ClientRequest; readonly response: Promise<IncomingMessage> } {
  const lines = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined));
  const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
  const sent = request(url, { method, headers: { ...lines, ...length }, agent: false });
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  sent.once('response', resolve).once('error', reject);
  // A dropped request rejects although nobody waits for it any more.
  promise.catch(() => undefined);
  sent.end(body);
  return { sent, response: promise };
}

function encode(message: unknown): string | Buffer {
  return typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new TypeError(`not JSON: ${text.slice(0, 500)}`);
  }
}
