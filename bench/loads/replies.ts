/** Validation of responses. Every response is checked; the large ones fully only now and then, as parsing them would be the load. */
import type { HttpReply } from '../http-connection.ts';
import { WrongReply } from './load.ts';

/** A JSON-RPC result, parsed. */
export type Result = Readonly<Record<string, unknown>>;

interface Reply {
  readonly id?: unknown;
  readonly result?: Result;
}

/** Returns the result of the given id from a JSON or SSE response, parsed. Throws {@link WrongReply}. */
export function readResult(reply: HttpReply, id: number): Result {
  if (reply.status !== 200) throw new WrongReply(`status ${reply.status}: ${excerpt(reply.body)}`);
  const text = reply.body.toString();
  const message = isEventStream(reply) ? findEvent(text, id) : parse(text);
  if (message?.id !== id) throw new WrongReply(`no answer with this id: ${excerpt(reply.body)}`);
  if (message.result === undefined) throw new WrongReply(`no result: ${excerpt(reply.body)}`);
  return message.result;
}

/**
 * Checks a large response by its ends: the id in the first or last bytes, a result, a marker that stands near the end of the
 * content, at least so many bytes. Throws {@link WrongReply}.
 */
export function checkLargeResult(reply: HttpReply, id: number, marker: string, leastBytes: number): void {
  const { body, status } = reply;
  if (status !== 200) throw new WrongReply(`status ${status}: ${excerpt(body)}`);
  if (body.length < leastBytes) throw new WrongReply(`only ${body.length} bytes`);
  const ends = body.toString('latin1', 0, 512) + body.toString('latin1', body.length - 512);
  if (!ends.includes(`"id":${id}`)) throw new WrongReply(`no answer with this id: ${excerpt(body)}`);
  if (!ends.includes('"result":')) throw new WrongReply(`no result: ${excerpt(body)}`);
  if (!body.includes(marker, Math.max(0, body.length - 8192))) throw new WrongReply(`marker ${marker} is missing`);
}

/** Checks the answer to a notification or a DELETE: any 2xx, and 405 for a DELETE. Throws {@link WrongReply}. */
export function checkAccepted(reply: HttpReply, alsoAllowed?: number): void {
  if ((reply.status >= 200 && reply.status < 300) || reply.status === alsoAllowed) return;
  throw new WrongReply(`status ${reply.status}: ${excerpt(reply.body)}`);
}

/** Checks that a tool answered exactly this text. Throws {@link WrongReply}. */
export function checkText(result: Result, text: string): void {
  const [block] = readArray(result, 'content');
  if (typeof block === 'object' && block !== null && 'text' in block && block.text === text) return;
  throw new WrongReply(`wrong text: ${JSON.stringify(result).slice(0, 200)}`);
}

/** Returns an array member of a result, or throws {@link WrongReply}. */
export function readArray(result: Result, key: string): readonly unknown[] {
  const value = result[key];
  if (Array.isArray(value)) return value;
  throw new WrongReply(`no ${key}: ${JSON.stringify(result).slice(0, 200)}`);
}

/** True when the response is an SSE stream. */
export function isEventStream(reply: HttpReply): boolean {
  return reply.contentType.startsWith('text/event-stream');
}

function findEvent(text: string, id: number): Reply | undefined {
  for (const event of text.split(/\r?\n\r?\n/)) {
    const data = event
      .split(/\r?\n/)
      .filter((line) => line.startsWith('data:'))
      .map((line) => line.slice(5).trimStart())
      .join('\n');
    if (data === '') continue;
    const message = parse(data);
    if (message.id === id) return message;
  }
  return undefined;
}

function parse(text: string): Reply {
  try {
    return JSON.parse(text) as Reply;
  } catch {
    // The parser's own message quotes only a part; the excerpt says what really came.
    throw new WrongReply(`not JSON: ${text.slice(0, 200)}`);
  }
}

function excerpt(body: Buffer): string {
  return body.toString('latin1', 0, 200);
}
