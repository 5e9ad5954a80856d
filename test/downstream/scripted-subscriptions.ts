import type {
  Change,
  Subscriber,
  Subscription,
  SubscriptionFilter,
  Subscriptions,
} from '../../packages/breakwater/src/core/subscription.ts';

/** One subscription that was opened, as the test sees it. */
export interface OpenedSubscription {
  readonly subscriber: Subscriber;
  readonly filter: SubscriptionFilter;
  readonly uris: Set<string>;
  readonly report: (change: Change) => void;
  closed: string | undefined;
}

/** Subscriptions that honour everything but URIs that begin with `refused:`. */
export class ScriptedSubscriptions implements Subscriptions {
  readonly opened: OpenedSubscription[] = [];
  /** When set, nothing is honoured. */
  deaf = false;
  failure: Error | undefined;
  /** When set, an upstream that is slow to say what it honours. */
  gate: Promise<void> | undefined;
  #waiting: (() => void)[] = [];

  async open(
    subscriber: Subscriber,
    filter: SubscriptionFilter,
    listener: (change: Change) => void,
  ): Promise<Subscription> {
    if (this.failure !== undefined) throw this.failure;
    const uris = new Set(filter.uris.filter(isAccepted));
    const opened: OpenedSubscription = { subscriber, filter, uris, report: listener, closed: undefined };
    this.opened.push(opened);
    for (const resolve of this.#waiting.splice(0)) resolve();
    await this.gate;
    const nothing = { tools: false, prompts: false, resources: false, uris: [] };
    return {
      id: String(this.opened.length),
      honoured: this.deaf ? nothing : { ...filter, uris: [...uris] },
      add: async (uri) => {
        await this.gate;
        if (isAccepted(uri)) uris.add(uri);
        return isAccepted(uri);
      },
      remove: async (uri) => void uris.delete(uri),
      close: async (reason) => {
        opened.closed = reason;
      },
    };
  }

  /** The subscription with this number, counted from 0, once it is open. */
  async nth(index: number): Promise<OpenedSubscription> {
    for (;;) {
      const opened = this.opened[index];
      if (opened !== undefined) return opened;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}

function isAccepted(uri: string): boolean {
  return !uri.startsWith('refused:');
}
