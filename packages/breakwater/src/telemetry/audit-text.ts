/** Most characters of a text that a caller or a server chose. */
const LIMIT_CHARS = 200;
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]{0,200}$/;

/**
 * A text as a JSON string of plain ASCII, cut to 200 characters. Attack: a name with line breaks would add records of its own, one with
 * escape sequences or bidirectional marks would change what an auditor's terminal shows, and one of a megabyte would fill the disk.
 */
export function quote(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  const cut = text.length > LIMIT_CHARS ? `${text.slice(0, LIMIT_CHARS)}… (${text.length} characters)` : text;
  return asciiJson(cut);
}

/** JSON in which every character is printable ASCII: a byte is a character, and no terminal is told anything. */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** A URI without what may be secret in it: user, password, query and fragment. */
export function bareUri(uri: string): string {
  return uri.replace(/[?#].*$/s, '').replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/]*@/i, '$1');
}

/** A text for a terminal: control characters and whatever else could rewrite the line become visible escapes. */
export function printable(text: string): string {
  return text.replace(
    /[^\x20-\x7e\p{L}\p{N}\p{P}\p{S}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}
