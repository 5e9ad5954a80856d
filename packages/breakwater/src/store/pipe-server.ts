import type { Store } from '../core/store.ts';
import { Bundle } from './bundle.ts';
import { type PipeEnd, type Request, type Response, type Responses, requestsIn } from './pipe-messages.ts';

/** One process that is served. */
interface Served {
  readonly answers: Bundle<Response>;
  readonly subscriptions: Map<number, Promise<() => Promise<void>>>;
}

/** Serves a store to other processes, each over its own pipe. What a process had subscribed to ends with its pipe. */
export class PipeStoreServer {
  readonly #store: Store;
  readonly #served = new Map<PipeEnd, () => void>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** Answers what comes over this pipe until it ends, or until {@link detach}. */
  attach(end: PipeEnd): void {
    const subscriptions: Served['subscriptions'] = new Map();
    const answers = new Bundle<Response>((storeTells) => tell(end, { storeTells }));
    const hear = (message: unknown): void => {
      for (const request of requestsIn(message)) void this.#answer(request, { answers, subscriptions });
    };
    this.#served.set(end, () => {
      end.off('message', hear);
      for (const subscription of subscriptions.values()) void stop(subscription);
      subscriptions.clear();
    });
    end.on('message', hear);
    end.once('disconnect', () => this.detach(end));
  }

  /** Harmless when it is not attached. */
  detach(end: PipeEnd): void {
    this.#served.get(end)?.();
    this.#served.delete(end);
  }

  /** Stops serving everybody and closes the store. */
  async close(): Promise<void> {
    for (const end of [...this.#served.keys()]) this.detach(end);
    await this.#store.close();
  }

  async #answer(request: Request, served: Served): Promise<void> {
    const { id } = request;
    try {
      served.answers.add({ id, value: await this.#perform(request, served) });
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      served.answers.add({ id, error: text, isMisuse: error instanceof TypeError });
    }
  }

  async #perform(request: Request, { answers, subscriptions }: Served): Promise<unknown> {
    const { id } = request;
    if (request.op === 'subscribe') {
      const subscription = this.#store.subscribe(
        request.channel,
        (message) => answers.add({ id, message }),
        () => answers.add({ id, gap: true }),
      );
      subscriptions.set(id, subscription);
      await subscription;
      return undefined;
    }
    if (request.op === 'unsubscribe') {
      const subscription = subscriptions.get(request.subscription);
      subscriptions.delete(request.subscription);
      return subscription === undefined ? undefined : stop(subscription);
    }
    const run = this.#store[request.op] as (...words: unknown[]) => Promise<unknown>;
    return run.apply(this.#store, [...request.words]);
  }
}

function tell(end: PipeEnd, responses: Responses): void {
  // A process that has just ended is not there to hear it.
  end.send?.(responses, () => undefined);
}

async function stop(subscription: Promise<() => Promise<void>>): Promise<void> {
  try {
    const leave = await subscription;
    await leave();
  } catch {
    // It never began, or the store is out of reach and with it the subscription.
  }
}
