import { createHmac } from 'node:crypto';
import { placeholder } from './placeholder.ts';

/** Characters of a pseudonym: 72 bits, no two ids of one recording meet. */
const LENGTH = 12;

/** Gives ids names that say nothing but that two of them are the same. The key is thrown away with the process, so nobody can try candidates. */
export class Pseudonyms {
  readonly #key: Buffer;

  constructor(key: Buffer) {
    this.#key = key;
  }

  /** The placeholder of an id; the same for the same kind and id. */
  of(kind: string, id: string): string {
    return placeholder(kind, this.bare(kind, id));
  }

  /** The pseudonym alone. */
  bare(kind: string, id: string): string {
    return createHmac('sha256', this.#key).update(`${kind}\0${id}`).digest('base64url').slice(0, LENGTH);
  }
}
