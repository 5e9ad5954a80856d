import type { RawId } from '../jsonrpc/id.ts';
import type { Session, SessionInit, SessionKey } from './session.ts';
import type { SessionStage } from './session-policy.ts';
import type { Change } from './subscription.ts';

/** What changes while a session lives, and must survive the node that changed it. */
export interface SessionProgress {
  readonly lastSeenAt: number;
  readonly stage: SessionStage;
  readonly initialized: boolean;
  readonly confirmed: boolean;
  readonly logLevel: string | undefined;
  /** Its client called something. */
  readonly called: boolean;
  /** Its client opened a stream to listen on. */
  readonly streamed: boolean;
}

/** How a session stands that a node has. */
export interface CheckedSession extends SessionProgress {
  /** Another node had its stream last. */
  readonly streamElsewhere: boolean;
}

/** A session as the fleet knows it. */
export interface KnownSession {
  readonly init: SessionInit;
  readonly createdAt: number;
  readonly progress: SessionProgress;
}

/** What is waiting for the node that has a session's stream now. */
export interface Inheritance {
  /** Another node had the stream before. */
  readonly moved: boolean;
  /** What the session subscribed to. */
  readonly uris: readonly string[];
  /** What changed while nobody read. */
  readonly missed: readonly Change[];
}

/** What another node says of a session. */
export type SessionNews =
  | { readonly type: 'ended' }
  /** The handshake went on, or the log level was set. */
  | { readonly type: 'changed'; readonly progress: Pick<SessionProgress, 'initialized' | 'confirmed' | 'logLevel'> }
  /** That node has its stream, and has had it since. */
  | { readonly type: 'stream'; readonly at: number }
  /** That node changed what it subscribes to, and looks after it if nobody has the stream. */
  | { readonly type: 'watches' }
  /** That node has the stream, and looks after all that is subscribed to. */
  | { readonly type: 'kept' }
  /** The client does not want this request any more, and it is not served there. */
  | { readonly type: 'cancel'; readonly requestId: RawId }
  | AsideNews;

/** What is for the node that has a session's stream: something for its client comes from a server that another node talks to. */
export type AsideNews =
  /** Somebody wants to reach its client: is there a stream? */
  | { readonly type: 'seek' }
  /** There is one on that node. */
  | { readonly type: 'reads' }
  /** A JSON-RPC message for the client. */
  | { readonly type: 'aside'; readonly message: string }
  /** The state or the progress of one of its tasks: params as JSON, in the client's form. */
  | { readonly type: 'task'; readonly taskId: string; readonly params: string; readonly isProgress: boolean };

/** Hears what other nodes say. */
export interface VaultListener {
  onNews(sessionId: string, news: SessionNews): void;
  /** News may have been lost: what is held here has to be looked at anew. */
  onGap(): void;
}

/**
 * Where the sessions of the Streamable HTTP transport live when their node is one of a fleet: any node can go on with any of them. What says that it
 * rejects does so with `store.unavailable`; everything else is written when the store is back.
 */
export interface SessionVault {
  /** The id of a new session. Any node of the fleet can read in it whose session it is. */
  mint(init: SessionInit, createdAt: number): string;
  /** Makes sure that any node can go on with a new session. Rejects. */
  keep(session: Session): Promise<void>;
  /** The session, if it lives and belongs to exactly this route, transport and principal. Rejects. */
  find(key: SessionKey): Promise<KnownSession | undefined>;
  /** How a session that is held here stands in the fleet; undefined when it ended. Rejects. */
  check(session: Session): Promise<CheckedSession | undefined>;
  /** Takes note of a sign of life; written behind, at most every few seconds. */
  touch(session: Session): void;
  /** Writes the handshake and the log level down and tells the others where they may know of the session. */
  settle(session: Session): Promise<void>;
  /** This node lets go of the session: what was not written yet is written now. */
  leave(session: Session): void;
  /** Ends it in the whole fleet. */
  end(session: Session): Promise<void>;

  /** This node has its stream since `at`; the newest wins. Rejects. */
  takeStream(session: Session, at: number): Promise<Inheritance>;
  /** Whether the session may subscribe to one more URI, when it may to so many. Rejects. */
  mayWatch(session: Session, uri: string, most: number): Promise<boolean>;
  /** What the session subscribes to. Rejects. */
  urisOf(session: Session): Promise<readonly string[]>;
  /** Takes note that it subscribed to a URI, or does so no more, and tells the others. */
  watch(session: Session, uri: string, isWatched: boolean): Promise<void>;
  /** Tells the others that this node has the stream and looks after what is subscribed to. */
  tellKept(session: Session): void;
  /** Takes note of a change that nobody reads now. */
  miss(session: Session, change: Change): void;
  /** Asks the others to end a request that is not served here. */
  cancel(session: Session, requestId: RawId): void;
  /** Tells the others what is for whoever has the session's stream. Lost where nobody has one, and while the store is away; false when it is too large. */
  pass(sessionId: string, news: AsideNews): boolean;

  /** Sets who hears what other nodes say. */
  listen(listener: VaultListener): void;
}
