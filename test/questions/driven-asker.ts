/** Servers that ask when a test tells them to: real HTTP, no SDK, so that everything the gateway sends can be looked at. */
import type { ServerResponse } from 'node:http';
import { at } from '../requirements/support/json.ts';
import { legacyScript, modernResult, modernScript } from '../requirements/support/scripted-eras.ts';
import {
  beginStream,
  errorOf,
  resultOf,
  type ScriptedUpstream,
  type SeenRequest,
  sendJson,
  startScripted,
  writeEvent,
} from '../requirements/support/scripted-upstream.ts';
import { NAME_FORM, textResult } from './askers/words.ts';

/** A `tools/call` that a server has and has not answered. */
export class DrivenCall {
  readonly request: SeenRequest;
  /** Resolves when the gateway has closed this request, or it was answered. */
  readonly closed: Promise<void>;
  readonly #response: ServerResponse;

  constructor(request: SeenRequest, response: ServerResponse) {
    this.request = request;
    this.#response = response;
    this.closed = new Promise((resolve) => response.once('close', resolve));
  }

  /** The params it came with. */
  get params(): unknown {
    return this.request.message?.['params'];
  }

  /** Asks in the middle of the call (legacy). */
  ask(id: string, method = 'elicitation/create', params: object | undefined = FORM): void {
    this.#write({ jsonrpc: '2.0', id, method, ...(params !== undefined && { params }) });
  }

  notify(method: string, params: object): void {
    this.#write({ jsonrpc: '2.0', method, params });
  }

  /** Reports progress under the token that the request came with. */
  progress(progress: number): void {
    this.notify('notifications/progress', { progressToken: at(this.params, '_meta', 'progressToken'), progress });
  }

  log(data: string): void {
    this.notify('notifications/message', { level: 'info', data });
  }

  finish(text: string, members: object = {}): void {
    this.#end(resultOf(this.request, { ...textResult(text), ...members }));
  }

  /** Ends with a modern result that requires input. */
  require(inputRequests: object | undefined, requestState?: string): void {
    const asked = { resultType: 'input_required', inputRequests, requestState };
    this.#end(resultOf(this.request, asked));
  }

  fail(code: number, message: string, data?: unknown): void {
    this.#end(JSON.stringify(errorOf(this.request, code, message, data)));
  }

  #write(message: object): void {
    if (!this.#response.headersSent) beginStream(this.#response);
    writeEvent(this.#response, message);
  }

  #end(text: string): void {
    if (!this.#response.headersSent) return sendJson(this.#response, 200, text);
    writeEvent(this.#response, text);
    this.#response.end();
  }
}

/** The form of a driven question. */
export const FORM = { message: 'Name?', requestedSchema: NAME_FORM };

/** The same as an entry of `inputRequests`. */
export const FORM_REQUEST = { method: 'elicitation/create', params: { mode: 'form', ...FORM } };

/** A server whose calls a test answers. */
export interface DrivenAsker extends AsyncDisposable {
  readonly url: string;
  readonly upstream: ScriptedUpstream;
  /** The next call that nobody has taken yet. */
  nextCall(): Promise<DrivenCall>;
  /** How many calls came so far. */
  calls(): number;
  /** What the gateway answered to a question. */
  answerTo(id: string): Promise<Readonly<Record<string, unknown>>>;
  /** Resolves when the gateway has cancelled a call. */
  cancelled(call: DrivenCall): Promise<unknown>;
  /** Sends something on the own stream of the session that a call is in, as soon as the gateway reads it. */
  tellAside(call: DrivenCall, message: object): Promise<void>;
}

/** Starts one: 2025-11-25 with sessions, or 2026-07-28. */
export async function startDriven(era: 'legacy' | 'modern'): Promise<DrivenAsker> {
  const ready: DrivenCall[] = [];
  const waiting: ((call: DrivenCall) => void)[] = [];
  const streams = new Map<string, PromiseWithResolvers<ServerResponse>>();
  const streamOf = (request: SeenRequest): PromiseWithResolvers<ServerResponse> => {
    const session = String(request.headers['mcp-session-id']);
    const known = streams.get(session) ?? Promise.withResolvers<ServerResponse>();
    streams.set(session, known);
    return known;
  };
  const instead = (request: SeenRequest, response: ServerResponse): boolean => {
    if (request.verb === 'GET' && era === 'legacy') {
      beginStream(response);
      response.flushHeaders();
      streamOf(request).resolve(response);
      return true;
    }
    if (request.message?.['method'] !== 'tools/call') return false;
    const call = new DrivenCall(request, response);
    const taker = waiting.shift();
    if (taker === undefined) ready.push(call);
    else taker(call);
    return true;
  };
  const upstream = await startScripted(era === 'legacy' ? legacyScript({ instead }) : modernScript({ instead }));
  return {
    url: upstream.url,
    upstream,
    nextCall: () => {
      const call = ready.shift();
      return call === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(call);
    },
    calls: () => upstream.calls('tools/call').length,
    answerTo: async (id) => {
      const { message } = await upstream.until(({ message: sent }) => sent?.['id'] === id && !('method' in sent));
      return message ?? {};
    },
    cancelled: (call) =>
      upstream.until(
        ({ message }) =>
          message?.['method'] === 'notifications/cancelled' &&
          at(message, 'params', 'requestId') === call.request.message?.['id'],
      ),
    tellAside: async (call, message) => writeEvent(await streamOf(call.request).promise, message),
    [Symbol.asyncDispose]: upstream.close,
  };
}

/** What a complete modern tool result has beside its content. */
export const COMPLETE = modernResult({});
