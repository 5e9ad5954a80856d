/** The text of a request's `_meta` around its progress token. */
export interface TokenCut {
  /** The token's own text: a number or a string, and plain. */
  readonly token: string;
  /** Where it stands. */
  readonly at: number;
  /** What `_meta` would be without it. */
  readonly rest: string;
  readonly place: 'first' | 'last';
}

const FIRST = '{"progressToken":';
const LAST = ',"progressToken":';
const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const ZERO = 0x30;
const NINE = 0x39;

/**
 * Cuts the progress token out of the text of a `_meta` object, where it is the first or the last member and spelled as all clients spell it; undefined
 * everywhere else. The text is valid JSON: an unescaped key at its very start or end is a member of the object itself. `rest` may still hold another one:
 * whoever asks for `rest` has to look.
 */
export function cutToken(text: string): TokenCut | undefined {
  const end = text.length - 1;
  if (text.charCodeAt(0) !== OPEN_BRACE || text.charCodeAt(end) !== CLOSE_BRACE) return undefined;
  const start = startOfToken(text, end);
  const place = start < 0 ? -1 : start - LAST.length;
  if (place > 0 && text.startsWith(LAST, place))
    return { token: text.slice(start, end), at: start, rest: `${text.slice(0, place)}}`, place: 'last' };
  if (!text.startsWith(FIRST)) return undefined;
  const tokenEnd = endOfToken(text, FIRST.length);
  const c = text.charCodeAt(tokenEnd);
  if (tokenEnd < 0 || (c !== COMMA && tokenEnd !== end)) return undefined;
  const rest = c === COMMA ? `{${text.slice(tokenEnd + 1)}` : '{}';
  return { token: text.slice(FIRST.length, tokenEnd), at: FIRST.length, rest, place: 'first' };
}

/** The text of a `_meta` object whose last member is the progress token, in plain spelling, or which has no other; undefined everywhere else. */
export function lastTokenOf(text: string): string | undefined {
  const end = text.length - 1;
  if (text.charCodeAt(0) !== OPEN_BRACE || text.charCodeAt(end) !== CLOSE_BRACE) return undefined;
  const start = startOfToken(text, end);
  const isLast = start > LAST.length && text.startsWith(LAST, start - LAST.length);
  return isLast || (start === FIRST.length && text.startsWith(FIRST)) ? text.slice(start, end) : undefined;
}

// Backwards, because what stands before it may be long.
function startOfToken(text: string, end: number): number {
  let i = end - 1;
  if (text.charCodeAt(i) !== QUOTE) {
    while (isDigit(text.charCodeAt(i))) i--;
    return i + 1 < end ? i + 1 : -1;
  }
  for (i--; isPlain(text.charCodeAt(i)); i--);
  return text.charCodeAt(i) === QUOTE ? i : -1;
}

function endOfToken(text: string, start: number): number {
  let i = start;
  if (text.charCodeAt(i) !== QUOTE) {
    while (isDigit(text.charCodeAt(i))) i++;
    return i > start ? i : -1;
  }
  for (i++; isPlain(text.charCodeAt(i)); i++);
  return text.charCodeAt(i) === QUOTE ? i + 1 : -1;
}

function isDigit(c: number): boolean {
  return c >= ZERO && c <= NINE;
}

// Printable ASCII that stands for itself in a JSON string.
function isPlain(c: number): boolean {
  return c >= 0x20 && c <= 0x7e && c !== QUOTE && c !== 0x5c;
}
