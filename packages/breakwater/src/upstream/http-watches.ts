interface Watch {
  holders: number;
  accepted: Promise<boolean>;
}

/** Reference-counted `resources/subscribe` of one legacy session. */
export class Watches {
  readonly #watches = new Map<string, Watch>();
  /** What is being unsubscribed: a new subscription that overtook it would be undone by it. */
  readonly #leaving = new Map<string, Promise<void>>();
  readonly #request: (method: 'resources/subscribe' | 'resources/unsubscribe', uri: string) => Promise<boolean>;

  /** @param request asks the server; true when it answered a result. Must not reject. */
  constructor(request: (method: 'resources/subscribe' | 'resources/unsubscribe', uri: string) => Promise<boolean>) {
    this.#request = request;
  }

  /** What is subscribed now. */
  get uris(): Iterable<string> {
    return this.#watches.keys();
  }

  /** Subscribes, for the first holder at the server; false when it refused, and then nothing is held. */
  async add(uri: string): Promise<boolean> {
    let watch = this.#watches.get(uri);
    if (watch === undefined) {
      const leaving = this.#leaving.get(uri);
      const subscribe = (): Promise<boolean> => this.#request('resources/subscribe', uri);
      watch = { holders: 0, accepted: leaving === undefined ? subscribe() : leaving.then(subscribe) };
      this.#watches.set(uri, watch);
    }
    watch.holders++;
    const accepted = await watch.accepted;
    if (!accepted && this.#watches.get(uri) === watch) this.#watches.delete(uri);
    return accepted;
  }

  /** Gives up one hold; the last one unsubscribes at the server. */
  async remove(uri: string): Promise<void> {
    const watch = this.#watches.get(uri);
    if (watch === undefined || --watch.holders > 0) return;
    this.#watches.delete(uri);
    const leaving = this.#unsubscribe(uri, watch).finally(() => {
      if (this.#leaving.get(uri) === leaving) this.#leaving.delete(uri);
    });
    this.#leaving.set(uri, leaving);
    await leaving;
  }

  async #unsubscribe(uri: string, { accepted }: Watch): Promise<void> {
    if (await accepted) await this.#request('resources/unsubscribe', uri);
  }

  /** Subscribes everything again, on a new session. */
  async renew(): Promise<void> {
    await Promise.all(
      [...this.#watches].map(async ([uri, watch]) => {
        watch.accepted = this.#request('resources/subscribe', uri);
        if (!(await watch.accepted) && this.#watches.get(uri) === watch) this.#watches.delete(uri);
      }),
    );
  }
}
