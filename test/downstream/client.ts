import { connect, type Socket } from 'node:net';
import type { Harness } from './harness.ts';

/** A JSON value that a test looks into. */
export type Json = { readonly [key: string]: Json } & readonly Json[] & string & number & boolean;

/** A complete answer. */
export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed body; throws when it is not JSON. */
  readonly json: Json;
}

export const BOTH = 'application/json, text/event-stream';
const VERSION = 'io.modelcontextprotocol/protocolVersion';
const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';

/** Sends a request with exactly these headers (and what fetch must add) and reads the whole answer. */
export async function send(
  harness: Harness,
  method: string,
  headers: Readonly<Record<string, string>>,
  body?: string | Buffer,
  path = '/mcp',
): Promise<Answered> {
  const response = await open(harness, method, headers, body, path);
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    get json() {
      return JSON.parse(text) as Json;
    },
  };
}

/** Sends a request and resolves with its head; the body is still open. */
export function open(
  harness: Harness,
  method: string,
  headers: Readonly<Record<string, string>>,
  body?: string | Buffer,
  path = '/mcp',
  signal?: AbortSignal,
): Promise<Response> {
  return fetch(harness.url(path), {
    method,
    headers,
    redirect: 'manual',
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : new Uint8Array(body) }),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** A POST as every well-behaved client sends it. */
export function post(
  harness: Harness,
  message: unknown,
  headers: Readonly<Record<string, string>> = {},
  path = '/mcp',
): Promise<Answered> {
  const body = typeof message === 'string' ? message : JSON.stringify(message);
  return send(harness, 'POST', { 'content-type': 'application/json', accept: BOTH, ...headers }, body, path);
}

/** An initialize message. */
export function initializeMessage(protocolVersion: unknown = '2025-11-25', id: unknown = 0): object {
  const params = { protocolVersion, capabilities: {}, clientInfo: { name: 'test', version: '1' } };
  return { jsonrpc: '2.0', id, method: 'initialize', params };
}

/** A request message. */
export function request(method: string, params?: object, id: unknown = 1): object {
  return { jsonrpc: '2.0', id, method, ...(params === undefined ? {} : { params }) };
}

/** A tools/call message that asks for progress. */
export function call(name: string, args: object = {}, id: unknown = 1): object {
  return request('tools/call', { name, arguments: args, _meta: { progressToken: 'mine' } }, id);
}

export const INITIALIZED = { jsonrpc: '2.0', method: 'notifications/initialized' };

/** Opens a session of this revision, says `initialized`, and returns the headers of its requests. */
export async function openSession(
  harness: Harness,
  revision = '2025-11-25',
  extra: Readonly<Record<string, string>> = {},
): Promise<Record<string, string>> {
  const answer = await post(harness, initializeMessage(revision), extra);
  const headers = {
    ...extra,
    'mcp-session-id': answer.headers.get('mcp-session-id') ?? '',
    'mcp-protocol-version': revision,
  };
  await post(harness, INITIALIZED, headers);
  return headers;
}

/** The params of a modern request. */
export function modernParams(params: object = {}, meta: object = {}): object {
  return { ...params, _meta: { [VERSION]: '2026-07-28', [CAPABILITIES]: {}, ...meta } };
}

/** The headers of a modern request. */
export function modernHeaders(method: string, name?: string): Record<string, string> {
  return {
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': method,
    ...(name === undefined ? {} : { 'mcp-name': name }),
  };
}

/** A modern request as every well-behaved client sends it. */
export function postModern(
  harness: Harness,
  method: string,
  params: object = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<Answered> {
  const name = 'name' in params ? String(params.name) : undefined;
  return post(harness, request(method, modernParams(params)), { ...modernHeaders(method, name), ...headers });
}

/** Writes raw bytes to the server and reads until the server closes or `enough` says so. */
export async function sendRaw(
  harness: Harness,
  text: string,
  enough: (received: string) => boolean = hasBody,
): Promise<string> {
  const socket = await dial(harness);
  socket.write(text);
  return readUntil(socket, enough);
}

/** Opens a TCP connection to the server. */
export function dial(harness: Harness): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(harness.port, '127.0.0.1', () => resolve(socket));
    socket.once('error', reject);
  });
}

/** Reads text until `enough`, or until the other side ends; the socket is destroyed then. */
export function readUntil(socket: Socket, enough: (received: string) => boolean): Promise<string> {
  return new Promise((resolve) => {
    let received = '';
    const finish = (): void => {
      socket.destroy();
      resolve(received);
    };
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1');
      if (enough(received)) finish();
    });
    socket.on('error', finish);
    socket.on('end', finish);
    socket.on('close', finish);
  });
}

/** True when a head with content-length and that many bytes arrived. */
export function hasBody(received: string): boolean {
  const end = received.indexOf('\r\n\r\n');
  const length = /\r\ncontent-length: (\d+)/i.exec(received)?.[1];
  return end >= 0 && length !== undefined && received.length >= end + 4 + Number(length);
}
