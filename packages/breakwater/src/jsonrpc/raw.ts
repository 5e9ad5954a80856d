/**
 * Raw JSON: byte spans of a JSON object's members, so that a message can be edited by splicing and everything a translation does not
 * concern passes unchanged (numbers above 2^53, unknown fields, key order).
 *
 * Offsets are bytes. Scanning works on a latin1 view of the bytes, in which one character is one byte and every JSON structural
 * character keeps its place; the view is never shown to anybody: text leaves this file through a UTF-8 decode.
 */

/** One member of a scanned object: its decoded key and the byte span of its value. */
export interface Member {
  readonly key: string;
  /** Where the key's opening quote stands. */
  readonly keyStart: number;
  readonly start: number;
  readonly end: number;
}

/** A scanned JSON object inside `bytes`; members are in wire order. */
export interface RawObject {
  readonly bytes: Buffer;
  /** latin1 view of `bytes`, same offsets. */
  readonly view: string;
  readonly start: number;
  readonly end: number;
  readonly members: readonly Member[];
}

const QUOTE = 0x22;
const ZERO = 0x30;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** Index of the first byte at or after `at` that is not JSON white space. */
export function skipSpace(view: string, at: number): number {
  let i = at;
  for (;;) {
    const c = view.charCodeAt(i);
    if (c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09) i++;
    else return i;
  }
}

/** End (exclusive) of the string whose opening quote is at `at`, or -1. Strings are crossed with `indexOf`: a char loop loses to JSON.parse from 2 KB on. */
function skipString(view: string, at: number): number {
  let i = at + 1;
  for (;;) {
    const quote = view.indexOf('"', i);
    if (quote < 0) return -1;
    let slashes = 0;
    for (let j = quote - 1; view.charCodeAt(j) === BACKSLASH && j > at; j--) slashes++;
    if ((slashes & 1) === 0) return quote + 1;
    i = quote + 1;
  }
}

/** End (exclusive) of the value that starts at `at`, or -1 when the text ends first. Checks nesting, not the grammar of literals. */
export function skipValue(view: string, at: number): number {
  const first = view.charCodeAt(at);
  if (first === QUOTE) return skipString(view, at);
  if (first === OPEN_BRACE || first === OPEN_BRACKET) {
    let depth = 0;
    for (let i = at; i < view.length; ) {
      const c = view.charCodeAt(i);
      if (c === QUOTE) {
        i = skipString(view, i);
        if (i < 0) return -1;
        continue;
      }
      if (c === OPEN_BRACE || c === OPEN_BRACKET) depth++;
      else if (c === CLOSE_BRACE || c === CLOSE_BRACKET) {
        depth--;
        if (depth === 0) return i + 1;
      }
      i++;
    }
    return -1;
  }
  let i = at;
  for (; i < view.length; i++) {
    const c = view.charCodeAt(i);
    if (c === COMMA || c === CLOSE_BRACE || c === CLOSE_BRACKET || c <= 0x20) break;
  }
  return i > at ? i : -1;
}

/** Deepest nesting of the JSON text in `view`; stops counting at `limit + 1`. */
export function measureDepth(view: string, limit: number): number {
  let depth = 0;
  let deepest = 0;
  for (let i = 0; i < view.length; ) {
    const c = view.charCodeAt(i);
    if (c === QUOTE) {
      i = skipString(view, i);
      if (i < 0) return deepest;
      continue;
    }
    if (c === OPEN_BRACE || c === OPEN_BRACKET) {
      if (++depth > deepest) {
        deepest = depth;
        if (deepest > limit) return deepest;
      }
    } else if (c === CLOSE_BRACE || c === CLOSE_BRACKET) depth--;
    i++;
  }
  return deepest;
}

/**
 * Scans the object that starts at byte `from` (white space allowed before it). Undefined when no object starts there or its
 * member structure is broken. Only member boundaries are checked; whoever needs the grammar checked parses the value.
 */
