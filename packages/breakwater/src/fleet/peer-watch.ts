import type { Clock } from '../core/ports.ts';
import type { PeerAddress } from './directory.ts';
import { Heartbeat } from './heartbeat.ts';

/** Asks whoever listens there for a sign of life; resolves when it came. */
export type AskAlive = (address: PeerAddress) => Promise<void>;

/** Watches nodes that answers are expected from: a node that has fallen silent loses all that was expected of it. */
export class PeerWatch {
  readonly #clock: Clock;
  readonly #ask: AskAlive;
  readonly #watched = new Map<string, { readonly heartbeat: Heartbeat; readonly expected: Set<() => void> }>();

  constructor(clock: Clock, ask: AskAlive) {
    this.#clock = clock;
    this.#ask = ask;
  }

  /** Calls `onLost` when the node behind an address is silent. Returns the end of the watch. */
  expect(address: PeerAddress, onLost: () => void): () => void {
    const name = `${address.host} ${address.port}`;
    const watched = this.#watched.get(name) ?? this.#watch(name, address);
    watched.expected.add(onLost);
    return () => {
      if (!watched.expected.delete(onLost) || watched.expected.size > 0) return;
      this.#forget(name, watched);
    };
  }

  #watch(name: string, address: PeerAddress): { readonly heartbeat: Heartbeat; readonly expected: Set<() => void> } {
    const expected = new Set<() => void>();
    let isAsked = false;
    const beat = (): void => {
      if (isAsked) return;
      isAsked = true;
      this.#ask(address).then(
        () => {
          isAsked = false;
          heartbeat.heard();
        },
        () => {
          isAsked = false; // that nothing was heard is what counts
        },
      );
    };
    const heartbeat = new Heartbeat(this.#clock, beat, () => {
      this.#watched.delete(name);
      for (const lose of [...expected]) lose();
    });
    const watched = { heartbeat, expected };
    this.#watched.set(name, watched);
    return watched;
  }

  #forget(name: string, watched: { readonly heartbeat: Heartbeat }): void {
    watched.heartbeat.stop();
    if (this.#watched.get(name) === watched) this.#watched.delete(name);
  }
}
