import type { RawId } from './id.ts';
import { parseMessage } from './parse.ts';
import { skipSpace, skipValue } from './raw.ts';

/** A successful response of which only the beginning is there. */
export interface OpenResult {
  readonly id: RawId;
  /** Where its result begins, a JSON object. */
  readonly start: number;
}

/** The longest beginning that is looked through for a result; servers write some forty bytes. */
export const MOST_HEAD_BYTES = 4_096;
const OPEN_BRACE = 0x7b;
const PLAIN_KEY = /^"[A-Za-z_-]*"$/;
/** Stands for the result where only what is around it is parsed. */
const HOLE = Buffer.from('null');

/**
 * Reads a response up to its result. Undefined for everything that has to be seen whole to be understood: another message, an id that stands after the
 * result, keys spelled with escapes, a result that is no object.
 */
export function openResult(bytes: Buffer): OpenResult | undefined {
  const view = bytes.toString('latin1', 0, MOST_HEAD_BYTES);
  let i = skipSpace(view, 0);
  if (view.charCodeAt(i) !== OPEN_BRACE) return undefined;
  for (;;) {
    const key = skipSpace(view, i + 1);
    const keyEnd = view[key] === '"' ? skipValue(view, key) : -1;
    if (keyEnd < 0 || !PLAIN_KEY.test(view.slice(key, keyEnd))) return undefined;
    const colon = skipSpace(view, keyEnd);
    if (view[colon] !== ':') return undefined;
    const start = skipSpace(view, colon + 1);
    if (view.slice(key, keyEnd) === '"result"') {
      const id = view.charCodeAt(start) === OPEN_BRACE ? idAround(bytes.subarray(0, start), CLOSE) : undefined;
      return id === undefined ? undefined : { id, start };
    }
    const end = skipValue(view, start);
    i = skipSpace(view, end);
    if (end < 0 || view[i] !== ',') return undefined;
  }
}

const CLOSE = Buffer.from('}');

/**
 * True when `head`, a result and `tail` together are the response that {@link openResult} took them for. What follows a result may make it another message
 * (a second id, an error, a method), so the same parser reads it that reads every other message, with the result left out.
 */
export function closesResult(head: Buffer, tail: Buffer, { id }: OpenResult): boolean {
  return idAround(head, tail) === id;
}

function idAround(head: Buffer, tail: Buffer): RawId | undefined {
  const parsed = parseMessage(Buffer.concat([head, HOLE, tail]));
  return parsed.ok && parsed.value.kind === 'result' ? parsed.value.id : undefined;
}
