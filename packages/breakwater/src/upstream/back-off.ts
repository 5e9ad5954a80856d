import type { Clock } from '../core/ports.ts';

/** Bounds of the wait between openings, in ms, and a number in [0, 1) that spreads the waits of many nodes. */
export interface BackOffOptions {
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  readonly jitter: () => number;
}

/** When an upstream may be opened again after failures. The delay doubles from failure to failure and starts over once it ran well for a while. */
export class BackOff {
  readonly #clock: Clock;
  readonly #options: BackOffOptions;
  #failures = 0;
  #goodSince: number | undefined;
  #notBefore = 0;
  #cause: unknown;

  constructor(clock: Clock, options: BackOffOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /** What went wrong last. */
  get cause(): unknown {
    return this.#cause;
  }

  /** Ms until the next opening is allowed; 0 when it is. */
  get waitMs(): number {
    return Math.max(0, this.#notBefore - this.#clock.now());
  }

  /** A handle was opened. */
  succeed(): void {
    this.#goodSince ??= this.#clock.now();
  }

  /** An opening failed, or a handle was lost. */
  fail(cause: unknown): void {
    const { minDelayMs, maxDelayMs, jitter } = this.#options;
    const now = this.#clock.now();
    if (this.#goodSince !== undefined && now - this.#goodSince >= maxDelayMs) this.#failures = 0;
    this.#goodSince = undefined;
    const delayMs = Math.min(maxDelayMs, minDelayMs * 2 ** Math.min(this.#failures, 30));
    this.#failures++;
    this.#cause = cause;
    // Half fixed, half random: never at once, never all together.
    this.#notBefore = now + delayMs * (0.5 + jitter() / 2);
  }
}
