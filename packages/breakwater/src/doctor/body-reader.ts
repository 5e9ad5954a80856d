import type { IncomingMessage } from 'node:http';
import { isSseMediaType } from '../wire/content-type.ts';
import { createSseParser } from '../wire/sse-parser.ts';
import type { Ending } from './exchange.ts';

/** Bytes of one answer that are read; more is nobody's tools/list. */
const MOST_BYTES = 8 * 1_048_576;

/** What was read of an answer's body. */
export interface BodyRead {
  readonly text: string;
  readonly events: readonly string[];
  readonly ending: Ending;
}

/** When to stop reading an event stream that the server leaves open. */
export interface ReadUntil {
  /** The id of the request: its response ends the reading. Undefined: the first event does. */
  readonly id: unknown;
  /** How long a stream without an awaited response is listened to. */
  readonly peekMs: number;
}

/** Reads a body to its end; of an event stream only what the request asked for. Never rejects. */
export async function readBody(response: IncomingMessage, until: ReadUntil): Promise<BodyRead> {
  const { promise, resolve } = Promise.withResolvers<Ending>();
  const chunks: Buffer[] = [];
  const events: string[] = [];
  let size = 0;
  const parser = isSseMediaType(response.headers['content-type'])
    ? createSseParser(
        ({ data }) => {
          const text = data.toString();
          if (text !== '') events.push(text);
          if (text !== '' && (until.id === undefined || answers(text, until.id))) resolve('left-open');
        },
        { maxEventBytes: MOST_BYTES },
      )
    : undefined;
  const peek =
    parser !== undefined && until.id === undefined ? setTimeout(() => resolve('left-open'), until.peekMs) : undefined;
  response.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.length;
    parser?.push(chunk);
    if (size > MOST_BYTES) resolve('left-open');
  });
  response.once('end', () => resolve('complete'));
  response.on('error', () => resolve('cut'));
  response.once('close', () => resolve('cut'));
  const ending = await promise;
  clearTimeout(peek);
  response.destroy();
  return { text: Buffer.concat(chunks).toString(), events, ending };
}

function answers(event: string, id: unknown): boolean {
  try {
    const message = JSON.parse(event) as { readonly id?: unknown; readonly method?: unknown };
    return message.id === id && message.method === undefined;
  } catch {
    return false; // Not JSON, so not the response; the stream goes on.
  }
}
