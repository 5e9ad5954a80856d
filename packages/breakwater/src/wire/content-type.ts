/** A parsed media type. */
export interface MediaType {
  /** `type/subtype` in lower case. */
  readonly essence: string;
  /** Parameter names in lower case; the first one wins where a name is repeated. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** What an `Accept` header allows. */
export interface Accepts {
  /** `application/json` is acceptable, by name or by a wildcard. */
  readonly json: boolean;
  /** `text/event-stream` is acceptable, by name or by a wildcard. */
  readonly sse: boolean;
  readonly explicitJson: boolean;
  readonly explicitSse: boolean;
  /** No header, or `*`/`*`. */
  readonly any: boolean;
}

const ESSENCE = /^[!#$%&'*+\-.^_`|~0-9a-z]+\/[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const JSON_ESSENCE = /^application\/json$|^[^/]+\/[^/]+\+json$/;

/**
 * The media type a Content-Type header names; undefined when there is none. Malformed parameters are left out rather than refused (browsers
 * do the same), but a comma means two joined headers: whose body would that be?
 */
export function mediaTypeOf(header: string | undefined): MediaType | undefined {
  if (header === undefined || splitOutsideQuotes(header, ',').length !== 1) return undefined;
  return parseMediaType(header);
}

/** True for a Content-Type of `application/json` or any `+json`. */
export function isJsonMediaType(header: string | undefined): boolean {
  if (header === 'application/json') return true;
  const media = mediaTypeOf(header);
  return media !== undefined && JSON_ESSENCE.test(media.essence);
}

/** True for a Content-Type of `text/event-stream`. */
export function isSseMediaType(header: string | undefined): boolean {
  return header === 'text/event-stream' || mediaTypeOf(header)?.essence === 'text/event-stream';
}

/**
 * Reads an Accept header (RFC 9110 §12.5.1): the most specific range decides, `q=0` forbids, a missing or empty header allows everything.
 * Ranges that are not media types are ignored.
 */
export function acceptsOf(header: string | undefined): Accepts {
  if (header === undefined || header.trim() === '') {
    return { json: true, sse: true, explicitJson: false, explicitSse: false, any: true };
  }
  const ranges = new Map<string, number>();
  for (const part of splitOutsideQuotes(header, ',')) {
    const media = parseMediaType(part);
    if (media === undefined) continue;
    const weight = weightOf(media.parameters.get('q'));
    ranges.set(media.essence, Math.max(ranges.get(media.essence) ?? 0, weight));
  }
  const allows = (...specificFirst: string[]): boolean => {
    const range = specificFirst.find((candidate) => ranges.has(candidate));
    return range !== undefined && (ranges.get(range) ?? 0) > 0;
  };
  return {
    json: allows('application/json', 'application/*', '*/*'),
    sse: allows('text/event-stream', 'text/*', '*/*'),
    explicitJson: allows('application/json'),
    explicitSse: allows('text/event-stream'),
    any: allows('*/*'),
  };
}

function parseMediaType(text: string): MediaType | undefined {
  const [first = '', ...rest] = splitOutsideQuotes(text, ';');
  const essence = first.trim().toLowerCase();
  if (!ESSENCE.test(essence)) return undefined;
  const parameters = new Map<string, string>();
  for (const part of rest) {
    const equals = part.indexOf('=');
    const name = part.slice(0, equals).trim().toLowerCase();
    if (equals > 0 && name !== '' && !parameters.has(name))
      parameters.set(name, unquote(part.slice(equals + 1).trim()));
  }
  return { essence, parameters };
}

function unquote(value: string): string {
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"')
    ? value.slice(1, -1).replace(/\\(.)/g, '$1')
    : value;
}

function splitOutsideQuotes(text: string, separator: string): string[] {
  if (!text.includes(separator)) return [text];
  const parts: string[] = [];
  let start = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quoted && c === '\\') i++;
    else if (c === '"') quoted = !quoted;
    else if (c === separator && !quoted) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

// Clients send "q=1.0.0" and worse; a weight that cannot be read still names the type.
function weightOf(q: string | undefined): number {
  const weight = q === undefined ? 1 : Number(q);
  return Number.isFinite(weight) && weight >= 0 ? weight : 1;
}
