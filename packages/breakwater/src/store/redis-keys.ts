import { tagOf } from './redis-slot.ts';

const PREFIX = /^[\w.:-]{0,64}$/;

/** Where things stand in Redis: one prefix for all, and every key of one thing in one slot. */
export class RedisKeys {
  readonly #prefix: string;

  constructor(prefix: string) {
    if (!PREFIX.test(prefix)) throw new TypeError('the prefix of the store may have up to 64 of A-Z a-z 0-9 _ . : -');
    this.#prefix = prefix;
  }

  /** The key of a record, a lease or a log. One without braces gets them, so that what belongs to it finds its slot. */
  of(key: string): string {
    const tagged = tagOf(key) === undefined ? `{${key}}` : key;
    if (tagOf(tagged) === undefined) throw new TypeError('a key of the store must not be empty or begin with }');
    return this.#prefix + tagged;
  }

  /** Where the last epoch of a lease is kept. */
  epoch(name: string): string {
    return `${this.of(name)}#epoch`;
  }

  /** Where the entries of a log are kept. */
  entries(key: string): string {
    return `${this.of(key)}#entries`;
  }

  /** A key or channel that belongs to the store as a whole. */
  common(name: string): string {
    return this.#prefix + name;
  }
}
