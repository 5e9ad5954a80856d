import type { Clock } from '../core/ports.ts';
import type { Era } from '../protocol/revision.ts';

const VALID_MS = 6 * 3_600_000;

/** The era a configured server turned out to speak: remembered so that not every opening asks, dated because servers are upgraded. */
export class EraMemory {
  readonly #clock: Clock;
  #verdict: { readonly era: Era; readonly at: number } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  recall(): Era | undefined {
    if (this.#verdict !== undefined && this.#clock.now() - this.#verdict.at >= VALID_MS) this.#verdict = undefined;
    return this.#verdict?.era;
  }

  remember(era: Era): void {
    this.#verdict = { era, at: this.#clock.now() };
  }

  forget(): void {
    this.#verdict = undefined;
  }
}
