import type { Clock } from '../core/ports.ts';
import { CopyShelf, type ShelfLimits, type ShelvedCopy } from './copy-shelf.ts';

/** Copies of one session; as many of its requests run at a time. */
const SESSION_COPIES = 100;
/** Whole copies that one session's may take, and one node's. */
const SESSION_BYTES_IN_COPIES = 4;
const NODE_BYTES_IN_COPIES = 64;
const NODE_COPIES = 10_000;
/** Bytes of one node that the store has not taken yet. */
const MOST_WAITING_BYTES = 16 * 1_048_576;

/** What the copies of one node may take in the store, in all and of each session, and how much of them may wait to be written. */
export class CopyBudget {
  readonly #clock: Clock;
  readonly #node: CopyShelf;
  readonly #sessions = new Map<string, CopyShelf>();
  readonly #ofSession: ShelfLimits;
  #waiting = 0;

  /** @param copyBytes what one copy may take. */
  constructor(clock: Clock, copyBytes: number) {
    this.#clock = clock;
    this.#node = new CopyShelf({ copies: NODE_COPIES, bytes: NODE_BYTES_IN_COPIES * copyBytes });
    this.#ofSession = { copies: SESSION_COPIES, bytes: SESSION_BYTES_IN_COPIES * copyBytes };
  }

  /** Counts a copy from now on. */
  add(uid: string, copy: ShelvedCopy): void {
    this.#makeRoom(this.#put(uid, copy));
  }

  /** Counts a copy anew that has another state now, and no more bytes than before. */
  change(uid: string, copy: ShelvedCopy, change: () => void): void {
    this.remove(uid, copy);
    change();
    this.#put(uid, copy);
  }

  /** Counts it no more. */
  remove(uid: string, copy: ShelvedCopy): void {
    const session = this.#sessions.get(uid);
    session?.remove(copy);
    this.#node.remove(copy);
    if (session?.isEmpty === true) this.#sessions.delete(uid);
  }

  /** Says that a counted copy has grown. */
  grow(uid: string, by: number): void {
    const session = this.#sessions.get(uid);
    session?.resize(by);
    this.#node.resize(by);
    this.#makeRoom(session);
  }

  /** The copies of a session. */
  of(uid: string): readonly ShelvedCopy[] {
    return this.#sessions.get(uid)?.all ?? [];
  }

  /** Has bytes wait for the store; returns what says that they do no longer. Undefined when it is too far behind for them. */
  queue(bytes: number): (() => void) | undefined {
    if (this.#waiting + bytes > MOST_WAITING_BYTES) return undefined;
    this.#waiting += bytes;
    return () => {
      this.#waiting -= bytes;
    };
  }

  #put(uid: string, copy: ShelvedCopy): CopyShelf {
    const session = this.#sessions.get(uid) ?? new CopyShelf(this.#ofSession);
    this.#sessions.set(uid, session);
    session.add(copy);
    this.#node.add(copy);
    return session;
  }

  #makeRoom(session: CopyShelf | undefined): void {
    const now = this.#clock.now();
    session?.makeRoom(now);
    this.#node.makeRoom(now);
  }
}
