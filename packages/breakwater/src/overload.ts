import { monitorEventLoopDelay } from 'node:perf_hooks';

/** When this process counts as overloaded. */
export interface OverloadLimits {
  /** Mean lateness of the event loop over a window. */
  readonly eventLoopDelayMs: number;
  /** Resident memory; undefined for no bound. */
  readonly rssBytes: number | undefined;
}

/** What the guard saw last. */
export interface LoadReading {
  readonly eventLoopDelayMs: number;
  readonly rssBytes: number;
}

const RESOLUTION_MS = 20;
const WINDOW_MS = 500;
/** One bad window is a long collection or a burst; refusing would only add retries. */
const WINDOWS = 2;
const NS_PER_MS = 1e6;

/** Counts windows over the limits; overloaded after two in a row. Pure, so that it can be tested without loading a machine. */
export class OverloadJudge {
  limits: OverloadLimits;
  #over = 0;

  constructor(limits: OverloadLimits) {
    this.limits = limits;
  }

  get isOverloaded(): boolean {
    return this.#over >= WINDOWS;
  }

  /** Takes the reading of one window. */
  judge({ eventLoopDelayMs, rssBytes }: LoadReading): void {
    const { limits } = this;
    const isOver =
      eventLoopDelayMs > limits.eventLoopDelayMs || (limits.rssBytes !== undefined && rssBytes > limits.rssBytes);
    this.#over = isOver ? this.#over + 1 : 0;
  }
}

/** Watches this process: its event loop and its memory. Nothing of it keeps the process alive. */
export class OverloadGuard {
  readonly #judge: OverloadJudge;
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  readonly #timer: NodeJS.Timeout;
  #reading: LoadReading = { eventLoopDelayMs: 0, rssBytes: 0 };

  constructor(limits: OverloadLimits) {
    this.#judge = new OverloadJudge(limits);
    this.#delay.enable();
    this.#timer = setInterval(() => this.#look(), WINDOW_MS).unref();
  }

  /** True while new work should be refused. */
  get isOverloaded(): boolean {
    return this.#judge.isOverloaded;
  }

  /** What was seen in the last window. */
  get reading(): LoadReading {
    return this.#reading;
  }

  set limits(limits: OverloadLimits) {
    this.#judge.limits = limits;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#delay.disable();
  }

  #look(): void {
    const { mean } = this.#delay;
    this.#delay.reset();
    // The histogram holds whole intervals: what is beyond the one that was asked for is lateness. Without a sample the mean is NaN.
    const lateMs = Number.isNaN(mean) ? 0 : Math.max(0, mean / NS_PER_MS - RESOLUTION_MS);
    this.#reading = { eventLoopDelayMs: lateMs, rssBytes: process.memoryUsage.rss() };
    this.#judge.judge(this.#reading);
  }
}