export function scanObject(bytes: Buffer, from = 0, view: string = bytes.toString('latin1')): RawObject | undefined {
  const start = skipSpace(view, from);
  if (view.charCodeAt(start) !== OPEN_BRACE) return undefined;
  const members: Member[] = [];
  let i = skipSpace(view, start + 1);
  if (view.charCodeAt(i) === CLOSE_BRACE) return { bytes, view, start, end: i + 1, members };
  for (;;) {
    if (view.charCodeAt(i) !== QUOTE) return undefined;
    const keyEnd = skipString(view, i);
    if (keyEnd < 0) return undefined;
    const colon = skipSpace(view, keyEnd);
    if (view.charCodeAt(colon) !== COLON) return undefined;
    const valueStart = skipSpace(view, colon + 1);
    const valueEnd = skipValue(view, valueStart);
    if (valueEnd < 0) return undefined;
    const key = decodeKey(bytes, view, i, keyEnd);
    if (key === undefined) return undefined;
    members.push({ key, keyStart: i, start: valueStart, end: valueEnd });
    i = skipSpace(view, valueEnd);
    const c = view.charCodeAt(i);
    if (c === CLOSE_BRACE) return { bytes, view, start, end: i + 1, members };
    if (c !== COMMA) return undefined;
    i = skipSpace(view, i + 1);
  }
}

/** The inside of a JSON string that is its own decoded form: printable ASCII without quotes and escapes. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

// For something as short as a key twice as fast as the expression.
function isPlain(view: string, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const c = view.charCodeAt(i);
    if (c < 0x20 || c > 0x7e || c === BACKSLASH) return false;
  }
  return true;
}

// A key may be spelled with escapes ("\u006dethod"); a scanner that took it for another key than the server's parser does would be a policy bypass.
function decodeKey(bytes: Buffer, view: string, start: number, end: number): string | undefined {
  if (isPlain(view, start + 1, end - 1)) return view.slice(start + 1, end - 1);
  try {
    return JSON.parse(bytes.toString('utf8', start, end)) as string;
  } catch {
    return undefined; // malformed escape: the whole object is then refused
  }
}

/** The member called `key`, or undefined. The last one wins where a key is repeated, as in JSON.parse. */
export function findMember(object: RawObject, key: string): Member | undefined {
  for (let i = object.members.length - 1; i >= 0; i--) {
    const member = object.members[i];
    if (member?.key === key) return member;
  }
  return undefined;
}

/** True when a key of `keys` (or any key, without `keys`) occurs twice. Two parsers may then see two different messages: refuse it. */
export function hasDuplicateKey(object: RawObject, keys?: ReadonlySet<string>): boolean {
  const { members } = object;
  if (members.length > FEW_MEMBERS) return hasDuplicateOfMany(members, keys);
  // Pair by pair, without a set: most objects have two or three members, and every request is asked twice.
  for (let i = 1; i < members.length; i++) {
    const key = members[i]?.key ?? '';
    if (keys !== undefined && !keys.has(key)) continue;
    for (let j = 0; j < i; j++) if (members[j]?.key === key) return true;
  }
  return false;
}

const FEW_MEMBERS = 8;

function hasDuplicateOfMany(members: readonly Member[], keys: ReadonlySet<string> | undefined): boolean {
  const seen = new Set<string>();
  for (const { key } of members) {
    if (keys !== undefined && !keys.has(key)) continue;
    if (seen.has(key)) return true;
    seen.add(key);
  }
  return false;
}

/** The value bytes of a member; shares memory with the message. */
export function memberBytes(object: RawObject, member: Member): Buffer {
  return object.bytes.subarray(member.start, member.end);
}

/** The parsed value of a member, or undefined when it is absent or not JSON. */
export function memberValue(object: RawObject, key: string): unknown {
  const member = findMember(object, key);
  if (member === undefined) return undefined;
  const { view } = object;
  if (view.charCodeAt(member.start) === QUOTE) {
    const text = view.slice(member.start + 1, member.end - 1);
    if (PLAIN.test(text)) return text;
  }
  const digits = readDigits(view, member.start, member.end);
  if (digits !== undefined) return digits;
  try {
    return JSON.parse(object.bytes.toString('utf8', member.start, member.end)) as unknown;
  } catch {
    return undefined; // the caller treats "not JSON" like "not there"
  }
}

// Most numbers are short and whole.
function readDigits(view: string, start: number, end: number): number | undefined {
  if (end - start > 15 || (end > start + 1 && view.charCodeAt(start) === ZERO)) return undefined;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = view.charCodeAt(i) - ZERO;
    if (!(digit >= 0 && digit <= 9)) return undefined;
    value = value * 10 + digit;
  }
  return value;
}

/**
 * The same text in storage of its own. What {@link memberValue} returns may be a slice of the message, and whoever remembers it for longer than the message
 * keeps all of it. Attack: short names in messages as large as may be.
 */
