import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** The tag of a body that is sent to whoever asks for it. */
export function entityTag(body: Buffer): string {
  return `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
}

/** Whether the caller has the entity of this tag; compared weakly (RFC 9110 §13.1.2): a proxy that compresses makes a tag weak. */
export function hasEntity({ headers }: IncomingMessage, etag: string): boolean {
  const known = headers['if-none-match'];
  return known?.split(',').some((tag) => ['*', etag].includes(tag.trim().replace(/^W\//, ''))) === true;
}

/** What an answer depends on: these headers beside those that are in its head already, such as Origin. Undefined for nothing. */
export function varyOf(res: ServerResponse, also: string | undefined): string | undefined {
  const names = [res.getHeader('vary'), also].filter((name) => name !== undefined);
  return names.length === 0 ? undefined : names.join(', ');
}
