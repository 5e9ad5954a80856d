import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Emit } from '../core/events.ts';
import type { Forwarded, NodeTags, Ownership, SessionKeep } from '../core/fleet.ts';
import type { Clock, Upstream } from '../core/ports.ts';
import type { Store } from '../core/store.ts';
import { Directory, type PeerAddress } from './directory.ts';
import { HandleHost } from './handle-host.ts';
import { deriveKeys, type FleetKeys } from './keys.ts';
import { freshNode, tagsOf } from './node.ts';
import { LeaseOwnership } from './ownership.ts';
import { PeerClient } from './peer-client.ts';
import { PeerServer } from './peer-server.ts';
import { openRemoteHandle } from './remote-handle.ts';
import { StoredSessions } from './session-keep.ts';

/** What a node of a fleet is made of. */
export interface FleetOptions {
  readonly store: Store;
  /** The fleet's secrets, 32 characters or more each; the first one seals, all of them open. */
  readonly secrets: readonly string[];
  /** Where other nodes connect to; port 0 takes a free one. */
  readonly listen: PeerAddress;
  /** How other nodes reach it, where that is not the listening address. */
  readonly advertise?: { readonly host?: string | undefined; readonly port?: number | undefined } | undefined;
  /** How long what a lost node owned stays its own; 10 s when absent. */
  readonly leaseMs?: number | undefined;
  /** The same on all nodes. */
  readonly clock: Clock;
  /** This machine's, for leases. */
  readonly machine: Clock;
  readonly emit: Emit;
  /** The upstreams whose handles other nodes may borrow. */
  readonly upstream: (name: string) => Upstream | undefined;
  /** Serves a request that another node passed on. Must not throw. */
  readonly onForwarded: (request: IncomingMessage, response: ServerResponse, forwarded: Forwarded) => void;
}

/** A request to pass on, beside its message. */
export interface ForwardFacts extends Omit<Forwarded, 'node'> {
  /** The body, where it was read already; otherwise it is streamed. */
  readonly body?: Buffer | undefined;
}

/** How a node stands in its fleet. */
export interface FleetStatus {
  /** The name of this process. */
  readonly node: string;
  /** Where other nodes reach it. */
  readonly peer: string;
  /** Nodes that are there, this one included. */
  readonly nodes: number;
  /** Leases of what exists once and is this node's. */
  readonly leases: number;
  /** Handles of this node that other nodes use. */
  readonly lent: number;
}

/** This process as a node of the fleet. */
export interface Fleet {
  readonly tags: NodeTags;
  readonly keys: FleetKeys;
  readonly ownership: Ownership;
  readonly sessions: SessionKeep;
  /** The peer port as other nodes reach it. */
  readonly address: PeerAddress;
  readonly status: FleetStatus;
  /**
   * Passes a whole request on to the node that can go on with it, and its answer back. Resolves false when that node is not there, or when the request
   * was passed on once already: then nothing was sent, and nothing was read of its body. Rejects with `fleet.node-lost` when it was lost before the
   * answer began, with `gateway.overloaded` when too many are under way, and with `store.unavailable`.
   */
  forward(node: string, request: IncomingMessage, response: ServerResponse, facts: ForwardFacts): Promise<boolean>;
  /** Whether a node is entered in the store: it lives, though it may be out of reach, or died seconds ago. Rejects with `store.unavailable`. */
  isEntered(node: string): Promise<boolean>;
  /** Whether nodes that live may not be found: the store was emptied a moment ago. Rejects with `store.unavailable`. */
  isUnsettled(): Promise<boolean>;
  /** What is known of a request that another node passed on; undefined for one of a client's own connection. */
  forwardedOf(request: IncomingMessage): Forwarded | undefined;
  /** Lends no handles any more, and resolves when the calls that are made for other nodes are done. */
  drain(): Promise<void>;
  /** Ends everything with peers. The upstreams are closed before: they give their leases back. */
  close(): Promise<void>;
}

const LEASE_MS = 10_000;

/** Makes this process a node of its fleet. Rejects when the peer port cannot be listened on; a store that is out of reach is waited for. */
export async function openFleet(options: FleetOptions): Promise<Fleet> {
  const { store, clock, emit, advertise } = options;
  const keys = deriveKeys(options.secrets);
  const node = freshNode();
  const host = new HandleHost({ clock, upstream: options.upstream, holds: (...of) => ownership.holds(...of) });
  const server = new PeerServer({
    keys: keys.peer,
    clock,
    emit,
    onForwarded: options.onForwarded,
    onHandle: (stream) => host.take(stream),
  });
  const bound = await server.listen(options.listen);
  const address = { host: advertise?.host ?? bound.host, port: advertise?.port ?? bound.port };
  const directory = new Directory({ store, clock, emit, node, address });
  const client = new PeerClient({ clock, keys: keys.peer, directory, node });
  const sessions = new StoredSessions({ store, clock, ring: keys.values });
  const ownership = new LeaseOwnership({
    store,
    clock: options.machine,
    node,
    leaseMs: options.leaseMs ?? LEASE_MS,
    emit,
    borrow: async (owner, request, bounds) => {
      const stream = await client.openStream(owner);
      return await openRemoteHandle(stream, clock, request, bounds);
    },
  });
  await directory.open();
  return {
    tags: tagsOf(node),
    keys,
    ownership,
    sessions,
    address,
    get status() {
      const peer = `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
      return { node, peer, nodes: directory.size, leases: ownership.held, lent: host.lent };
    },
    forward: async (to, request, response, facts) =>
      // One hop: where the second node has not got it either, nobody has.
      server.forwardedOf(request) === undefined && (await client.forward(to, request, response, facts)),
    isEntered: (other) => directory.has(other),
    isUnsettled: () => directory.isUnsettled(),
    forwardedOf: (request) => server.forwardedOf(request),
    drain: () => host.drain(),
    close: async () => {
      ownership.close();
      sessions.close();
      await directory.close();
      host.close();
      client.close();
      await server.close();
    },
  };
}
