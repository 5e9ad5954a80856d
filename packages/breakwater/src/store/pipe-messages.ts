import type { Store } from '../core/store.ts';

/**
 * One end of a channel between processes: a `Worker`, a `ChildProcess`, or `process` in a child. It needs the serialization `advanced`, so that bytes stay
 * bytes; other messages may share it.
 */
export interface PipeEnd {
  send?(message: object, done: (error: Error | null) => void): unknown;
  on(event: 'message', hear: (message: unknown) => void): unknown;
  off(event: 'message', hear: (message: unknown) => void): unknown;
  once(event: 'disconnect', run: () => void): unknown;
}

/** The operations that are passed on as they are. */
export type Operation = Exclude<keyof Store, 'isUp' | 'subscribe' | 'close'>;

/** What a worker asks. The id of `subscribe` names the subscription. */
export type Request = { readonly id: number } & (
  | { readonly op: Operation; readonly words: readonly unknown[] }
  | { readonly op: 'subscribe'; readonly channel: string }
  | { readonly op: 'unsubscribe'; readonly subscription: number }
);

/** What the other side says: the answer to a request, a message of a subscription, or that some may be missing. */
export type Response = { readonly id: number } & (
  | { readonly value: unknown }
  | { readonly error: string; readonly isMisuse: boolean }
  | { readonly message: Uint8Array }
  | { readonly gap: true }
);

/** A {@link Request} before it has an id; distributes over its members. */
export type Question = Request extends infer R ? (R extends Request ? Omit<R, 'id'> : never) : never;

/** What goes over the pipe; other messages may share it. */
export interface Requests {
  readonly storeAsks: readonly Request[];
}

/** What comes back. */
export interface Responses {
  readonly storeTells: readonly Response[];
}

/** The requests in a message; none in one that is not the store's. */
export function requestsIn(message: unknown): readonly Request[] {
  return (message as Partial<Requests> | null)?.storeAsks ?? [];
}

/** The responses in a message; none in one that is not the store's. */
export function responsesIn(message: unknown): readonly Response[] {
  return (message as Partial<Responses> | null)?.storeTells ?? [];
}
