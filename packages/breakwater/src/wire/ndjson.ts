import { createByteBuffer } from './byte-buffer.ts';

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
/** How much of a dropped line is reported from each end: enough to find the id, which SDKs write first or last. */
const EXCERPT_BYTES = 256;
const EMPTY = Buffer.alloc(0);

/** A line that was longer than allowed: its length and both its ends. */
export interface LineOverflow {
  readonly bytes: number;
  /** The first bytes of the line, at most 256. */
  readonly head: Buffer;
  /** The last bytes of the line, at most 256. */
  readonly tail: Buffer;
}

/** Options of {@link createLineSplitter}. */
export interface LineSplitterOptions {
  /** Longest line, without its LF. */
  readonly maxLineBytes: number;
  /** Called once per dropped line, when the line ends. */
  readonly onOverflow: (overflow: LineOverflow) => void;
}

/** An incremental line splitter; see {@link createLineSplitter}. */
export interface LineSplitter {
  push(chunk: Buffer): void;
  /** The input is over: delivers a last line that has no LF. */
  end(): void;
}

/**
 * Makes a splitter for newline-delimited JSON: bytes in, lines out without their LF or CRLF, the same lines however the bytes are cut.
 * Empty lines are skipped; an over-long line is dropped whole and the next one is read. Lines may share memory with the chunks.
 */
export function createLineSplitter(onLine: (line: Buffer) => void, options: LineSplitterOptions): LineSplitter {
  const { maxLineBytes, onOverflow } = options;
  const pending = createByteBuffer();
  let dropped: { bytes: number; head: Buffer; tail: Buffer } | undefined;

  const keep = (bytes: Buffer): void => {
    if (dropped === undefined && pending.size + bytes.length <= maxLineBytes) {
      pending.append(bytes);
      return;
    }
    if (dropped === undefined) {
      pending.append(bytes);
      const line = pending.take();
      dropped = {
        bytes: line.length,
        head: excerpt(line.subarray(0, EXCERPT_BYTES)),
        tail: excerpt(line.subarray(-EXCERPT_BYTES)),
      };
      return;
    }
    dropped.bytes += bytes.length;
    if (dropped.head.length < EXCERPT_BYTES) {
      dropped.head = Buffer.concat([dropped.head, bytes.subarray(0, EXCERPT_BYTES - dropped.head.length)]);
    }
    dropped.tail =
      bytes.length >= EXCERPT_BYTES
        ? excerpt(bytes.subarray(-EXCERPT_BYTES))
        : excerpt(Buffer.concat([dropped.tail, bytes]).subarray(-EXCERPT_BYTES));
  };

  const endLine = (): void => {
    if (dropped !== undefined) {
      const overflow = dropped;
      dropped = undefined;
      onOverflow(overflow);
      return;
    }
    const line = pending.take();
    const end = line[line.length - 1] === CR ? line.length - 1 : line.length;
    if (end > 0) onLine(end === line.length ? line : line.subarray(0, end));
  };

  return {
    push(chunk) {
      let at = 0;
      for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, at)) {
        keep(at === end ? EMPTY : chunk.subarray(at, end));
        endLine();
        at = end + 1;
      }
      if (at < chunk.length) keep(chunk.subarray(at));
    },
    end: endLine,
  };
}

// A copy: an excerpt must not keep megabytes of the dropped line alive.
function excerpt(bytes: Buffer): Buffer {
  return Buffer.from(bytes);
}

/**
 * A JSON message as one line with its LF. Line ends inside of it become spaces: in valid JSON they stand only between tokens.
 * Attack: a client's pretty-printed params may hold a whole JSON-RPC message on a line of its own, and the server would run it.
 */
export function jsonLine(message: Buffer): Buffer {
  const line = Buffer.allocUnsafe(message.length + 1);
  message.copy(line);
  line[message.length] = LF;
  for (const end of [LF, CR]) {
    for (let at = line.indexOf(end); at >= 0 && at < message.length; at = line.indexOf(end, at + 1)) line[at] = SPACE;
  }
  return line;
}
