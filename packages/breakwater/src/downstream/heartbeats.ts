import type { Clock, Timer } from '../core/ports.ts';

/** Something that must not be silent for long. */
export interface Beating {
  /** Where {@link Heartbeats} keeps it; nobody else's to set. */
  place: number;
  /** Ends it at once. */
  cut(): void;
  /** Looks at the time of its last write. */
  beat(now: number): void;
}

const TICKS = 32;
const LEAST_TICK_MS = 50;

/**
 * One timer for the heartbeats of all streams: a timer and its closures for each would cost more than what they watch over. Each stream knows its place in an
 * array: a set that lives long would keep those that came and went, with all they hold, through all young collections (docs/performance.md).
 */
export class Heartbeats {
  readonly #clock: Clock;
  #tickMs: number;
  readonly #streams: Beating[] = [];
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
    stream.place = this.#streams.push(stream) - 1;
    this.#timer ??= this.#clock.after(this.#tickMs, this.#tick);
  }

  delete(stream: Beating): void {
    const { place } = stream;
    if (this.#streams[place] !== stream) return;
    const last = this.#streams.pop();
    if (last !== undefined && last !== stream) {
      this.#streams[place] = last;
      last.place = place;
    }
    if (this.#streams.length > 0) return;
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
    // From the end: who ends by its beat is replaced by the last one, which had its own.
    for (let at = this.#streams.length - 1; at >= 0; at--) this.#streams[at]?.beat(now);
  };
}

function tickOf(heartbeatMs: number): number {
  return Math.max(LEAST_TICK_MS, heartbeatMs / TICKS);
}
