import { memberValue, type RawObject } from '../../jsonrpc/raw.ts';
import { isObject } from '../../protocol/capabilities.ts';

/** A resource's own bytes and how they are announced. */
export interface RawContent {
  readonly bytes: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

const MEDIA_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/;

/** Types that no browser runs anything in: the only ones it may show in place. SVG and HTML are not among them. */
const HARMLESS = new Set([
  'image/png',
  'image/jpeg',
  'image/gif',
  'image/webp',
  'image/avif',
  'text/plain',
  'audio/mpeg',
  'audio/wav',
  'video/mp4',
]);

/**
 * Attack: a server stores a page or a drawing with a script in it, and a browser opens it under this gateway's own origin. So the type is taken at its word, nothing in it
 * runs, and what a browser could run is saved instead of shown.
 */
const SANDBOX =
  "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** The bytes of the first content of a `resources/read` result that the Accept header takes, or of the first at all; undefined when there is none. */
export function rawContentOf(
  result: RawObject,
  uri: string,
  accepts: (type: string) => boolean,
): RawContent | undefined {
  const contents: unknown = memberValue(result, 'contents');
  const readable = (Array.isArray(contents) ? contents : []).filter(isObject).map((content) => ({
    type: typeOf(content['mimeType'], typeof content['text'] === 'string'),
    bytes: bytesOf(content),
  }));
  const chosen = readable.find(({ type, bytes }) => bytes !== undefined && accepts(type)) ?? readable[0];
  if (chosen?.bytes === undefined) return undefined;
  const isText = chosen.type.startsWith('text/');
  return {
    bytes: chosen.bytes,
    headers: {
      'content-type': isText ? `${chosen.type}; charset=utf-8` : chosen.type,
      'content-disposition': `${HARMLESS.has(chosen.type) ? 'inline' : 'attachment'}; filename="${fileNameOf(uri)}"`,
      'content-security-policy': SANDBOX,
      'referrer-policy': 'no-referrer',
    },
  };
}

/** The types a resource's contents have. */
export function contentTypesOf(result: RawObject): string[] {
  const contents: unknown = memberValue(result, 'contents');
  return (Array.isArray(contents) ? contents : [])
    .filter(isObject)
    .map((content) => typeOf(content['mimeType'], typeof content['text'] === 'string'));
}

function typeOf(mimeType: unknown, isText: boolean): string {
  const essence = typeof mimeType === 'string' ? (mimeType.split(';')[0] ?? '').trim().toLowerCase() : '';
  if (MEDIA_TYPE.test(essence)) return essence;
  return isText ? 'text/plain' : 'application/octet-stream';
}

function bytesOf({ text, blob }: Readonly<Record<string, unknown>>): Buffer | undefined {
  if (typeof blob === 'string') return Buffer.from(blob, 'base64');
  return typeof text === 'string' ? Buffer.from(text) : undefined;
}

// Only what no shell, no file system and no header takes for something else.
function fileNameOf(uri: string): string {
  const last = uri.split(/[/?#]/).findLast((part) => part !== '') ?? '';
  const name = last
    .replace(/[^A-Za-z0-9._-]+/g, '_')
    .replace(/^[._]+/, '')
    .slice(-100);
  return name === '' ? 'resource' : name;
}

/** Says which types an Accept header names; a wildcard over everything names none. Undefined when it names JSON first of all or nothing. */
export function namedTypes(accept: string | undefined): ((type: string) => boolean) | undefined {
  const ranges = (accept ?? '')
    .toLowerCase()
    .split(',')
    .map((range) => range.split(';').map((part) => part.trim()))
    .filter(
      ([type = '', ...parameters]) => /^[^/\s]+\/[^/\s]+$/.test(type) && type !== '*/*' && !parameters.includes('q=0'),
    )
    .map(([type = '']) => type);
  if (ranges.length === 0 || ranges.includes('application/json') || ranges.includes('application/*')) return undefined;
  return (type) =>
    ranges.some((range) => range === type || (range.endsWith('/*') && type.startsWith(range.slice(0, -1))));
}
