import { createHash } from 'node:crypto';

/** Longest name that the clients in the field accept for a tool. */
export const MAX_NAME_LENGTH = 64;

/** Between an upstream's name and its tool's name. */
export const NAME_SEPARATOR = '__';

/**
 * The public name of an upstream's tool or prompt: the name itself without a prefix, otherwise `<prefix>__<name>`. A name that
 * would pass 64 characters is cut and ends in eight hex digits of its full form's SHA-256, so it is stable and, in practice, unique.
 */
export function publicName(prefix: string, name: string): string {
  if (prefix === '') return name;
  const full = `${prefix}${NAME_SEPARATOR}${name}`;
  if (full.length <= MAX_NAME_LENGTH) return full;
  const digest = createHash('sha256').update(full).digest('hex').slice(0, 8);
  return `${full.slice(0, MAX_NAME_LENGTH - 9)}_${digest}`;
}

/** The upstream's own name behind a public one, when the prefix says it; undefined for another prefix and for a cut name. */
export function ownName(prefix: string, name: string): string | undefined {
  if (prefix === '') return name;
  const head = `${prefix}${NAME_SEPARATOR}`;
  if (!name.startsWith(head)) return undefined;
  // A name of full length may be a cut one: only the catalogue knows.
  return name.length >= MAX_NAME_LENGTH ? undefined : name.slice(head.length);
}
