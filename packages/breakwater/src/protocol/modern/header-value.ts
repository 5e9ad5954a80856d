import { isUtf8 } from 'node:buffer';

const PREFIX = '=?base64?';
const SUFFIX = '?=';
/** RFC 4648 §4 with its padding: the conformance suite rejects a payload without. */
const CANONICAL_BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
/** RFC 9110 §5.5 without obs-text: tab, space and visible ASCII. */
const FIELD_TEXT = /^[\t\x20-\x7e]*$/;

/** A decoded value, or why the raw one is none. */
export type HeaderValue =
  | { readonly ok: true; readonly value: string }
  | { readonly ok: false; readonly fault: { readonly message: string } };

/**
 * Any string as an HTTP field value (2026-07-28 streamable-http §Value Encoding): itself where that is safe, otherwise
 * `=?base64?…?=` around its UTF-8 bytes. Safe means not empty, tab, space and visible ASCII only, no space at the ends, no sentinel.
 */
export function encodeHeaderValue(value: string): string {
  const isSafe = value !== '' && FIELD_TEXT.test(value) && !/^[\t ]|[\t ]$/.test(value) && !isSentinel(value);
  return isSafe ? value : `${PREFIX}${Buffer.from(value).toString('base64')}${SUFFIX}`;
}

/**
 * The string that a raw field value stands for; space around it is not part of it. A fault where the sentinel's payload is not
 * canonical base64 or not UTF-8, or where the value holds anything but tab, space and visible ASCII.
 */
export function decodeHeaderValue(raw: string): HeaderValue {
  const text = trimFieldSpace(raw);
  if (!FIELD_TEXT.test(text))
    return { ok: false, fault: { message: 'The header value holds characters that must be sent as =?base64?…?=.' } };
  if (!isSentinel(text)) return { ok: true, value: text };
  const payload = text.slice(PREFIX.length, text.length - SUFFIX.length);
  const bytes = CANONICAL_BASE64.test(payload) ? Buffer.from(payload, 'base64') : undefined;
  if (bytes === undefined || !isUtf8(bytes)) {
    return { ok: false, fault: { message: 'The header value is no valid =?base64?…?= of UTF-8 text.' } };
  }
  return { ok: true, value: bytes.toString('utf8') };
}

/** `value` without the optional white space (RFC 9110 §5.6.3) around it, in linear time. */
export function trimFieldSpace(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isFieldSpace(value.charCodeAt(start))) start++;
  while (end > start && isFieldSpace(value.charCodeAt(end - 1))) end--;
  return value.slice(start, end);
}

function isFieldSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function isSentinel(value: string): boolean {
  return value.startsWith(PREFIX) && value.endsWith(SUFFIX);
}
