import type { RawObject } from '../jsonrpc/raw.ts';
import type { ClientFacts, Principal } from './ports.ts';
import type { AsideNews } from './session-vault.ts';

/** What a client wants to hear about: a modern listen filter, or a legacy session's stream (all lists) plus its subscribed URIs. */
export interface SubscriptionFilter {
  readonly tools: boolean;
  readonly prompts: boolean;
  readonly resources: boolean;
  readonly uris: readonly string[];
  /** Public ids of tasks (modern listen only). */
  readonly taskIds?: readonly string[];
}

/** What is reported to a subscriber. `params` is the server's own notification params for `updated`, when one server reported it, and for `task`, with the public id. */
export interface Change {
  readonly kind: 'tools' | 'prompts' | 'resources' | 'updated' | 'task';
  readonly uri?: string;
  /** The task's public id. */
  readonly taskId?: string;
  readonly params?: RawObject;
  /** `task` only: how far it is, not what became of it. `params` is in the client's form. */
  readonly isProgress?: boolean;
}

/** Whether who watches a resource hears of this one: of itself, and of what is below it (2025-06-18 server/resources §Subscriptions). */
export function covers(watched: string, uri: string): boolean {
  return uri === watched || uri.startsWith(watched.endsWith('/') ? watched : `${watched}/`);
}

/** What other nodes are told of a change of a task; undefined for other changes. */
export function taskNews({ kind, taskId, params, isProgress }: Change): AsideNews | undefined {
  if (kind !== 'task' || taskId === undefined || params === undefined) return undefined;
  const text = params.bytes.toString('utf8', params.start, params.end);
  return { type: 'task', taskId, params: text, isProgress: isProgress === true };
}

/** Who subscribes. */
export interface Subscriber {
  readonly route: string;
  readonly principal: Principal;
  readonly sessionId: string | undefined;
  /** The id of the stream that will carry the changes, for a listen request. */
  readonly stream?: string;
  readonly client: ClientFacts;
}

/** An open subscription. */
export interface Subscription {
  readonly id: string;
  /** The part of the filter that some upstream accepted. */
  readonly honoured: SubscriptionFilter;
  /** Adds one URI; false when no upstream accepts it. */
  add(uri: string): Promise<boolean>;
  /** Removes one URI; harmless when it was not subscribed. */
  remove(uri: string): Promise<void>;
  close(reason: string): Promise<void>;
}

/** Opens subscriptions. The caller owns what it gets and must close it. */
export interface Subscriptions {
  /**
   * Resolves once every upstream said what it honours. Changes may arrive from then on; after a gap in a server's feed a spurious one is sent.
   * `left` closes it, with its reason, while it is still being opened.
   */
  open(
    subscriber: Subscriber,
    filter: SubscriptionFilter,
    listener: (change: Change) => void,
    left?: AbortSignal,
  ): Promise<Subscription>;
}
