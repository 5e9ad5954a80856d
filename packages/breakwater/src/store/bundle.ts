/** Sends what is said in one turn of the event loop as one message: over a pipe between processes a message costs more than most of what it says. */
export class Bundle<T> {
  readonly #send: (all: readonly T[]) => void;
  #waiting: T[] = [];

  constructor(send: (all: readonly T[]) => void) {
    this.#send = send;
  }

  add(one: T): void {
    if (this.#waiting.push(one) === 1) setImmediate(() => this.#flush());
  }

  #flush(): void {
    const all = this.#waiting;
    this.#waiting = [];
    this.#send(all);
  }
}
