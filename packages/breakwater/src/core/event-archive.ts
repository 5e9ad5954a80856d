import type { RawId } from '../jsonrpc/id.ts';

/** One event of a stream by its number, which is the last part of its id. */
export interface ArchivedEvent {
  readonly seq: number;
  readonly data: Buffer;
}

/** The copy of a stream that runs here. Written behind: nothing waits for it, and where the store is out of reach it ends early. */
export interface StreamCopy {
  append(seq: number, data: Buffer): void;
  /** Everything was sent. */
  end(): void;
  /** The client has got everything, too: it will hardly ask for it again. */
  read(): void;
}

/** A stream whose node is gone; from now on this node alone adds to its copy. */
export interface TakenStream {
  /** The requests it answers. */
  readonly ids: readonly RawId[];
  /** Oldest first. */
  readonly events: readonly ArchivedEvent[];
  /** The number of the last event. */
  readonly last: number;
  readonly ended: boolean;
  readonly copy: StreamCopy;
}

/** Where streams that a client can resume are written down, so that they outlive their node. A stream is known to its session alone. */
export interface EventArchive {
  /** Begins a copy. There is room for so many: the oldest ones go first, those of streams that run last. */
  open(sessionId: string, streamId: string, ids: readonly RawId[]): StreamCopy;
  /** The node that adds to the copy of a stream; undefined when there is no copy. Rejects with `store.unavailable`. */
  find(streamId: string): Promise<{ readonly writer: string; readonly ended: boolean } | undefined>;
  /** Takes a stream over. Undefined when it was not written down, or is another session's. Rejects with `store.unavailable`. */
  take(sessionId: string, streamId: string): Promise<TakenStream | undefined>;
  /** A session ended: what was written down of its streams goes. */
  forget(sessionId: string): void;
}
