import type { ServerFacts } from '../protocol/capabilities.ts';
import type { LegacyRevision } from '../protocol/revision.ts';
import type { Handle, HandleNeed, Principal } from './ports.ts';

/** Why a call is cancelled whose caller's node is gone: nobody changed their mind, so what it was asked may have been another call's. */
export const CALLER_LOST = 'the gateway node that made this call was lost';

/** A thing that exists once in the fleet and is this node's. */
export interface Hold {
  /** False from the moment on in which another node may have it: then nothing new may be begun with it. True again when the lease turned out to be still ours. */
  readonly isHeld: boolean;
  /** Calls `run` once when another node has it now, also when that was before. */
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
  /** Adds a listener for its owner handing it over: calls under way end there, a new one belongs to the next owner. Returns its removal. */
  onRetired(listener: () => void): () => void;
}

/**
 * Another node has it. `borrow` opens that node's handle. It rejects with `fleet.owner-gone` when the owner cannot be reached or does not have it any more
 * (the next claim tells who has it), and otherwise with what the owner's own opening was rejected with.
 */
export interface TheirClaim {
  readonly kind: 'theirs';
  readonly node: string;
  borrow(need: HandleNeed, bounds: BorrowBounds): Promise<BorrowedHandle>;
}

/** Who has a thing that exists once in the fleet. */
export type Claim = { readonly kind: 'ours'; readonly hold: Hold } | TheirClaim;

/** Settles which node has what can exist only once: a child process, a 2024 event stream, an upstream session. */
export interface Ownership {
  /** Claims a handle of an upstream by its key. Several claims of one node are one: each has a hold, and the last release counts. Rejects with `store.unavailable`. */
  claim(upstream: string, key: string): Promise<Claim>;
  /** Another node's claim to it; undefined when none has it now. Rejects with `store.unavailable`. */
  find(upstream: string, key: string): Promise<TheirClaim | undefined>;
}

/** What the node that passed a request on says of it. */
export interface Forwarded {
  /** The node that has the client's connection. */
  readonly node: string;
  readonly principal: Principal;
  /** The client's address as that node sees it. */
  readonly remoteAddress: string;
  /** How the client came, as that node believes it. */
  readonly protocol: 'http' | 'https';
  /** The authority the client asked for, where a listed proxy told it. */
  readonly host: string | undefined;
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

/** A session at an HTTP server, as whoever owns its handle next goes on with it. */
export interface KeptSession {
  /** The server's `Mcp-Session-Id`: a credential. */
  readonly id: string;
  readonly revision: LegacyRevision;
  readonly server: ServerFacts;
  /** The address it was opened at; it is sent nowhere else. */
  readonly url: string;
}

/** Keeps sessions at HTTP servers by upstream and key of the handle, for the case that the node that has one is lost. Nothing here ever rejects. */
export interface SessionKeep {
  load(upstream: string, key: string): Promise<KeptSession | undefined>;
  /** Keeps it for as long as this node lives, and some time after. */
  save(upstream: string, key: string, session: KeptSession): void;
  /** It has ended. */
  drop(upstream: string, key: string): void;
  /** It goes on, at another node. */
  leave(upstream: string, key: string): void;
}
