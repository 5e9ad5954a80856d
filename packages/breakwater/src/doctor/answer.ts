import { isObject, type JsonObject } from '../protocol/capabilities.ts';
import { isJsonMediaType, isSseMediaType } from '../wire/content-type.ts';
import type { Ending, HeaderLines } from './exchange.ts';

/** What an answer is made of. */
export interface AnswerInit {
  readonly n: number;
  /** 0 when there was none. */
  readonly status: number;
  readonly headers: HeaderLines;
  readonly body: string;
  readonly ending: Ending;
  readonly failure?: string | undefined;
  /** The `data` of each event when the body is an event stream. */
  readonly events: readonly string[];
  /** The id the request had. */
  readonly id: unknown;
}

/** The answer to one request, as scripts look at it. */
export class Answer {
  readonly n: number;
  readonly status: number;
  readonly headers: HeaderLines;
  readonly text: string;
  readonly ending: Ending;
  readonly failure: string | undefined;
  readonly events: readonly string[];
  /** The JSON body, or the event that answers the request; undefined when neither can be read. */
  readonly json: JsonObject | undefined;

  constructor(init: AnswerInit) {
    this.n = init.n;
    this.status = init.status;
    this.headers = init.headers;
    this.text = init.body;
    this.ending = init.ending;
    this.failure = init.failure;
    this.events = init.events;
    this.json = this.isStream
      ? init.events.map(parseObject).find((each) => each !== undefined && each['id'] === init.id && !('method' in each))
      : parseObject(init.body);
  }

  /** The first header of this name. */
  header(name: string): string | undefined {
    return this.headers.find(([each]) => each.toLowerCase() === name)?.[1];
  }

  get sessionId(): string | undefined {
    return this.header('mcp-session-id');
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  get isStream(): boolean {
    return isSseMediaType(this.header('content-type'));
  }

  /** The body says that it is JSON, and it is. */
  get isJson(): boolean {
    return isJsonMediaType(this.header('content-type')) && this.json !== undefined;
  }

  /** The JSON-RPC result, when the request was answered with one. */
  get result(): JsonObject | undefined {
    const result = this.ok ? this.json?.['result'] : undefined;
    return isObject(result) ? result : undefined;
  }

  /** The JSON-RPC error, whatever the status. */
  get error(): { readonly code: unknown; readonly message: string; readonly data: JsonObject } | undefined {
    const error = this.json?.['error'];
    if (!isObject(error)) return undefined;
    const { code, message, data } = error;
    return { code, message: typeof message === 'string' ? message : '', data: isObject(data) ? data : {} };
  }

  /** The items of a list result; undefined when it is none. */
  list(name: string): readonly JsonObject[] | undefined {
    const items = this.result?.[name];
    return Array.isArray(items) ? items.filter(isObject) : undefined;
  }

  /** In a few words: `404 text/html, 22 bytes`. */
  describe(): string {
    if (this.failure !== undefined) return this.failure;
    const type = this.header('content-type')?.split(';', 1)[0] ?? 'no media type';
    const { error } = this;
    if (error !== undefined) return `${this.status} with error ${String(error.code)} “${cut(error.message)}”`;
    if (this.text === '') return `${this.status} with an empty body`;
    return `${this.status} ${type}${this.ending === 'left-open' ? ', a stream that stayed open' : ` “${cut(this.text)}”`}`;
  }
}

function parseObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined; // Not JSON: that is what callers want to know.
  }
}

function cut(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > 80 ? `${line.slice(0, 80)}…` : line;
}
