import type { Clock } from '../core/ports.ts';
import { Heartbeat } from './heartbeat.ts';

/** Asks a node for a sign of life; resolves when it came. */
export type AskAlive = (node: string) => Promise<void>;

/** Watches nodes that answers are expected from: a node that has fallen silent loses all that was expected of it. */
export class PeerWatch {
  readonly #clock: Clock;
  readonly #ask: AskAlive;
  readonly #watched = new Map<string, { readonly heartbeat: Heartbeat; readonly expected: Set<() => void> }>();

  constructor(clock: Clock, ask: AskAlive) {
    this.#clock = clock;
    this.#ask = ask;
  }

  /** Calls `onLost` when the node is silent. Returns the end of the watch. */
  expect(node: string, onLost: () => void): () => void {
    const watched = this.#watched.get(node) ?? this.#watch(node);
    watched.expected.add(onLost);
    return () => {
      if (!watched.expected.delete(onLost) || watched.expected.size > 0) return;
      this.#forget(node);
    };
  }

  #watch(node: string): { readonly heartbeat: Heartbeat; readonly expected: Set<() => void> } {
    const expected = new Set<() => void>();
    let isAsked = false;
    const beat = (): void => {
      if (isAsked) return;
      isAsked = true;
      this.#ask(node).then(
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
      this.#watched.delete(node);
      for (const lose of [...expected]) lose();
    });
    const watched = { heartbeat, expected };
    this.#watched.set(node, watched);
    return watched;
  }

  #forget(node: string): void {
    this.#watched.get(node)?.heartbeat.stop();
    this.#watched.delete(node);
  }
}
