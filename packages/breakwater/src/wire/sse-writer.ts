/** Response headers of an event stream; `no-transform` and `x-accel-buffering` keep proxies from collecting it (2026-07-28 streamable-http §Receiving Messages). */
export const SSE_HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
} as const;

const LF = 0x0a;
const CR = 0x0d;
const DATA = Buffer.from('data: ');
const LINE_END = Buffer.from('\n');
const EVENT_END = Buffer.from('\n\n');

/** What {@link sseEvent} writes. `event` and `id` must hold no CR, LF or NUL. */
export interface SseEventInit {
  readonly event?: string;
  readonly data: Buffer;
  readonly id?: string;
  /** Milliseconds. */
  readonly retry?: number;
}

/** Bytes of one event. Data is split at CR, LF and CRLF, because the format has no other way to carry them; the reader joins with LF. */
export function sseEvent(init: SseEventInit): Buffer {
  const { data } = init;
  const head = fieldsOf(init);
  if (!data.includes(LF) && !data.includes(CR)) return Buffer.concat([Buffer.from(`${head}data: `), data, EVENT_END]);
  const parts: Buffer[] = [Buffer.from(head)];
  for (const line of splitLines(data)) parts.push(DATA, line, LINE_END);
  parts.push(LINE_END);
  return Buffer.concat(parts);
}

/** One small event in latin1, in which each character is one byte: several are joined, and written, faster as text. */
export function sseText(init: SseEventInit): string {
  const text = init.data.toString('latin1');
  if (text.includes('\n') || text.includes('\r')) return sseEvent(init).toString('latin1');
  const head = fieldsOf(init);
  // Names and ids may hold other letters than latin1 has.
  return `${isAscii(head) ? head : Buffer.from(head).toString('latin1')}data: ${text}\n\n`;
}

/** The same of data that is latin1 text already, with nothing but an id. */
export function sseTextOf(text: string, id: string | undefined): string {
  const isPlain = (id === undefined || PLAIN_ID.test(id)) && !text.includes('\n') && !text.includes('\r');
  if (isPlain) return id === undefined ? `data: ${text}\n\n` : `id: ${id}\ndata: ${text}\n\n`;
  const data = Buffer.from(text, 'latin1');
  return sseText(id === undefined ? { data } : { id, data });
}

const PLAIN_ID = /^[\x20-\x7e]*$/;

function fieldsOf({ event, id, retry }: SseEventInit): string {
  let head = '';
  if (event !== undefined) head += `event: ${singleLine(event)}\n`;
  if (id !== undefined) head += `id: ${singleLine(id)}\n`;
  if (retry !== undefined) head += `retry: ${Math.max(0, Math.trunc(retry))}\n`;
  return head;
}

function isAscii(text: string): boolean {
  return /^[\0-\x7f]*$/.test(text);
}

/** Bytes of a comment, which no reader shows to anybody: a keep-alive. */
export function sseComment(text: string): Buffer {
  return Buffer.from(`: ${text.split(/\r\n|\n|\r/).join('\n: ')}\n\n`);
}

function singleLine(text: string): string {
  // A line end in an id would let whoever chose it write events of his own.
  if (/[\r\n\0]/.test(text)) throw new TypeError('An SSE event name or id must hold no CR, LF or NUL.');
  return text;
}

function* splitLines(data: Buffer): Generator<Buffer> {
  let start = 0;
  for (let i = 0; i < data.length; i++) {
    if (data[i] !== LF && data[i] !== CR) continue;
    yield data.subarray(start, i);
    if (data[i] === CR && data[i + 1] === LF) i++;
    start = i + 1;
  }
  yield data.subarray(start);
}
