import type { MoveTimes } from './moves.ts';
import type { FloodWay } from './slow-readers.ts';

/** What many of one thing cost one process. */
export interface Row {
  readonly what: string;
  readonly who: string;
  readonly count: number;
  readonly rssBytesEach: number;
  readonly heapBytesEach: number;
  readonly fdsEach: number;
  readonly perSecond?: number;
  /** Share of a sample that still answered. */
  readonly alive?: number;
  /** Of the machine, over the last minute, when it was read. */
  readonly load: number;
}

/** What a process grew to while clients asked for more than they read. */
export interface Flood {
  readonly who: string;
  readonly way: FloodWay;
  /** A control: the same clients read all of it. */
  readonly reads: boolean;
  /** Of Node, beside its defaults. */
  readonly flags: readonly string[];
  readonly rssMib: readonly number[];
  readonly growthMib: number;
  readonly load: number;
}

/** How long sessions waited for a node that had not got them. */
export interface Moves {
  readonly sessions: number;
  readonly first: MoveTimes;
  readonly next: MoveTimes;
  readonly load: number;
}

/** All that a run measured. */
export interface Figures {
  readonly rows: Row[];
  readonly floods: Flood[];
  moves: Moves | undefined;
  redisBytesEach: number | undefined;
}
