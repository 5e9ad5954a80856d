import { entityTag } from '../entity.ts';
import { baseUrlOf } from '../inbound.ts';
import { type RestRequest, subscriberOf } from './request.ts';

/** A description as it is sent. */
export interface Description {
  readonly body: Buffer;
  readonly etag: string;
}

const MOST_KEPT = 128;
const MOST_BYTES = 64 * 1_048_576;

/**
 * Descriptions that took long to make, each under what it was made of. Attack: the document of a thousand tools is asked for again and again, by anybody; making it
 * takes as long as thousands of calls.
 */
export class DescriptionCache {
  /** The one that was used last is the last one. */
  readonly #kept = new Map<string, Description>();
  /** Settled when what is being made under a key is made. */
  readonly #making = new Map<string, Promise<void>>();
  readonly #serials = new WeakMap<object, number>();
  #lastSerial = 0;
  #bytes = 0;

  /**
   * What `make` makes for this caller, kept until a list of the route changes. `what` says what else it is made of. Undefined, and nothing is kept, when `make` has
   * refused the request.
   */
  async describe(
    request: RestRequest,
    what: readonly unknown[],
    make: () => Promise<Buffer | undefined>,
  ): Promise<Description | undefined> {
    const { route, principal, rest, context } = request;
    // Whatever is wrong with the lists is said when they are read.
    const lists = await context.deps.edge.lists(subscriberOf(request)).catch(() => undefined);
    if (lists === undefined) {
      const body = await make();
      return body === undefined ? undefined : { body, etag: entityTag(body) };
    }
    const place = [route.path, principal.key, baseUrlOf(request), rest.base];
    const key = JSON.stringify([...place, this.serialsOf(lists), ...what]);
    // Attack: many ask at once for what is not there yet. All but the first wait for it, once: it may be refused.
    await this.#making.get(key);
    const known = this.get(key);
    if (known !== undefined) return known;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#making.set(key, promise);
    try {
      const body = await make();
      return body === undefined ? undefined : this.set(key, body);
    } finally {
      if (this.#making.get(key) === promise) this.#making.delete(key);
      resolve();
    }
  }

  /** What names these objects, as they are now. */
  serialsOf(objects: readonly object[]): string {
    return objects.map((object) => this.#serialOf(object)).join(' ');
  }

  /** What is kept under a key, which is the last to go from now on. */
  get(key: string): Description | undefined {
    const known = this.#kept.get(key);
    if (known === undefined) return undefined;
    this.#kept.delete(key);
    this.#kept.set(key, known);
    return known;
  }

  /** Keeps a body and returns it with its tag. */
  set(key: string, body: Buffer): Description {
    const made = { body, etag: entityTag(body) };
    this.#drop(key);
    this.#kept.set(key, made);
    this.#bytes += sizeOf(key, made);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= MOST_KEPT && this.#bytes <= MOST_BYTES) break;
      this.#drop(oldest);
    }
    return made;
  }

  #drop(key: string): void {
    const known = this.#kept.get(key);
    if (known === undefined) return;
    this.#kept.delete(key);
    this.#bytes -= sizeOf(key, known);
  }

  #serialOf(object: object): number {
    const known = this.#serials.get(object) ?? ++this.#lastSerial;
    this.#serials.set(object, known);
    return known;
  }
}

function sizeOf(key: string, { body }: Description): number {
  return key.length + body.length;
}
