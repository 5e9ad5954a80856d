import type { Clock } from '../core/ports.ts';

/** Bounds of the wait between openings, in ms, and a number in [0, 1) that spreads the waits of many nodes. */
export interface BackOffOptions {
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  /** Failures in a row that open the circuit; absent means never. */
  readonly failFastAfter?: number | undefined;
  readonly jitter: () => number;
}

/** What may be done now: `pass`, `wait` for the end of the delay, or be refused because the circuit is open. */
export type Gate = 'pass' | 'wait' | 'refuse';

/** Whether the circuit lets requests through (`closed`), none (`open`), or one that tries (`half-open`). */
export type CircuitState = 'closed' | 'open' | 'half-open';

/** How long the one that tries may take before another one may. */
const TRIAL_MS = 10_000;
const LEAST_RETRY_MS = 1_000;

/**
 * When an upstream may be opened or asked again after failures. The delay doubles from failure to failure and starts over once it ran well for
 * a while. After several failures in a row the circuit opens: nobody waits for a server that is down, and one at a time tries it.
 */
export class BackOff {
  readonly #clock: Clock;
  readonly #options: BackOffOptions;
  #failures = 0;
  #goodSince: number | undefined;
  #notBefore = 0;
  #cause: unknown;
  #isTripped = false;
  #trialUntil = 0;

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

  /** When somebody who is refused should come back, in ms from now. */
  get retryAfterMs(): number {
    return this.#isTripped ? Math.max(LEAST_RETRY_MS, this.waitMs) : this.waitMs;
  }

  /** True while a failure has not been followed by a success. */
  get hasFailed(): boolean {
    return this.#failures > 0;
  }

  get state(): CircuitState {
    if (!this.#isTripped) return 'closed';
    return this.waitMs > 0 ? 'open' : 'half-open';
  }

  /** Asks for passage. While the circuit is half open the first to ask is let through and its outcome decides for the others. */
  enter(): Gate {
    if (!this.#isTripped) return this.waitMs > 0 ? 'wait' : 'pass';
    const now = this.#clock.now();
    if (this.waitMs > 0 || now < this.#trialUntil) return 'refuse';
    this.#trialUntil = now + TRIAL_MS;
    return 'pass';
  }

  /** A handle was opened. */
  succeed(): void {
    this.#goodSince ??= this.#clock.now();
    this.#isTripped = false;
    this.#trialUntil = 0;
  }

  /** The server answered a request: whatever was wrong with reaching it is over. */
  answer(): void {
    if (this.#failures === 0) return;
    this.#failures = 0;
    this.#notBefore = 0;
    this.succeed();
  }

  /** An opening failed, or a handle was lost. */
  fail(cause: unknown): void {
    this.#note(cause);
    this.#delay();
  }

  /** A request did not reach the server though its handle lives: only several in a row delay the next one. */
  miss(cause: unknown): void {
    this.#note(cause);
    if (this.#isTripped) this.#delay();
  }

  #note(cause: unknown): void {
    const { maxDelayMs, failFastAfter } = this.#options;
    if (this.#goodSince !== undefined && this.#clock.now() - this.#goodSince >= maxDelayMs) this.#failures = 0;
    this.#goodSince = undefined;
    this.#failures++;
    this.#cause = cause;
    this.#trialUntil = 0;
    if (failFastAfter !== undefined && this.#failures >= failFastAfter) this.#isTripped = true;
  }

  #delay(): void {
    const { minDelayMs, maxDelayMs, jitter } = this.#options;
    const delayMs = Math.min(maxDelayMs, minDelayMs * 2 ** Math.min(this.#failures - 1, 30));
    // Half fixed, half random: never at once, never all together.
    this.#notBefore = this.#clock.now() + delayMs * (0.5 + jitter() / 2);
  }
}
