import { GatewayError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { Clock } from '../core/ports.ts';
import { BackOff, type BackOffOptions, type CircuitState } from './back-off.ts';

/** What a circuit works with. */
export interface CircuitDeps {
  readonly clock: Clock;
  readonly emit: Emit;
  /** Called when it trips: whoever waits is told. */
  readonly onTripped: () => void;
}

/** The back-off of one upstream, with a voice: counts its failures, says when it trips, and makes the refusal. */
export class Circuit extends BackOff {
  readonly #upstream: string;
  readonly #deps: CircuitDeps;
  #total = 0;

  constructor(upstream: string, options: BackOffOptions, deps: CircuitDeps) {
    super(deps.clock, options);
    this.#upstream = upstream;
    this.#deps = deps;
  }

  /** Failures since the start. */
  get total(): number {
    return this.#total;
  }

  /** What a caller is told who cannot have a handle now. */
  get refusal(): GatewayError {
    const { cause, retryAfterMs } = this;
    return new GatewayError('upstream.unavailable', { cause, data: { retryAfterMs: Math.ceil(retryAfterMs) } });
  }

  /** A handle ended by itself, or could not be opened. */
  override fail(error: Error): void {
    this.#total++;
    this.#watch(error, () => super.fail(error));
  }

  /** A request did not reach the server. */
  override miss(error: Error): void {
    this.#watch(error, () => super.miss(error));
  }

  #watch(cause: Error, note: () => void): void {
    const before: CircuitState = this.state;
    note();
    if (before !== 'closed' || this.state === 'closed') return;
    const detail = { upstream: this.#upstream, cause, retryAfterMs: Math.ceil(this.retryAfterMs) };
    const message = 'An upstream failed too often in a row; requests are refused until it answers again.';
    this.#deps.emit({ type: 'notice', level: 'error', message, detail });
    this.#deps.onTripped();
  }
}
