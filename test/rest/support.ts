import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { createDemoFactory } from '../../packages/breakwater/src/demo/server.ts';
import type { BreakwaterOptions, LibraryConfig } from '../../packages/breakwater/src/index.ts';
import { type RunningGateway, startGateway } from '../requirements/support/gateway.ts';

/** A JSON object as it came. */
export type Json = Readonly<Record<string, unknown>>;

/** An answer as a program reads it. */
export interface RestAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body parsed; an empty object when it is no JSON object. */
  readonly json: Json;
}

/** A gateway in front of the demo server, in process. */
export function startDemo(
  config: Partial<LibraryConfig> = {},
  options: BreakwaterOptions = {},
): Promise<RunningGateway> {
  return startGateway(
    { upstreams: { demo: { factory: createDemoFactory() } }, routes: [{ path: '/mcp' }], ...config },
    options,
  );
}

/** GET. */
export function get(url: string, headers: Readonly<Record<string, string>> = {}): Promise<RestAnswer> {
  return ask(url, { headers });
}

/** POST of a JSON value. */
export function post(url: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<RestAnswer> {
  return ask(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

/** Any request. */
export async function ask(url: string, init: RequestInit): Promise<RestAnswer> {
  const answer = await fetch(url, { redirect: 'manual', ...init });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, text, json: parse(text) };
}

/** A request whose every header is ours: fetch writes some of its own. */
export function askRaw(
  url: string,
  init: { readonly method?: string; readonly headers?: Readonly<Record<string, string>>; readonly body?: string },
): Promise<{
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly json: Json;
}> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      url,
      { method: init.method ?? 'GET', headers: init.headers ?? {}, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: parse(text) });
        });
      },
    );
    request.on('error', reject);
    request.end(init.body);
  });
}

/** One event of a stream over plain HTTP. */
export interface RestEvent {
  readonly event: string;
  readonly data: Json;
}

/** The events of a stream, as they come. Comments are left out. */
export async function* eventsOf(answer: Response): AsyncGenerator<RestEvent> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of answer.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const lines = text.slice(0, end).split('\n');
      text = text.slice(end + 2);
      const event = lines.find((line) => line.startsWith('event: '))?.slice(7);
      const data = lines.filter((line) => line.startsWith('data: ')).map((line) => line.slice(6));
      if (event !== undefined) yield { event, data: parse(data.join('\n')) };
    }
  }
}

/** All events of a stream, once it has ended. */
export async function readEvents(answer: Response): Promise<RestEvent[]> {
  const events: RestEvent[] = [];
  for await (const event of eventsOf(answer)) events.push(event);
  return events;
}

/** Opens a stream by POST. */
export function postForEvents(url: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
}

function parse(text: string): Json {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
  } catch {
    return {}; // no JSON: the test looks at the text
  }
}
