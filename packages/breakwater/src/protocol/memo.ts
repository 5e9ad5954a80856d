import { ownText } from '../jsonrpc/raw.ts';

/**
 * What a pure function made of texts that come again and again. Bounded: when `most` texts are known, those that did not come since the last time
 * that happened are forgotten.
 */
export class Memo<V> {
  readonly #most: number;
  #recent = new Map<string, V>();
  #former = new Map<string, V>();

  constructor(most: number) {
    this.#most = most;
  }

  get(text: string): V | undefined {
    const recent = this.#recent.get(text);
    if (recent !== undefined) return recent;
    const former = this.#former.get(text);
    // Of a copy: whoever asks may have it as a slice of a body.
    if (former !== undefined) this.set(ownText(text), former);
    return former;
  }

  /** `text` is kept: it must not be a slice of something larger. */
  set(text: string, value: V): void {
    if (this.#recent.size >= this.#most / 2) {
      this.#former = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(text, value);
  }
}
