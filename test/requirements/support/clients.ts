import { expect } from 'vitest';
import { at, textAt } from './json.ts';
import { type Headers, post, send, stream, type WireAnswer, type WireStream } from './wire.ts';

/** Reserved `_meta` keys of 2026-07-28, written out: the tests must not learn them from the gateway. */
export const META = {
  version: 'io.modelcontextprotocol/protocolVersion',
  info: 'io.modelcontextprotocol/clientInfo',
  capabilities: 'io.modelcontextprotocol/clientCapabilities',
  logLevel: 'io.modelcontextprotocol/logLevel',
  serverInfo: 'io.modelcontextprotocol/serverInfo',
  subscription: 'io.modelcontextprotocol/subscriptionId',
} as const;

export const MODERN = '2026-07-28';
export const LATEST_LEGACY = '2025-11-25';

/** The params of `initialize`. */
export function initializeParams(protocolVersion: string = LATEST_LEGACY, capabilities: object = {}): object {
  return { protocolVersion, capabilities, clientInfo: { name: 'requirements', version: '1' } };
}

/** A legacy client in a session of its own, as raw HTTP. */
export interface LegacySession {
  readonly url: string;
  readonly id: string;
  readonly headers: Headers;
  /** The answer of `initialize`. */
  readonly opened: WireAnswer;
  /** Sends a request and reads the whole answer. */
  request(method: string, params?: object, id?: unknown, headers?: Headers): Promise<WireAnswer>;
  /** Sends a request whose answer is read as it comes. */
  stream(method: string, params: object, id?: unknown): Promise<WireStream>;
  notify(method: string, params?: object): Promise<WireAnswer>;
  /** Opens the session's GET stream. */
  listen(headers?: Headers): Promise<WireStream>;
  end(): Promise<WireAnswer>;
}

/** What {@link openSession} can be given. */
export interface SessionOptions {
  readonly revision?: string;
  readonly capabilities?: object;
  readonly headers?: Headers;
}

/** Initializes a legacy session. */
export async function openSession(url: string, options: SessionOptions = {}): Promise<LegacySession> {
  const { revision = LATEST_LEGACY, capabilities = {}, headers: own = {} } = options;
  const params = initializeParams(revision, capabilities);
  const opened = await post(url, { jsonrpc: '2.0', id: 'init', method: 'initialize', params }, own);
  expect(opened.status, opened.text).toBe(200);
  const id = textAt(opened.headers, 'mcp-session-id');
  const negotiated = textAt(opened.messages()[0], 'result', 'protocolVersion');
  const version = negotiated >= '2025-06-18' ? { 'mcp-protocol-version': negotiated } : {};
  const headers = { ...own, ...version, 'mcp-session-id': id };
  const session: LegacySession = {
    url,
    id,
    headers,
    opened,
    request: (method, request, requestId = 1, more = {}) =>
      post(url, { jsonrpc: '2.0', id: requestId, method, params: request }, { ...headers, ...more }),
    stream: (method, request, requestId = 1) =>
      stream('POST', url, headers, { jsonrpc: '2.0', id: requestId, method, params: request }),
    notify: (method, notification) => post(url, { jsonrpc: '2.0', method, params: notification }, headers),
    listen: (more = {}) => stream('GET', url, { ...headers, accept: 'text/event-stream', ...more }),
    end: () => send('DELETE', url, headers),
  };
  expect((await session.notify('notifications/initialized')).status).toBe(202);
  return session;
}

/** What {@link modernMessage} can be given beside method and params. */
export interface ModernOptions {
  readonly id?: unknown;
  /** Replaces members of the envelope; undefined leaves one out. */
  readonly meta?: Readonly<Record<string, unknown>>;
  /** Replaces headers; undefined leaves one out. */
  readonly headers?: Headers;
}

/** A complete 2026-07-28 request with the headers that belong to it. */
export function modernMessage(
  method: string,
  params: Readonly<Record<string, unknown>> = {},
  { id = 1, meta = {}, headers = {} }: ModernOptions = {},
): { readonly body: string; readonly headers: Headers } {
  const _meta = {
    [META.version]: MODERN,
    [META.capabilities]: {},
    [META.info]: { name: 'requirements', version: '1' },
    ...meta,
  };
  const named = at(params, method === 'resources/read' ? 'uri' : 'name');
  const isNamed = ['tools/call', 'prompts/get', 'resources/read'].includes(method) && typeof named === 'string';
  return {
    body: JSON.stringify({ jsonrpc: '2.0', id, method, params: { ...params, _meta } }),
    headers: {
      'mcp-protocol-version': MODERN,
      'mcp-method': method,
      ...(isNamed ? { 'mcp-name': encodeName(named) } : {}),
      ...headers,
    },
  };
}

/** Sends a 2026-07-28 request and reads the whole answer. */
export function callModern(
  url: string,
  method: string,
  params: Readonly<Record<string, unknown>> = {},
  options: ModernOptions = {},
): Promise<WireAnswer> {
  const { body, headers } = modernMessage(method, params, options);
  return post(url, body, headers);
}

/** Sends a 2026-07-28 request whose answer is read as it comes. */
export function streamModern(
  url: string,
  method: string,
  params: Readonly<Record<string, unknown>> = {},
  options: ModernOptions = {},
): Promise<WireStream> {
  const { body, headers } = modernMessage(method, params, options);
  return stream('POST', url, headers, body);
}

/** The text of the first content block of a tool's result, in a parsed response. */
export function toolText(message: unknown): string {
  return textAt(message, 'result', 'content', 0, 'text');
}

// 2026-07-28 streamable-http §Value Encoding.
function encodeName(name: string): string {
  const isSafe = /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(name) && !/^=\?base64\?.*\?=$/.test(name);
  return isSafe ? name : `=?base64?${Buffer.from(name).toString('base64')}?=`;
}
