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
    if (former !== undefined) this.set(text, former);
    return former;
  }

  set(text: string, value: V): void {
    if (this.#recent.size >= this.#most / 2) {
      this.#former = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(text, value);
  }
}
