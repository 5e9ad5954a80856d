import type { RedisCommand, RedisLink, Reply } from './redis-link.ts';

/** Which servers there are and who has what. */
export interface RedisTopology {
  readonly isUp: boolean;
  /** Resolves with the first connection; rejects with a RedisFault when there is none by the deadline. */
  start(deadline: number): Promise<void>;
  /** Runs a command, whose keys live where `key` does (anywhere when there is none), at most once. Rejects with a RedisFault. */
  run(key: string | undefined, command: RedisCommand, deadline: number): Promise<Reply>;
  /** A connection of its own to any server that hears what is published. */
  dial(): Promise<RedisLink>;
  /** Key parts so that each server which holds data holds one of them. */
  tags(): readonly string[];
  close(): void;
}

/** What becomes known of the store as a whole: it can be reached, or why it cannot. */
export type StoreState = { readonly isUp: true } | { readonly isUp: false; readonly cause: Error };
