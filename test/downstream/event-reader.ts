/** One event as a client sees it; comments are events of their own here. */
export interface SeenEvent {
  readonly comment?: string;
  readonly event?: string;
  readonly id?: string;
  readonly retry?: string;
  readonly data?: string;
}

/** Reads the events of a response one by one. */
export class EventReader {
  readonly response: Response;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #text = '';

  constructor(response: Response) {
    if (response.body === null) throw new Error('the response has no body');
    this.response = response;
    this.#reader = response.body.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  }

  /** The next event, comments included; undefined at the end of the stream. */
  async next(): Promise<SeenEvent | undefined> {
    for (;;) {
      const end = this.#text.indexOf('\n\n');
      if (end >= 0) {
        const block = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        return parseBlock(block);
      }
      const { done, value } = await this.#reader.read();
      if (done) return undefined;
      this.#text += this.#decoder.decode(value, { stream: true });
    }
  }

  /** The next event that carries data. */
  async message(): Promise<SeenEvent | undefined> {
    for (;;) {
      const event = await this.next();
      if (event === undefined || (event.data !== undefined && event.data !== '')) return event;
    }
  }

  /** All events up to the end of the stream. */
  async rest(): Promise<SeenEvent[]> {
    const events: SeenEvent[] = [];
    for (let event = await this.next(); event !== undefined; event = await this.next()) events.push(event);
    return events;
  }

  /** Goes away. */
  async close(): Promise<void> {
    await this.#reader.cancel();
  }
}

function parseBlock(block: string): SeenEvent {
  const fields: Record<string, string> = {};
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    const name = colon === 0 ? 'comment' : line.slice(0, colon);
    const value = line.slice(colon + 1).replace(/^ /, '');
    fields[name] = name in fields ? `${fields[name]}\n${value}` : value;
  }
  return fields;
}
