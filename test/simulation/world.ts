import type { Clock, Timer } from '../../packages/breakwater/src/core/ports.ts';

/** Something that runs code and can be stopped: a gateway process, a server. */
export class SimProcess {
  readonly name: string;
  #state: 'running' | 'paused' | 'dead' = 'running';
  /** What fell due while it stood still. */
  readonly waiting: SimEvent[] = [];

  constructor(name: string) {
    this.name = name;
  }

  get isDead(): boolean {
    return this.#state === 'dead';
  }

  get isPaused(): boolean {
    return this.#state === 'paused';
  }

  /** Nothing of it ever runs again. */
  kill(): void {
    this.#state = 'dead';
    this.waiting.length = 0;
  }

  pause(): void {
    if (this.#state === 'running') this.#state = 'paused';
  }

  resume(): void {
    if (this.#state === 'paused') this.#state = 'running';
  }
}

interface SimEvent extends Timer {
  readonly at: number;
  readonly seq: number;
  /** Who runs it; undefined for what happens whoever lives. */
  readonly process: SimProcess | undefined;
  readonly kind: 'timer' | 'message';
  readonly run: () => void;
  isCleared: boolean;
}

const MOST_STEPS = 100_000;
/** When virtual time begins. */
const EPOCH = Date.UTC(2026, 0, 1);

/** Virtual time and all that is due in it. What is due at one moment happens in the order in which it was planned. */
export class World {
  readonly #heap: SimEvent[] = [];
  readonly trace: string[] = [];
  #now = EPOCH;
  #seq = 0;
  /** Events that ran. */
  steps = 0;
  readonly #isDetailed: boolean;

  constructor(isDetailed: boolean) {
    this.#isDetailed = isDetailed;
  }

  get now(): number {
    return this.#now;
  }

  /** Ms since the beginning. */
  get elapsed(): number {
    return this.#now - EPOCH;
  }

  /** Writes a line down, with the time. */
  note(line: string): void {
    this.trace.push(`${this.elapsed} ${line}`);
  }

  /** The same for what only somebody reads who looks into one run. */
  detail(line: () => string): void {
    if (this.#isDetailed) this.note(line());
  }

  /** Plans a message or an act: it happens `delayMs` from now, in the process where one is named. */
  later(delayMs: number, process: SimProcess | undefined, run: () => void): Timer {
    return this.#plan(this.#now + delayMs, process, 'message', run);
  }

  /** The same at a time of {@link elapsed}; never in the past. */
  at(elapsedMs: number, process: SimProcess | undefined, run: () => void): Timer {
    return this.#plan(Math.max(this.#now, EPOCH + elapsedMs), process, 'message', run);
  }

  /** A clock whose timers run in a process. */
  clockOf(process: SimProcess | undefined): Clock {
    return {
      now: () => this.#now,
      after: (delayMs, run) => this.#plan(this.#now + Math.max(0, Math.ceil(delayMs)), process, 'timer', run),
    };
  }

  /** How many timers of a process have not run. */
  timersOf(process: SimProcess): number {
    const isPending = (event: SimEvent): boolean =>
      event.process === process && event.kind === 'timer' && !event.isCleared;
    return this.#heap.filter(isPending).length + process.waiting.filter(isPending).length;
  }

  /** Lets a process go on: what waited for it happens now, its timers before or after its messages. */
  resume(process: SimProcess, first: 'timer' | 'message'): void {
    process.resume();
    const waiting = process.waiting.splice(0);
    for (const event of [...waiting].sort((a, b) => Number(a.kind !== first) - Number(b.kind !== first))) {
      if (event.isCleared) continue;
      // Under its own name, so that clearing it still works.
      this.#push(Object.assign(event, { at: this.#now, seq: this.#seq++ }));
    }
  }

  /** Runs until nothing is due before `elapsedMs`, or `isOver` says so. Throws where something goes round in circles. */
  async run(elapsedMs: number, isOver: () => boolean = () => false): Promise<void> {
    while (!isOver()) {
      const next = this.#heap[0];
      if (next === undefined || next.at > EPOCH + elapsedMs) break;
      this.#pop();
      if (next.isCleared || next.process?.isDead === true) continue;
      if (next.process?.isPaused === true) {
        next.process.waiting.push(next);
        continue;
      }
      this.#now = next.at;
      if (++this.steps > MOST_STEPS) throw new Error(`no end after ${MOST_STEPS} steps`);
      // A timer that has run is no timer any more.
      next.isCleared = true;
      next.run();
      await drained();
    }
    if (!isOver()) this.#now = Math.max(this.#now, EPOCH + elapsedMs);
  }

  #plan(at: number, process: SimProcess | undefined, kind: SimEvent['kind'], run: () => void): Timer {
    const event: SimEvent = {
      at,
      seq: this.#seq++,
      process,
      kind,
      run,
      isCleared: false,
      clear() {
        this.isCleared = true;
      },
    };
    this.#push(event);
    return event;
  }

  #push(event: SimEvent): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent])) break;
      heap[at] = heap[parent] as SimEvent;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as SimEvent, heap[child])) child++;
      if (!isBefore(heap[child] as SimEvent, last)) break;
      heap[at] = heap[child] as SimEvent;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: SimEvent, b: SimEvent | undefined): boolean {
  return b === undefined || a.at < b.at || (a.at === b.at && a.seq < b.seq);
}

/** Resolves when no promise and no tick has anything left to run. No time passes: the simulated parts have no other source of work. */
function drained(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
