import type { StreamCopy } from '../core/event-archive.ts';
import type { Clock } from '../core/ports.ts';
import { type KeyRing, sealBytes } from '../core/seal.ts';
import type { LogBounds, Store } from '../core/store.ts';
import type { CopyBudget } from './copy-budget.ts';
import type { CopyState, ShelvedCopy } from './copy-shelf.ts';

/** What the copies of one node work with. */
export interface CopyDeps {
  readonly store: Store;
  readonly ring: KeyRing;
  readonly node: string;
  readonly clock: Clock;
  /** Bounds of one stream's copy. */
  readonly limits: { readonly events: number; readonly bytes: number };
  /** How long the events of an ended stream can still be resumed. */
  readonly resumeMs: number;
}

/** Where a copy stands, and whose it is. */
export interface CopyPlace {
  readonly uid: string;
  readonly key: string;
  /** What it is sealed for. */
  readonly context: string;
}

/** How long a stream may be silent before its copy is forgotten: no call takes longer. */
export const RUNNING_MS = 3_600_000;
/** How long what its client has read whole is kept: the last bytes may be lost on their way, and the node right after. */
const READ_MS = 10_000;
/** What an event takes beyond its data: its number, its seal, its place. */
const EVENT_BYTES = 64;
const NOTHING = Buffer.alloc(0);
/** More events than a stream has: what goes on with a hollow one counts from beyond all that its client may have got. */
const HOLLOW_EVENTS = 1_000_000_000;

/**
 * One copy. Its steps go to the store one after the other; the first that fails is the last. Beyond the bounds it is hollowed: it still says which requests
 * the stream answers, so that who resumes it is told that events are lost.
 */
export class LogCopy implements StreamCopy, ShelvedCopy {
  readonly #deps: CopyDeps;
  readonly #budget: CopyBudget;
  readonly #at: CopyPlace;
  readonly #outlineBytes: number;
  #last: Promise<boolean> = Promise.resolve(true);
  #state: CopyState;
  #bytes: number;
  #waitingBytes = 0;
  #lastSeq: number;
  #until = Number.POSITIVE_INFINITY;
  #lifeMs: number;
  #isBroken = false;
  #isGone = false;
  /** The store is about to be told that it ended. */
  #isEnding = false;

  /** @param begin makes it in the store. */
  constructor(
    deps: CopyDeps,
    budget: CopyBudget,
    at: CopyPlace,
    kept: {
      readonly state: 'running' | 'ended';
      readonly outlineBytes: number;
      readonly eventBytes: number;
      readonly lastSeq: number;
    },
    begin: () => Promise<boolean>,
  ) {
    this.#deps = deps;
    this.#budget = budget;
    this.#at = at;
    this.#state = kept.state;
    this.#outlineBytes = kept.outlineBytes;
    this.#bytes = kept.outlineBytes + kept.eventBytes;
    this.#lastSeq = kept.lastSeq;
    this.#lifeMs = deps.resumeMs;
    if (kept.state === 'ended') this.#until = deps.clock.now() + deps.resumeMs;
    void this.#then(begin);
    budget.add(at.uid, this);
  }

  get state(): CopyState {
    return this.#state;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get until(): number {
    return this.#until;
  }

  append(seq: number, data: Buffer): void {
    if (this.#state !== 'running' || this.#isGone || this.#isBroken) return;
    this.#lastSeq = seq;
    const { limits } = this.#deps;
    const bytes = data.length + EVENT_BYTES;
    const isTooMuch = this.#waitingBytes + bytes > limits.bytes;
    // Attack: the store is slower than the server, or away: what it cannot take is not worth this node's memory.
    const unqueue = isTooMuch ? undefined : this.#budget.queue(bytes);
    if (unqueue === undefined) return this.hollow();
    this.#waitingBytes += bytes;
    const written = this.#then(async () => this.#state === 'hollow' || (await this.#write(seq, data)));
    void written.then(() => {
      this.#waitingBytes -= bytes;
      unqueue();
    });
    const by = Math.min(bytes, this.#outlineBytes + limits.bytes - this.#bytes);
    this.#bytes += by;
    this.#budget.grow(this.#at.uid, by);
  }

  end(): void {
    if (this.#isGone) return;
    // Half of it in the store would look like all of it.
    if (this.#isBroken) return this.drop();
    this.#end(this.#state === 'hollow' ? 'hollow' : 'ended', this.#deps.resumeMs);
  }

  read(): void {
    if (!this.#isGone && !this.#isBroken) this.#end('read', READ_MS);
  }

  hollow(): void {
    if (this.#isGone || this.#state !== 'running') return;
    void this.#then(() => this.#write(this.#lastSeq + HOLLOW_EVENTS, NOTHING, 1));
    this.#budget.change(this.#at.uid, this, () => {
      this.#state = 'hollow';
      this.#bytes = this.#outlineBytes + EVENT_BYTES;
    });
  }

  drop(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#budget.remove(this.#at.uid, this);
    const { clock, node, store } = this.#deps;
    if (this.#until <= clock.now()) return;
    // Also after a step that failed: part of it may be there.
    this.#last = this.#last.then(() => store.endLog(this.#at.key, node, 0)).catch(() => false);
  }

  #end(state: CopyState, lifeMs: number): void {
    this.#lifeMs = lifeMs;
    this.#budget.change(this.#at.uid, this, () => {
      this.#state = state;
      this.#until = this.#deps.clock.now() + lifeMs;
    });
    if (this.#isEnding) return;
    this.#isEnding = true;
    void this.#then(() => {
      this.#isEnding = false;
      return this.#deps.store.endLog(this.#at.key, this.#deps.node, this.#lifeMs);
    });
  }

  #write(seq: number, data: Buffer, entries = this.#deps.limits.events): Promise<boolean> {
    const { store, ring, node, limits } = this.#deps;
    const bounds: LogBounds = { entries, bytes: limits.bytes, ttlMs: RUNNING_MS };
    const plain = Buffer.concat([Buffer.from(`${seq}\n`), data]);
    return store.append(this.#at.key, node, sealBytes(ring, plain, this.#at.context), bounds);
  }

  #then(step: () => Promise<boolean>): Promise<boolean> {
    this.#last = this.#last
      .then((isOn) => isOn && !this.#isGone && step())
      .catch(() => false)
      .then((isOn) => {
        this.#isBroken ||= !isOn;
        return isOn;
      });
    return this.#last;
  }
}
