import type { Store } from '../core/store.ts';
import { Bundle } from './bundle.ts';
import { type PipeEnd, type Request, type Response, type Responses, requestsIn } from './pipe-messages.ts';

/** Bytes of messages that may wait for a process that does not read them; what comes then is not said, and that some is missing is. */
const MOST_UNREAD_BYTES = 32 * 1_048_576;

/** One process that is served. */
interface Served {
  readonly voice: Voice;
  readonly subscriptions: Map<number, Promise<() => Promise<void>>>;
}

/** What is said to one process. */
class Voice {
  readonly #end: PipeEnd;
  readonly #bundle = new Bundle<Response>((responses) => this.#send(responses));
  #unreadBytes = 0;
  /** Subscriptions of which messages were left out. */
  readonly #gaps = new Set<number>();

  constructor(end: PipeEnd) {
    this.#end = end;
  }

  answer(response: Response): void {
    this.#bundle.add(response);
  }

  // Attack: a process is stuck while the others have much to say; what it does not read piles up in the one that all need.
  pass(id: number, message: Buffer): void {
    if (this.#unreadBytes + message.length > MOST_UNREAD_BYTES) {
      this.#gaps.add(id);
      return;
    }
    this.#unreadBytes += message.length;
    this.#bundle.add({ id, message });
  }

  forget(id: number): void {
    this.#gaps.delete(id);
  }

  #send(storeTells: readonly Response[]): void {
    const bytes = storeTells.reduce((sum, told) => sum + ('message' in told ? told.message.length : 0), 0);
    // A process that has just ended is not there to hear it.
    this.#end.send?.({ storeTells } satisfies Responses, () => {
      this.#unreadBytes -= bytes;
      for (const id of this.#gaps) this.#bundle.add({ id, gap: true });
      this.#gaps.clear();
    });
  }
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
    const voice = new Voice(end);
    const hear = (message: unknown): void => {
      for (const request of requestsIn(message)) void this.#answer(request, { voice, subscriptions });
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
      served.voice.answer({ id, value: await this.#perform(request, served) });
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      served.voice.answer({ id, error: text, isMisuse: error instanceof TypeError });
    }
  }

  async #perform(request: Request, { voice, subscriptions }: Served): Promise<unknown> {
    const { id } = request;
    if (request.op === 'subscribe') {
      const subscription = this.#store.subscribe(
        request.channel,
        (message) => voice.pass(id, message),
        () => voice.answer({ id, gap: true }),
      );
      subscriptions.set(id, subscription);
      await subscription;
      return undefined;
    }
    if (request.op === 'unsubscribe') {
      const subscription = subscriptions.get(request.subscription);
      subscriptions.delete(request.subscription);
      voice.forget(request.subscription);
      return subscription === undefined ? undefined : stop(subscription);
    }
    const run = this.#store[request.op] as (...words: unknown[]) => Promise<unknown>;
    return run.apply(this.#store, [...request.words]);
  }
}

async function stop(subscription: Promise<() => Promise<void>>): Promise<void> {
  try {
    const leave = await subscription;
    await leave();
  } catch {
    // It never began, or the store is out of reach and with it the subscription.
  }
}
