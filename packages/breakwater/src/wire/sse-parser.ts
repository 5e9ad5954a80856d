import { createByteBuffer } from './byte-buffer.ts';

const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const SPACE = 0x20;
const LF_BYTES = Buffer.from('\n');
const EMPTY = Buffer.alloc(0);
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);
/** Length of the longest field names, `event` and `retry`. */
const LONGEST_FIELD = 5;

/** One server-sent event. */
export interface SseEvent {
  /** The `event:` field, `message` where the stream did not name one. */
  readonly event: string;
  /** The `data:` lines joined with LF; length 0 for a priming event (2025-11-25: id without data). May share memory with the pushed chunks. */
  readonly data: Buffer;
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
  const { maxEventBytes, onComment } = options;
  const line = createByteBuffer();
  const data = createByteBuffer();
  let hasData = false;
  let name = '';
  let id: string | undefined;
  let retry: number | undefined;
  let firstLine = true;
  let afterCr = false;
  let fault: SseFault | undefined;
  // While dropping an event only this is known of the current line; it finds the blank line that ends the event.
  let dropping = false;
  let droppingEmptyLine = true;

  const reset = (): void => {
    data.take();
    hasData = false;
    name = '';
    id = undefined;
    retry = undefined;
    dropping = false;
  };

  const dispatch = (): void => {
    const event = { event: name === '' ? 'message' : name, data: data.take(), id, retry };
    const isEvent = hasData || id !== undefined || retry !== undefined;
    reset();
    if (isEvent) onEvent(event);
  };

  const setField = (field: string, value: Buffer): void => {
    if (field === 'data') {
      if (hasData) data.append(LF_BYTES);
      data.append(value);
      hasData = true;
    } else if (field === 'event') name = value.toString('utf8');
    else if (field === 'id') {
      if (!value.includes(0)) id = value.toString('utf8');
    } else if (field === 'retry') {
      const text = value.toString('latin1', 0, 20);
      if (/^[0-9]{1,15}$/.test(text)) retry = Number(text);
    }
  };

  const readLine = (whole: Buffer): void => {
    let bytes = whole;
    if (firstLine) {
      firstLine = false;
      if (bytes.length >= BOM.length && bytes.subarray(0, BOM.length).equals(BOM)) bytes = bytes.subarray(BOM.length);
    }
    if (bytes.length === 0) {
      dispatch();
      return;
    }
    if (bytes[0] === COLON) {
      onComment?.(bytes.toString('utf8', bytes[1] === SPACE ? 2 : 1));
      return;
    }
    const colon = bytes.subarray(0, LONGEST_FIELD + 1).indexOf(COLON);
    if (colon >= 0) {
      setField(bytes.toString('latin1', 0, colon), bytes.subarray(bytes[colon + 1] === SPACE ? colon + 2 : colon + 1));
    } else if (bytes.length <= LONGEST_FIELD) setField(bytes.toString('latin1'), EMPTY);
  };

  const keep = (bytes: Buffer): void => {
    if (dropping) {
      if (bytes.length > 0) droppingEmptyLine = false;
      return;
    }
    if (data.size + name.length + (id?.length ?? 0) + line.size + bytes.length > maxEventBytes) {
      fault ??= { kind: 'event-too-large', maxEventBytes, id };
      line.take();
      reset();
      dropping = true;
      droppingEmptyLine = false;
      return;
    }
    line.append(bytes);
  };

  const endLine = (): void => {
    if (!dropping) readLine(line.take());
    else {
      firstLine = false;
      if (droppingEmptyLine) dropping = false;
      droppingEmptyLine = true;
    }
  };

  return {
    push(chunk) {
      fault = undefined;
      let at = 0;
      if (afterCr && chunk.length > 0) {
        afterCr = false;
        if (chunk[0] === LF) at = 1; // the second half of a CRLF that the chunks cut in two
      }
      let lf = chunk.indexOf(LF, at);
      // Looked up again only when passed: a stream without CR must not be searched for one at every line.
      let cr = chunk.indexOf(CR, at);
      while (at < chunk.length) {
        const end = lf < 0 || (cr >= 0 && cr < lf) ? cr : lf;
        if (end < 0) break;
        keep(chunk.subarray(at, end));
        endLine();
        at = end + 1;
        if (end === cr) {
          if (at === chunk.length) afterCr = true;
          else if (chunk[at] === LF) at++;
          cr = chunk.indexOf(CR, at);
        }
        if (lf >= 0 && lf < at) lf = chunk.indexOf(LF, at);
      }
      if (at < chunk.length) keep(chunk.subarray(at));
      const found = fault;
      fault = undefined;
      return found;
    },
    end() {
      line.take();
      reset();
      afterCr = false;
      firstLine = true;
      droppingEmptyLine = true;
    },
  };
}
