import type { Readable } from 'node:stream';
import type { Clock } from '../core/ports.ts';
import { createLineSplitter } from '../wire/ndjson.ts';

const LINE_LIMIT_BYTES = 8_192;
const LINE_LIMIT_CHARS = 1_000;
const WINDOW_MS = 1_000;
const LINES_PER_WINDOW = 50;
const TAIL_LINES = 5;

/** What a child said on its standard error. */
export interface StderrLog {
  /** The last lines, for the report of a crash. */
  tail(): string;
}

/**
 * Reads a child's standard error to its end and hands the lines to `write`, cut to a length and bounded in rate: a server that floods its
 * standard error must cost neither our disk nor our time. How many lines were dropped is said in a line of its own.
 */
export function readStderr(stream: Readable, clock: Clock, write: (line: string) => void): StderrLog {
  const tail: string[] = [];
  let windowStart = clock.now();
  let written = 0;
  let dropped = 0;

  const flushDropped = (): void => {
    if (dropped > 0) write(`(${dropped} lines dropped)`);
    dropped = 0;
  };
  const take = (line: string): void => {
    tail.push(line);
    if (tail.length > TAIL_LINES) tail.shift();
    if (clock.now() - windowStart >= WINDOW_MS) {
      windowStart = clock.now();
      written = 0;
      flushDropped();
    }
    if (written < LINES_PER_WINDOW) {
      written++;
      write(line);
    } else dropped++;
  };
  const splitter = createLineSplitter((line) => take(cut(line.toString())), {
    maxLineBytes: LINE_LIMIT_BYTES,
    onOverflow: ({ head, bytes }) => take(`${head.toString()}… (${bytes} bytes)`),
  });
  stream.on('data', (chunk: Buffer) => splitter.push(chunk));
  stream.on('end', () => {
    splitter.end();
    flushDropped();
  });
  // Without a listener a read error of the pipe would end the process; the child's exit tells what matters.
  stream.on('error', () => undefined);
  return { tail: () => tail.join('\n') };
}

function cut(line: string): string {
  return line.length <= LINE_LIMIT_CHARS ? line : `${line.slice(0, LINE_LIMIT_CHARS)}…`;
}
