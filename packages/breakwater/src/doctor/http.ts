import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { HeaderLines } from './exchange.ts';

/** A request whose head goes out as it stands here: these headers, in this order, and no others. */
export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: HeaderLines;
  readonly body?: Buffer | undefined;
}

/** Sends a request on a connection of its own; resolves with the head of the answer. Rejects when there is none, or when `signal` aborts. */
export function sendHttp(init: HttpRequest, signal: AbortSignal): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const { url, method } = init;
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const outgoing: ClientRequest = send({
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port,
    path: `${url.pathname}${url.search}`,
    method,
    // As a flat array: Node then adds nothing and keeps order, case and repetitions.
    headers: init.headers.flat(),
    agent: false,
    signal,
    // Answers are somebody else's: a long head is to be shown, not to fail on.
    maxHeaderSize: 65_536,
  });
  outgoing.once('response', resolve);
  outgoing.on('error', reject);
  outgoing.end(init.body);
  return promise;
}

/** The header lines of an answer as they stood on the wire. */
export function linesOf({ rawHeaders }: IncomingMessage): HeaderLines {
  const lines: [string, string][] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) lines.push([rawHeaders[at] ?? '', rawHeaders[at + 1] ?? '']);
  return lines;
}

/** Why a request failed, in words for a report. */
export function failureOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? error.code : undefined;
  if (error.name === 'TimeoutError' || error.name === 'AbortError' || code === 'ABORT_ERR') return 'no answer in time';
  if (code === 'ECONNREFUSED') return 'nothing listens there';
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'the connection was cut without an answer';
  if (code === 'ENOTFOUND') return 'the host name is not known';
  return error.message;
}
