import type { IncomingMessage } from 'node:http';

/** One block of an event stream. `comment` is set where the block held nothing but comments. */
export interface StreamEvent {
  readonly id: string | undefined;
  readonly event: string | undefined;
  readonly data: string | undefined;
  readonly retry: string | undefined;
  readonly comment: boolean;
}

/** Splits the blocks of an event stream; written apart from the gateway's own parser, so that the two cannot be wrong together. */
export function parseEvents(text: string): StreamEvent[] {
  return text
    .replaceAll('\r\n', '\n')
    .split('\n\n')
    .filter((block) => block.trim() !== '')
    .map(parseBlock);
}

function parseBlock(block: string): StreamEvent {
  const fields = new Map<string, string>();
  const data: string[] = [];
  let comment = true;
  for (const line of block.split('\n')) {
    if (line.startsWith(':') || line === '') continue;
    comment = false;
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') data.push(value);
    else fields.set(name, value);
  }
  return {
    id: fields.get('id'),
    event: fields.get('event'),
    data: data.length === 0 ? undefined : data.join('\n'),
    retry: fields.get('retry'),
    comment,
  };
}

/** Reads an open event stream one event at a time. */
export class EventReader {
  readonly #response: IncomingMessage;
  readonly #waiting: ((event: StreamEvent | undefined) => void)[] = [];
  readonly #ready: StreamEvent[] = [];
  /** Everything that came so far. */
  readonly seen: StreamEvent[] = [];
  #buffer = '';
  #over = false;

  constructor(response: IncomingMessage) {
    this.#response = response;
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => this.#feed(chunk));
    response.on('close', () => this.#end());
    response.on('error', () => this.#end());
  }

  /** True once the server has ended the stream, or it broke. */
  get over(): boolean {
    return this.#over && this.#ready.length === 0;
  }

  /** The next event that carries data, comments and events without data left out; undefined at the end of the stream. */
  async next(): Promise<StreamEvent | undefined> {
    for (;;) {
      const event = await this.nextBlock();
      if (event === undefined || (event.data !== undefined && event.data !== '')) return event;
    }
  }

  /** The next event or comment; undefined at the end of the stream. */
  nextBlock(): Promise<StreamEvent | undefined> {
    const ready = this.#ready.shift();
    if (ready !== undefined || this.#over) return Promise.resolve(ready);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The next message, parsed; undefined at the end of the stream. */
  async message(): Promise<unknown> {
    const event = await this.next();
    return event?.data === undefined ? undefined : JSON.parse(event.data);
  }

  /** All messages until the server ends the stream. */
  async rest(): Promise<unknown[]> {
    const messages: unknown[] = [];
    for (;;) {
      const message = await this.message();
      if (message === undefined) return messages;
      messages.push(message);
    }
  }

  /** Drops the connection. */
  close(): void {
    this.#response.destroy();
  }

  #feed(chunk: string): void {
    this.#buffer += chunk.replaceAll('\r\n', '\n');
    let end = this.#buffer.indexOf('\n\n');
    while (end >= 0) {
      const block = this.#buffer.slice(0, end);
      this.#buffer = this.#buffer.slice(end + 2);
      if (block.trim() !== '') this.#take(parseBlock(block));
      end = this.#buffer.indexOf('\n\n');
    }
  }

  #take(event: StreamEvent): void {
    this.seen.push(event);
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#ready.push(event);
    else waiting(event);
  }

  #end(): void {
    this.#over = true;
    for (const waiting of this.#waiting.splice(0)) waiting(undefined);
  }
}
