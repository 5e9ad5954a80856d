import { isAscii, isUtf8 } from 'node:buffer';
import type { RawId } from './id.ts';
import type { ResultMessage } from './message.ts';

/** Beyond this a grammar check would cost more than it is worth (about 2 µs per KiB). */
export const CHECKED_BYTES = 65_536;

const ID_FIRST = '{"jsonrpc":"2.0","id":';
const RESULT = ',"result":';
const RESULT_FIRST = '{"result":';
const ID_LAST = ',"jsonrpc":"2.0","id":';
const CLOSE_BRACE = 0x7d;
const SPACE = 0x20;
const ZERO = 0x30;
const NINE = 0x39;

/**
 * Reads a successful response in one of the two spellings in which nearly all of them come (the SDKs', without white space, with a number for an
 * id); undefined for everything else, which the scanner reads. What stands between the fixed parts is one JSON value and nothing more, because
 * JSON.parse takes it whole: so no member can be there twice, and the result is sound. It costs half of what scanning and checking cost.
 */
export function readPlainAnswer(bytes: Buffer, view = bytes.toString('latin1')): ResultMessage | undefined {
  const { length } = bytes;
  if (length > CHECKED_BYTES || view.charCodeAt(length - 1) !== CLOSE_BRACE) return undefined;
  let start: number;
  let end: number;
  let idStart: number;
  let idEnd: number;
  if (view.startsWith(ID_FIRST)) {
    idStart = ID_FIRST.length;
    idEnd = skipDigits(view, idStart);
    if (!view.startsWith(RESULT, idEnd)) return undefined;
    start = idEnd + RESULT.length;
    end = length - 1;
  } else if (view.startsWith(RESULT_FIRST)) {
    start = RESULT_FIRST.length;
    end = view.lastIndexOf(ID_LAST);
    idStart = end + ID_LAST.length;
    idEnd = end < 0 ? -1 : skipDigits(view, idStart);
    if (idEnd !== length - 1) return undefined;
  } else return undefined;
  // White space at the ends is no part of the value.
  if (!(view.charCodeAt(start) > SPACE && view.charCodeAt(end - 1) > SPACE)) return undefined;
  if (!isNumber(view, idStart, idEnd) || (!isAscii(bytes) && !isUtf8(bytes))) return undefined;
  try {
    // A byte of a longer character stands for itself here: it may be inside of strings only, as in the text.
    JSON.parse(view.slice(start, end));
  } catch {
    return undefined; // broken, or several members: the scanner tells them apart
  }
  const id = view.slice(idStart, idEnd) as RawId;
  return { kind: 'result', id, result: bytes.subarray(start, end), isSound: true };
}

function skipDigits(view: string, from: number): number {
  let i = from;
  for (let c = view.charCodeAt(i); c >= ZERO && c <= NINE; c = view.charCodeAt(i)) i++;
  return i;
}

// JSON knows no number with a leading zero: such an id is left to the scanner's judgement.
function isNumber(view: string, start: number, end: number): boolean {
  return end > start && (end === start + 1 || view.charCodeAt(start) !== ZERO);
}
