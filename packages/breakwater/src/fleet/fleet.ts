import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Emit } from '../core/events.ts';
import type { Forwarded, NodeTags, Ownership } from '../core/fleet.ts';
import type { Clock, Principal, Random, Upstream } from '../core/ports.ts';
import type { Store } from '../core/store.ts';
import type { FleetKeys } from './keys.ts';

/** What a node of a fleet is made of. */
export interface FleetOptions {
  readonly store: Store;
  /** The fleet's secrets, 32 characters or more each; the first one seals, all of them open. */
  readonly secrets: readonly string[];
  /** Where other nodes connect to; port 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number };
  /** How other nodes reach it, where that is not the listening address. */
  readonly advertise?: { readonly host: string; readonly port?: number | undefined } | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly emit: Emit;
  /** The upstreams whose handles other nodes may borrow. */
  readonly upstream: (name: string) => Upstream | undefined;
  /** Serves a request that another node passed on. Must not throw. */
  readonly onForwarded: (request: IncomingMessage, response: ServerResponse, forwarded: Forwarded) => void;
}

/** A request to pass on, beside its message. */
export interface ForwardFacts {
  readonly principal: Principal;
  readonly remoteAddress: string;
  /** The body, where it was read already; otherwise it is streamed. */
  readonly body?: Buffer | undefined;
}

/** This process as a node of the fleet. */
export interface Fleet {
  readonly tags: NodeTags;
  readonly keys: FleetKeys;
  readonly ownership: Ownership;
  /** The peer port's address. */
  readonly address: { readonly host: string; readonly port: number };
  /**
   * Passes a whole request on to the node that can go on with it, and its answer back. Resolves false when that node is not there, or the request was
   * passed on once already: then nothing was sent. Rejects with `fleet.node-lost` when it was lost before the answer began.
   */
  forward(node: string, request: IncomingMessage, response: ServerResponse, facts: ForwardFacts): Promise<boolean>;
  /** What is known of a request that another node passed on; undefined for one of a client's own connection. */
  forwardedOf(request: IncomingMessage): Forwarded | undefined;
  /** Ends everything with peers. Whoever holds something releases it before. */
  close(): Promise<void>;
}
