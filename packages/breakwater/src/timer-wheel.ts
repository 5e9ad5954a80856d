import type { Timer } from './core/ports.ts';

/** Everything on the wheel runs this much late at most, beside what the event loop itself is late. */
const TICK_MS = 250;
const SLOTS = 256;

/** A timer on the wheel, and a link of its slot's list. */
class Entry implements Timer {
  readonly due: number;
  run: (() => void) | undefined;
  previous: Entry;
  next: Entry;
  readonly #wheel: TimerWheel | undefined;

  constructor(due: number, run?: () => void, wheel?: TimerWheel) {
    this.due = due;
    this.run = run;
    this.previous = this;
    this.next = this;
    this.#wheel = wheel;
  }

  clear(): void {
    if (this.run === undefined) return;
    this.run = undefined;
    this.previous.next = this.next;
    this.next.previous = this.previous;
    // A dead link that points to living ones keeps them, and what they point to, through every young collection (twice the memory, measured).
    this.previous = this;
    this.next = this;
    this.#wheel?.noteGone();
  }
}

/**
 * Timers that are nearly always cleared long before they are due: a link in a list each. A call needs three, and as timers of Node's own
 * they cost 3 of its 73 µs. None of them keeps the process alive.
 */
export class TimerWheel {
  readonly #slots = Array.from({ length: SLOTS }, () => new Entry(0));
  readonly #now: () => number;
  /** The last tick whose slot was looked through. */
  #tick = 0;
  #size = 0;
  #interval: NodeJS.Timeout | undefined;

  /** @param now a clock in ms that never goes back. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Calls `run` once, never early, unless it is cleared. */
  after(delayMs: number, run: () => void): Timer {
    const now = this.#now();
    if (this.#interval === undefined) this.#start(now);
    const due = now + delayMs;
    const entry = new Entry(due, run, this);
    // The slot of the first tick at which it is due.
    const head = this.#slots[Math.max(Math.ceil(due / TICK_MS), this.#tick + 1) % SLOTS] as Entry;
    entry.previous = head.previous;
    entry.next = head;
    head.previous.next = entry;
    head.previous = entry;
    this.#size++;
    return entry;
  }

  /** Takes note that an entry left the wheel. */
  noteGone(): void {
    this.#size--;
  }

  /** Runs what is due; the wheel's own interval does so while anything is on it. */
  turn(): void {
    const now = this.#now();
    const last = Math.floor(now / TICK_MS);
    // A process that stood still for longer than a whole turn looks through every slot once.
    for (let tick = Math.max(this.#tick + 1, last - SLOTS + 1); tick <= last; tick++) this.#runDue(tick % SLOTS, now);
    this.#tick = last;
    // Not when the last one is cleared: a quiet gateway would start and stop an interval with every request.
    if (this.#size > 0) return;
    clearInterval(this.#interval);
    this.#interval = undefined;
  }

  #start(now: number): void {
    this.#tick = Math.floor(now / TICK_MS);
    this.#interval = setInterval(() => this.turn(), TICK_MS).unref();
  }

  #runDue(slot: number, now: number): void {
    const head = this.#slots[slot] as Entry;
    const due: (() => void)[] = [];
    for (let entry = head.next, next = entry.next; entry !== head; entry = next, next = entry.next) {
      if (entry.due > now || entry.run === undefined) continue;
      due.push(entry.run);
      entry.clear();
    }
    for (const run of due) runAlone(run);
  }
}

// One that throws ends as any timer's throw does, and the others still run.
function runAlone(run: () => void): void {
  try {
    run();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
