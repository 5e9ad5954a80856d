import { type ByteBuffer, createByteBuffer } from './byte-buffer.ts';

const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const SPACE = 0x20;
const LF_BYTES = Buffer.from('\n');
const EMPTY = Buffer.alloc(0);
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);
/** Length of the longest field names, `event` and `retry`. */
const LONGEST_FIELD = 5;
/** Chunks up to so long are read as text, where they hold what nearly all do. */
const TEXT_BYTES = 16_384;
const EVENT = 'event: message\n';
const ID = 'id: ';
const DATA_LINE = 'data: ';

/** One server-sent event. */
export interface SseEvent {
  /** The `event:` field, `message` where the stream did not name one. */
  readonly event: string;
  /** The `data:` lines joined with LF; length 0 for a priming event (2025-11-25: id without data). May share memory with the pushed chunks. */
  readonly data: Buffer;
  /** The data in latin1, where it was made anyway. */
  readonly text?: string;
  /** The `id:` field of this very event, `''` when the stream resets it; remembering it is up to the caller. */
  readonly id: string | undefined;
  /** The `retry:` field in milliseconds. */
  readonly retry: number | undefined;
}

/** An event was larger than allowed and was dropped whole. */
export interface SseFault {
  readonly kind: 'event-too-large';
  readonly maxEventBytes: number;
  /** The dropped event's id, if it stood before what was too large. */
  readonly id: string | undefined;
}

/** Options of {@link createSseParser}. */
export interface SseParserOptions {
  /** Bytes of one event: what it keeps (data, id, name) and the line being read, field name included. */
  readonly maxEventBytes: number;
  /** Receives the text of a comment line (keep-alives). */
  readonly onComment?: (text: string) => void;
}

/** An incremental SSE parser; see {@link createSseParser}. */
export interface SseParser {
  /** Reads on; events are delivered before it returns. Returns the first fault of this chunk; the stream can be read on after it. */
  push(chunk: Buffer): SseFault | undefined;
  /** The stream is over: an unfinished event is discarded (HTML §9.2.6: it may be cut in the middle). */
  end(): void;
}

/**
 * Makes a parser of the `text/event-stream` format (HTML §9.2.6): bytes in, events out, the same events however the bytes are cut into
 * chunks. A block is an event as soon as it has data, an id or a retry time; the HTML rule would swallow priming events.
 */
export function createSseParser(onEvent: (event: SseEvent) => void, options: SseParserOptions): SseParser {
  return new Parser(onEvent, options);
}

// A class, and no buffer before one is needed: nearly every answer is one read that holds whole lines, and then neither is.
class Parser implements SseParser {
  readonly #onEvent: (event: SseEvent) => void;
  readonly #options: SseParserOptions;
  /** The line that the last chunk did not end; made when there is one. */
  #line: ByteBuffer | undefined;
  /** The first data line of the event, and all of them where there are several. */
  #first: Buffer | undefined;
  #data: ByteBuffer | undefined;
  #name = '';
  #id: string | undefined;
  #retry: number | undefined;
  #isFirstLine = true;
  #isAfterCr = false;
  #fault: SseFault | undefined;
  // While an event is dropped only this is known of the current line; it finds the blank line that ends the event.
  #isDropping = false;
  #isDroppingEmptyLine = true;

  constructor(onEvent: (event: SseEvent) => void, options: SseParserOptions) {
    this.#onEvent = onEvent;
    this.#options = options;
  }

  push(chunk: Buffer): SseFault | undefined {
    this.#fault = undefined;
    let at = this.#readPlain(chunk);
    if (this.#isAfterCr && chunk.length > 0) {
      this.#isAfterCr = false;
      if (chunk[0] === LF) at = 1; // the second half of a CRLF that the chunks cut in two
    }
    let lf = chunk.indexOf(LF, at);
    // Looked up again only when passed: a stream without CR must not be searched for one at every line.
    let cr = chunk.indexOf(CR, at);
    while (at < chunk.length) {
      const end = lf < 0 || (cr >= 0 && cr < lf) ? cr : lf;
      if (end < 0) break;
      this.#endLine(chunk, at, end);
      at = end + 1;
      if (end === cr) {
        if (at === chunk.length) this.#isAfterCr = true;
        else if (chunk[at] === LF) at++;
        cr = chunk.indexOf(CR, at);
      }
      if (lf >= 0 && lf < at) lf = chunk.indexOf(LF, at);
    }
    if (at < chunk.length && this.#keep(chunk.length - at)) {
      this.#line ??= createByteBuffer();
      this.#line.append(chunk.subarray(at));
    }
    const found = this.#fault;
    this.#fault = undefined;
    return found;
  }

  end(): void {
    this.#line?.take();
    this.#reset();
    this.#isAfterCr = false;
    this.#isFirstLine = true;
    this.#isDroppingEmptyLine = true;
  }

