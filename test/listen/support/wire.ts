import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { connect } from 'node:net';
import { modernMessage } from '../../requirements/support/clients.ts';
import { EventReader } from '../../requirements/support/events.ts';
import { ACCEPT_BOTH, type Headers, type WireStream } from '../../requirements/support/wire.ts';
import { HOST } from './certificates.ts';

/** Where a request goes: always this machine, whatever its Host says. */
export interface Place {
  readonly port: number;
  /** The authority whose certificates are believed; plain HTTP without. */
  readonly ca?: string | undefined;
  /** Which address of this machine it comes from. */
  readonly localAddress?: string;
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Headers;
  readonly body?: string;
}

/** A whole answer. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** Sends a request and reads the whole answer. */
export async function ask(place: Place): Promise<Answer> {
  const response = await open(place);
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(chunks).toString() };
}

/** A `ping` to `/mcp`, or elsewhere. */
export function ping(place: Place): Promise<Answer> {
  const headers = { 'content-type': 'application/json', accept: ACCEPT_BOTH, ...place.headers };
  const body = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
  return ask({ method: 'POST', path: '/mcp', ...place, headers, body });
}

/** A modern `tools/list`, which becomes an exchange. */
export function listTools(place: Place): Promise<Answer> {
  const { body, headers } = modernMessage('tools/list');
  const all = { 'content-type': 'application/json', accept: ACCEPT_BOTH, ...headers, ...place.headers };
  return ask({ method: 'POST', path: '/mcp', ...place, headers: all, body });
}

/** The endpoint that the gateway tells this caller to use. */
export async function endpointTold(place: Place): Promise<string> {
  const { text } = await ask({ ...place, path: '/mcp' });
  return (JSON.parse(text) as { canonical_endpoint: string }).canonical_endpoint;
}

/** Calls a tool of the modern era with a progress token and reads the answer as it comes. */
export async function callTool(place: Place, name: string, args: object): Promise<WireStream> {
  const params = { name, arguments: args };
  const { body, headers } = modernMessage('tools/call', params, { meta: { progressToken: 'p' } });
  const all = { 'content-type': 'application/json', accept: ACCEPT_BOTH, ...headers, ...place.headers };
  const response = await open({ method: 'POST', path: '/mcp', ...place, headers: all, body });
  const reader = new EventReader(response);
  return { status: response.statusCode ?? 0, headers: response.headers, reader, close: () => reader.close() };
}

function open({
  port,
  ca,
  localAddress,
  method = 'GET',
  path = '/',
  headers = {},
  body,
}: Place): Promise<IncomingMessage> {
  const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
  const options = {
    host: '127.0.0.1',
    port,
    method,
    path,
    headers: { ...length, ...headers },
    localAddress,
    agent: false as const,
  };
  const sent: ClientRequest =
    ca === undefined ? requestHttp(options) : requestHttps({ ...options, ca, servername: HOST });
  return new Promise((resolve, reject) => {
    sent.once('response', resolve).once('error', reject).end(body);
  });
}

/** Sends bytes, piece by piece, and resolves with all that came back until the other side closed; `end` closes ours after the last piece. */
export function sendBytes(port: number, pieces: readonly (Buffer | string)[], { end = false } = {}): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk) => {
      text += String(chunk);
    });
    socket.on('error', () => undefined).once('close', () => resolve(text));
    void (async () => {
      for (const piece of pieces) {
        if (!socket.writable) return;
        await new Promise<void>((written) => socket.write(piece, () => written()));
        // In a packet of its own.
        await new Promise((turn) => setImmediate(turn));
      }
      if (end) socket.end();
    })();
  });
}
