import type { Clock, Timer } from '../core/ports.ts';

/** Something that must not be silent for long. */
export interface Beating {
  /** Ends it at once. */
  cut(): void;
  /** Looks at the time of its last write. */
  beat(now: number): void;
}

const TICKS = 32;
const LEAST_TICK_MS = 50;

/** One timer for the heartbeats of all streams: a timer and its closures for each would cost more than what they watch over. */
export class Heartbeats {
  readonly #clock: Clock;
  #tickMs: number;
  readonly #streams = new Set<Beating>();
  #timer: Timer | undefined;

  constructor(clock: Clock, heartbeatMs: number) {
    this.#clock = clock;
    this.#tickMs = tickOf(heartbeatMs);
  }

  /** Goes on under another configuration. Streams of the former one keep their pace, so the common timer does not become slower for them. */
  retime(heartbeatMs: number): void {
    const tickMs = tickOf(heartbeatMs);
    if (this.#timer !== undefined && tickMs >= this.#tickMs) return;
    this.#tickMs = tickMs;
    if (this.#timer === undefined) return;
    this.#timer.clear();
    this.#timer = this.#clock.after(tickMs, this.#tick);
  }

  /** How long a stream may be early or late by the grain of the common timer. */
  get grainMs(): number {
    return this.#tickMs;
  }

  add(stream: Beating): void {
    this.#streams.add(stream);
    this.#timer ??= this.#clock.after(this.#tickMs, this.#tick);
  }

  delete(stream: Beating): void {
    this.#streams.delete(stream);
    if (this.#streams.size > 0) return;
    this.#timer?.clear();
    this.#timer = undefined;
  }

  /** Ends all that there are at once. */
  cutAll(): void {
    for (const stream of [...this.#streams]) stream.cut();
  }

  readonly #tick = (): void => {
    this.#timer = this.#clock.after(this.#tickMs, this.#tick);
    const now = this.#clock.now();
    for (const stream of this.#streams) stream.beat(now);
  };
}

function tickOf(heartbeatMs: number): number {
  return Math.max(LEAST_TICK_MS, heartbeatMs / TICKS);
}
