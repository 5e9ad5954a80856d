import type { Handle, HandleNeed } from './ports.ts';

/** A thing that exists once in the fleet and is this node's. */
export interface Hold {
  /** False from the moment on in which another node may have it: then nothing new may be begun with it. True again when the lease turned out to be still ours. */
  readonly isHeld: boolean;
  /** Calls `run` once when another node has it now. */
  onLost(run: () => void): void;
  /** Gives it to whoever wants it next. */
  release(): Promise<void>;
}

/** Who has a thing that exists once in the fleet. */
export type Claim =
  | { readonly kind: 'ours'; readonly hold: Hold }
  /** `open` borrows the owner's handle; it rejects with `upstream.unavailable` or `fleet.owner-gone` when the owner does not have it any more. */
  | { readonly kind: 'theirs'; readonly node: string; open(need: HandleNeed): Promise<Handle> };

/** Settles which node has what can exist only once: a child process, a 2024 event stream, an upstream session. */
export interface Ownership {
  /**
   * Claims a handle of an upstream by its key. Rejects with `store.unavailable` when that cannot be settled by `deadline` (Clock.now), and waits until
   * then for the lease of an owner that cannot be reached.
   */
  claim(upstream: string, key: string, deadline: number): Promise<Claim>;
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
