import type { Handle, HandleNeed, Principal } from './ports.ts';

/** A thing that exists once in the fleet and is this node's. */
export interface Hold {
  /** False from the moment on in which another node may have it: then nothing new may be begun with it. True again when the lease turned out to be still ours. */
  readonly isHeld: boolean;
  /** Calls `run` once when another node has it now. */
  onLost(run: () => void): void;
  /** Gives it to whoever wants it next. */
  release(): Promise<void>;
}

/** Bounds of borrowing a handle. */
export interface BorrowBounds {
  /** The id it has on this node. */
  readonly handleId: string;
  /** Absolute time (Clock.now) by which it must be there. */
  readonly deadline: number;
  readonly signal: AbortSignal;
}

/** Another node's handle. */
export interface BorrowedHandle extends Handle {
  /** See the owner: false means that every node can have one of its own. */
  readonly hasSession: boolean;
}

/** Who has a thing that exists once in the fleet. */
export type Claim =
  | { readonly kind: 'ours'; readonly hold: Hold }
  /**
   * `borrow` opens the owner's handle. It rejects with `fleet.owner-gone` when the owner cannot be reached or does not have it any more (the next claim
   * tells who has it), and otherwise with what the owner's own opening was rejected with.
   */
  | {
      readonly kind: 'theirs';
      readonly node: string;
      borrow(need: HandleNeed, bounds: BorrowBounds): Promise<BorrowedHandle>;
    };

/** Settles which node has what can exist only once: a child process, a 2024 event stream, an upstream session. */
export interface Ownership {
  /** Claims a handle of an upstream by its key. Several claims of one node are one: each has a hold, and the last release counts. Rejects with `store.unavailable`. */
  claim(upstream: string, key: string): Promise<Claim>;
}

/** What the node that passed a request on says of it. */
export interface Forwarded {
  /** The node that has the client's connection. */
  readonly node: string;
  readonly principal: Principal;
  /** The client's address as that node sees it. */
  readonly remoteAddress: string;
}

/** Marks what only this node can go on with, so that any node can tell. */
export interface NodeTags {
  /** This process: fresh at each start, of `[a-z0-9]`. */
  readonly node: string;
  /** An id that says which node made it. */
  mint(id: string): string;
  /** The other node that made this id; undefined for our own, and for ids that no node tagged. */
  elsewhere(id: string): string | undefined;
}
