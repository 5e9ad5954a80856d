import type { GatewayEvent, ResourceKind } from '../core/events.ts';

/** How many of each resource are open now. */
export type LedgerCounts = Readonly<Record<ResourceKind, number>>;

/** Pairs opens with closes. After everything ended it is empty; what is left then is a leak. */
export class Ledger {
  // Sessions are many and their ids are kept elsewhere too: a set of the very same texts costs least.
  readonly #sessions = new Set<string>();
  /** The session each of the others must end with, by id. */
  readonly #owned: Readonly<Record<Exclude<ResourceKind, 'session'>, Map<string, string | undefined>>> = {
    stream: new Map(),
    subscription: new Map(),
    handle: new Map(),
    park: new Map(),
    call: new Map(),
  };

  /** Takes note of `open` and `close` events; others are ignored. A resource closed twice counts once. */
  record(event: GatewayEvent): void {
    if (event.type !== 'open' && event.type !== 'close') return;
    const { type, resource, id } = event;
    if (resource === 'session') {
      if (type === 'open') this.#sessions.add(id);
      else this.#sessions.delete(id);
    } else if (type === 'open') this.#owned[resource].set(id, event.session);
    else this.#owned[resource].delete(id);
  }

  get counts(): LedgerCounts {
    const { stream, subscription, handle, park, call } = this.#owned;
    return {
      session: this.#sessions.size,
      stream: stream.size,
      subscription: subscription.size,
      handle: handle.size,
      park: park.size,
      call: call.size,
    };
  }

  /** How many resources are open though the session they must end with is not: always 0, or something leaks. */
  get orphans(): number {
    let orphans = 0;
    for (const open of Object.values(this.#owned)) {
      for (const session of open.values()) if (session !== undefined && !this.#sessions.has(session)) orphans++;
    }
    return orphans;
  }
}
