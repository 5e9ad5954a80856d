import type { IncomingMessage } from 'node:http';
import { isObject, type JsonObject } from '../protocol/capabilities.ts';
import { createSseParser, type SseEvent } from '../wire/sse-parser.ts';
import type { Answer } from './answer.ts';

/** One event as a script reads it. */
export interface StreamEvent {
  readonly event: string;
  readonly data: string;
  /** The data as a JSON object, when it is one. */
  readonly json: JsonObject | undefined;
}

const MOST_EVENT_BYTES = 8 * 1_048_576;
/** Bytes of one stream that are read; whoever sends more in one visit is flooding. */
const MOST_BYTES = 16 * 1_048_576;

/** An event stream that a script keeps open beside its requests. */
export class Stream {
  /** The head of the answer; its body is what came in the meantime. */
  readonly answer: Answer;
  readonly #response: IncomingMessage;
  readonly #seen: StreamEvent[] = [];
  #ended = false;
  #wake: () => void = () => undefined;

  constructor(answer: Answer, response: IncomingMessage, onText: (text: string) => void) {
    this.answer = answer;
    this.#response = response;
    const parser = createSseParser((event) => this.#take(event), { maxEventBytes: MOST_EVENT_BYTES });
    let size = 0;
    response.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MOST_BYTES) response.destroy();
      onText(chunk.toString());
      parser.push(chunk);
    });
    const end = (): void => {
      this.#ended = true;
      this.#wake();
    };
    response.once('end', end).once('close', end).on('error', end);
  }

  /** The first event, past or future, that matches; undefined when the stream ends or the time is over before. */
  async find(matches: (event: StreamEvent) => boolean, waitMs: number): Promise<StreamEvent | undefined> {
    const over = AbortSignal.timeout(waitMs);
    while (true) {
      const found = this.#seen.find(matches);
      if (found !== undefined || this.#ended || over.aborted) return found;
      await this.#change(over);
    }
  }

  /** The event at this place (from 0) among those with data, once it came; undefined when the stream ends or the time is over before. */
  async at(index: number, waitMs: number): Promise<StreamEvent | undefined> {
    const over = AbortSignal.timeout(waitMs);
    while (true) {
      const found = this.#seen.filter(({ data }) => data !== '')[index];
      if (found !== undefined || this.#ended || over.aborted) return found;
      await this.#change(over);
    }
  }

  /** Resolves with whether the server ended the stream within this time. */
  async ends(waitMs: number): Promise<boolean> {
    const over = AbortSignal.timeout(waitMs);
    while (!this.#ended && !over.aborted) await this.#change(over);
    return this.#ended;
  }

  /** Leaves. */
  close(): void {
    this.#response.destroy();
  }

  #change(over: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      over.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  #take({ event, data }: SseEvent): void {
    const text = data.toString();
    this.#seen.push({ event, data: text, json: parse(text) });
    this.#wake();
  }
}

function parse(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined; // An endpoint event is no JSON.
  }
}
