import type { GatewayEvent, ResourceKind } from '../core/events.ts';

/** How many of each resource are open now. */
export type LedgerCounts = Readonly<Record<ResourceKind, number>>;

/** Pairs opens with closes. After everything ended it is empty; what is left then is a leak. */
export class Ledger {
  readonly #open = new Map<string, ResourceKind>();
  readonly #counts: Record<ResourceKind, number> = { session: 0, stream: 0, subscription: 0, handle: 0 };

  /** Takes note of `open` and `close` events; others are ignored. A resource closed twice counts once. */
  record(event: GatewayEvent): void {
    if (event.type === 'open') {
      const key = `${event.resource} ${event.id}`;
      if (this.#open.has(key)) return;
      this.#open.set(key, event.resource);
      this.#counts[event.resource]++;
    } else if (event.type === 'close' && this.#open.delete(`${event.resource} ${event.id}`))
      this.#counts[event.resource]--;
  }

  get counts(): LedgerCounts {
    return { ...this.#counts };
  }
}