export function ownText(text: string): string {
  return JSON.parse(JSON.stringify(text)) as string;
}

/** The member's value as a scanned object, or undefined when it is absent or no object. */
export function memberObject(object: RawObject, key: string): RawObject | undefined {
  const member = findMember(object, key);
  return member === undefined ? undefined : scanObject(object.bytes, member.start, object.view);
}

/** New values for members: a Buffer or JSON text sets the member (appending it when absent), undefined removes it. */
export type Edits = Readonly<Record<string, Buffer | string | undefined>>;

/**
 * The object's bytes with `edits` applied: every other byte between members keeps its value and order. Strings in `edits` are JSON
 * text. The result is a new buffer holding only the object.
 */
export function editObject(object: RawObject, edits: Edits): Buffer {
  const { bytes, members } = object;
  const joint = new Joint();
  const written: string[] = [];
  // Members that stay are copied together with what stands between them.
  let runStart = -1;
  let runEnd = 0;
  for (const { key, keyStart, start, end } of members) {
    if (!Object.hasOwn(edits, key)) {
      if (runStart < 0) runStart = keyStart;
      runEnd = end;
      continue;
    }
    if (runStart >= 0) joint.add('', bytes.subarray(runStart, runEnd));
    runStart = -1;
    const value = edits[key];
    if (value === undefined || written.includes(key)) continue;
    written.push(key);
    joint.add(bytes.toString('utf8', keyStart, start), value);
  }
  if (runStart >= 0) joint.add('', bytes.subarray(runStart, runEnd));
  for (const key in edits) {
    const value = edits[key];
    if (value !== undefined && !written.includes(key)) joint.add(`${JSON.stringify(key)}:`, value);
  }
  return joint.end();
}

/**
 * The object's text, in latin1, with another value (JSON text in latin1) for the member that is called `key`; everything else stays. Undefined where no member
 * is called so, or several are. Most edits are only this, and cost a third of {@link editObject} here.
 */
export function replaceValue(object: RawObject, key: string, value: string): string | undefined {
  const { view, start, end, members } = object;
  let found: Member | undefined;
  for (const member of members) {
    if (member.key !== key) continue;
    if (found !== undefined) return undefined;
    found = member;
  }
  if (found === undefined) return undefined;
  return view.slice(start, found.start) + value + view.slice(found.end, end);
}

/** Members that are joined to an object: texts are collected until bytes come, because each piece that is written costs more than its length. */
class Joint {
  readonly #pieces: (string | Buffer)[] = [];
  #text = '{';
  #isEmpty = true;

  add(head: string, value: Buffer | string): void {
    this.#text += this.#isEmpty ? head : `,${head}`;
    this.#isEmpty = false;
    if (typeof value === 'string') this.#text += value;
    else {
      this.#pieces.push(this.#text, value);
      this.#text = '';
    }
  }

  end(): Buffer {
    this.#pieces.push(`${this.#text}}`);
    let size = 0;
    for (const piece of this.#pieces) size += typeof piece === 'string' ? Buffer.byteLength(piece) : piece.length;
    const joined = Buffer.allocUnsafe(size);
    let at = 0;
    for (const piece of this.#pieces) {
      if (typeof piece === 'string') at += joined.write(piece, at);
      else {
        joined.set(piece, at);
        at += piece.length;
      }
    }
    return joined;
  }
}

/** `value` as JSON bytes. `value` must be JSON-representable. */
export function encodeJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** Byte spans of an array's elements, or undefined when no well-formed array starts at `from`. */
export function scanArray(
  bytes: Buffer,
  from = 0,
  view: string = bytes.toString('latin1'),
): readonly Buffer[] | undefined {
  const start = skipSpace(view, from);
  if (view.charCodeAt(start) !== OPEN_BRACKET) return undefined;
  const elements: Buffer[] = [];
  let i = skipSpace(view, start + 1);
  if (view.charCodeAt(i) === CLOSE_BRACKET) return elements;
  for (;;) {
    const end = skipValue(view, i);
    if (end < 0) return undefined;
    elements.push(bytes.subarray(i, end));
    i = skipSpace(view, end);
    const c = view.charCodeAt(i);
    if (c === CLOSE_BRACKET) return elements;
    if (c !== COMMA) return undefined;
    i = skipSpace(view, i + 1);
  }
}