  /**
   * Reads whole events in the spelling that nearly all servers use: the name `message` or none, an id or none, one line of data; LF, one space. Returns where the
   * first begins that is spelled otherwise, or is not whole: the lines read that one. As text, made once, this costs a third of it.
   */
  #readPlain(chunk: Buffer): number {
    const { maxEventBytes } = this.#options;
    if (!this.#isBetween || chunk.length > TEXT_BYTES || chunk.length > maxEventBytes) return 0;
    const view = chunk.toString('latin1');
    if (view.includes('\r')) return 0;
    let at = 0;
    for (;;) {
      let from = view.startsWith(EVENT, at) ? at + EVENT.length : at;
      let id: string | undefined;
      if (view.startsWith(ID, from)) {
        const end = view.indexOf('\n', from);
        id = end < 0 ? undefined : readPlainId(view, from + ID.length, end);
        if (id === undefined) return at;
        from = end + 1;
      }
      if (!view.startsWith(DATA_LINE, from)) return at;
      const start = from + DATA_LINE.length;
      const end = view.indexOf('\n', start);
      if (end < 0 || view.charCodeAt(end + 1) !== LF) return at;
      at = end + 2;
      this.#isFirstLine = false;
      const text = view.slice(start, end);
      this.#onEvent({ event: 'message', data: chunk.subarray(start, end), text, id, retry: undefined });
    }
  }

  /** True where the next line is the first of an event. */
  get #isBetween(): boolean {
    if (this.#isAfterCr || this.#isDropping || this.#first !== undefined || this.#name !== '') return false;
    return this.#id === undefined && this.#retry === undefined && (this.#line === undefined || this.#line.size === 0);
  }

  /** True when there is room for so many bytes more of the current line; without it, or while an event is dropped, they are. */
  #keep(bytes: number): boolean {
    if (this.#isDropping) {
      if (bytes > 0) this.#isDroppingEmptyLine = false;
      return false;
    }
    const { maxEventBytes } = this.#options;
    const data = this.#data?.size ?? this.#first?.length ?? 0;
    const id = this.#id;
    if (data + this.#name.length + (id?.length ?? 0) + (this.#line?.size ?? 0) + bytes <= maxEventBytes) return true;
    this.#fault ??= { kind: 'event-too-large', maxEventBytes, id };
    this.#line?.take();
    this.#reset();
    this.#isDropping = true;
    this.#isDroppingEmptyLine = false;
    return false;
  }

  #endLine(chunk: Buffer, from: number, to: number): void {
    if (!this.#keep(to - from)) {
      this.#isFirstLine = false;
      if (this.#isDroppingEmptyLine) this.#isDropping = false;
      this.#isDroppingEmptyLine = true;
    } else if (this.#line === undefined || this.#line.size === 0) this.#readLine(chunk, from, to);
    else {
      this.#line.append(chunk.subarray(from, to));
      const line = this.#line.take();
      this.#readLine(line, 0, line.length);
    }
  }

  #readLine(bytes: Buffer, start: number, to: number): void {
    let from = start;
    if (this.#isFirstLine) {
      this.#isFirstLine = false;
      if (to - from >= BOM.length && bytes.compare(BOM, 0, BOM.length, from, from + BOM.length) === 0)
        from += BOM.length;
    }
    if (from === to) return this.#dispatch();
    if (bytes[from] === COLON) {
      this.#options.onComment?.(
        bytes.toString('utf8', bytes[from + 1] === SPACE && from + 1 < to ? from + 2 : from + 1, to),
      );
      return;
    }
    const longest = Math.min(to, from + LONGEST_FIELD + 1);
    let colon = from;
    while (colon < longest && bytes[colon] !== COLON) colon++;
    if (colon < longest) {
      const value = colon + 1 < to && bytes[colon + 1] === SPACE ? colon + 2 : colon + 1;
      this.#setField(bytes.toString('latin1', from, colon), bytes.subarray(value, to));
    } else if (to - from <= LONGEST_FIELD) this.#setField(bytes.toString('latin1', from, to), EMPTY);
  }

  #setField(field: string, value: Buffer): void {
    if (field === 'data') this.#addData(value);
    else if (field === 'event') this.#name = value.toString('utf8');
    else if (field === 'id') {
      if (!value.includes(0)) this.#id = value.toString('utf8');
    } else if (field === 'retry') {
      const text = value.toString('latin1', 0, 20);
      if (/^[0-9]{1,15}$/.test(text)) this.#retry = Number(text);
    }
  }

  #addData(value: Buffer): void {
    if (this.#first === undefined) {
      this.#first = value;
      return;
    }
    if (this.#data === undefined) {
      this.#data = createByteBuffer();
      this.#data.append(this.#first);
    }
    this.#data.append(LF_BYTES);
    this.#data.append(value);
  }

  #dispatch(): void {
    const name = this.#name;
    const id = this.#id;
    const retry = this.#retry;
    const isEvent = this.#first !== undefined || id !== undefined || retry !== undefined;
    const data = this.#data?.take() ?? this.#first ?? EMPTY;
    this.#reset();
    if (isEvent) this.#onEvent({ event: name === '' ? 'message' : name, data, id, retry });
  }

  #reset(): void {
    this.#first = undefined;
    this.#data = undefined;
    this.#name = '';
    this.#id = undefined;
    this.#retry = undefined;
    this.#isDropping = false;
  }
}

/** An id that is its own bytes in latin1; undefined for any other. */
function readPlainId(view: string, start: number, end: number): string | undefined {
  const id = view.slice(start, end);
  // A copy: it is remembered for as long as the stream, and a slice would keep all that came with it.
  return /^[\x20-\x7e]*$/.test(id) ? Buffer.from(id, 'latin1').toString('latin1') : undefined;
}
