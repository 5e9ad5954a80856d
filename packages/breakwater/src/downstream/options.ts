import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CallRecords } from '../core/call-records.ts';
import type { EdgeFacts } from '../core/edge.ts';
import type { EventArchive } from '../core/event-archive.ts';
import type { Emit } from '../core/events.ts';
import type { Forwarded, NodeTags } from '../core/fleet.ts';
import type { Journal } from '../core/journal.ts';
import type { Clock, ExchangeHandler, Principal, Random } from '../core/ports.ts';
import type { Sessions } from '../core/sessions.ts';
import type { Subscriptions } from '../core/subscription.ts';
import type { Caller } from '../wire/forwarded.ts';
import { directCaller } from './connection.ts';
import type { DiscoveryOptions, OabpProfile, RouteAuth } from './discovery/discovery-options.ts';
import type { SlotLimits } from './stream-slots.ts';

/** One public endpoint and its manners. */
export interface RouteOptions {
  /** Path of the endpoint, such as `/mcp`, without a slash at its end. */
  readonly path: string;
  /** `strict` refuses requests before `notifications/initialized` and discards such a session after `handshakeMs`. */
  readonly handshake: 'lenient' | 'strict';
  /** Serve legacy requests that carry no session id. */
  readonly sessionless: boolean;
  /** Serve the 2024 HTTP+SSE transport. */
  readonly legacySse: boolean;
  /** Serve every tool, resource and prompt over plain HTTP as well. */
  readonly rest: boolean;
  /** Declares AIP-1, the profile of agent bounty boards: its manifest is served, and its words are used in refusals. */
  readonly oabp?: OabpProfile | undefined;
  /** Switches of single accommodations by id; absent means the table's default. */
  readonly accommodations: Readonly<Record<string, boolean>>;
}

/** Bounds on what one client may send and hold. */
export interface DownstreamLimits {
  readonly bodyBytes: number;
  readonly headerBytes: number;
  readonly jsonDepth: number;
  readonly idBytes: number;
  readonly batch: number;
  readonly inFlightPerSession: number;
  /** Events and bytes kept per session for a client that resumes. */
  readonly eventLogEvents: number;
  readonly eventLogBytes: number;
}

/** Bounds of the calls that are held for who comes back for them. */
export interface HeldCallLimits extends SlotLimits {
  /** Outcomes kept, all together; the oldest go first. */
  readonly bytes: number;
  /** How long an outcome is kept. */
  readonly ttlMs: number;
}

/** What the downstream side is told by configuration. */
export interface DownstreamOptions {
  readonly routes: readonly RouteOptions[];
  /** Where clients reach this gateway from outside, without a path of a route; decides `canonical_endpoint`. */
  readonly publicUrl?: string | undefined;
  /** Names a Host header may say, in lower case, without port; `*` allows any. */
  readonly allowedHosts: readonly string[];
  /** Origins a browser may come from (`http://localhost:*` allows any port); `*` allows any. */
  readonly allowedOrigins: readonly string[];
  readonly limits: DownstreamLimits;
  /** How long a reply waits for its first message before it becomes an event stream. */
  readonly commitMs: number;
  /** Pause after which a silent stream carries a comment. */
  readonly heartbeatMs: number;
  /** How long a client may take to send a body. */
  readonly readMs: number;
  /** How long a client may leave written bytes unread before its stream is cut. */
  readonly writeMs: number;
  /** Unread bytes at which a stream is cut. */
  readonly streamBytes: number;
  /** Unread bytes of all streams together at which the one furthest behind is cut. */
  readonly nodeStreamBytes: number;
  /** Most `subscriptions/listen` streams. */
  readonly listens: SlotLimits;
  /** Most streams of the 2024 transport over which nobody was initialized yet. */
  readonly pendingChannels: SlotLimits;
  /** Calls over plain HTTP whose callers ask for the outcome later. */
  readonly heldCalls: HeldCallLimits;
  /** How long a strict route waits for `notifications/initialized`. */
  readonly handshakeMs: number;
  /** How long the events of an ended stream can still be resumed. */
  readonly resumeMs: number;
  /** Where a person reads how to use this endpoint. */
  readonly documentation: string;
  /** Send what did not come over https to the public URL. */
  readonly httpsOnly: boolean;
  /** Says from where a request came. Must not throw. */
  callerOf(request: IncomingMessage): Caller;
  /** Documents for people and programs that look for the endpoints. */
  readonly discovery: DiscoveryOptions;
  /** What a route asks of callers; absent means that every route is open. */
  authOf?(route: RouteOptions): RouteAuth;
  /** Says who sends a request. Must not throw; who cannot be told apart shares a principal that is not `personal`. */
  principalOf(request: IncomingMessage): Principal;
}

/** What another node is told of a request that is passed on to it, beside its message. */
export interface ForwardFacts extends Omit<Forwarded, 'node'> {
  /** What was read of its body already; undefined when nobody read it. */
  readonly body?: Buffer | undefined;
}

/** The other nodes of a fleet, as far as whole HTTP requests are passed on to them. */
export interface Peers {
  readonly tags: NodeTags;
  /**
   * Has another node serve a request and passes its answer back. False, and nothing was written, when that node is gone; rejects with
   * `fleet.node-lost` when it went before it answered, and with `store.unavailable` when nobody can say where it is.
   */
  forward(node: string, request: IncomingMessage, response: ServerResponse, facts: ForwardFacts): Promise<boolean>;
  /** The request came from another node: it is served here, or by nobody. */
  wasForwarded(request: IncomingMessage): boolean;
  /** Nodes that live may not be found: the store was emptied a moment ago, and they are about to enter themselves again. */
  isUnsettled?(): Promise<boolean>;
  /** Whether a node lives that cannot be reached now, or died seconds ago. */
  isEntered?(node: string): Promise<boolean>;
}

/** What the downstream side needs of the rest of the gateway. */
export interface DownstreamDeps {
  readonly handler: ExchangeHandler;
  readonly edge: EdgeFacts;
  readonly subscriptions: Subscriptions;
  readonly sessions: Sessions;
  readonly clock: Clock;
  readonly random: Random;
  readonly emit: Emit;
  /** Set where this node is one of a fleet. */
  readonly peers?: Peers | undefined;
  /** Where streams are written down that must outlive their node. */
  readonly archive?: EventArchive | undefined;
  /** Where calls are written down that wait for their client. */
  readonly calls?: CallRecords | undefined;
  /** False while the gateway should get no new traffic (starting, draining). */
  ready(): boolean;
  /** True while new work should be refused early; absent means never. */
  overloaded?(): boolean;
  /** Where it is written down what servers are about to be asked; undefined where nobody wants to know. */
  readonly journal?: Journal | undefined;
}

/** Durations and bounds of the documentation; `app` overrides what the file says. */
export const DOWNSTREAM_DEFAULTS = {
  httpsOnly: false,
  callerOf: directCaller,
  commitMs: 10_000,
  heartbeatMs: 15_000,
  readMs: 30_000,
  writeMs: 30_000,
  streamBytes: 2 * 1_048_576,
  nodeStreamBytes: 256 * 1_048_576,
  handshakeMs: 30_000,
  resumeMs: 300_000,
  listens: { perPrincipal: 1_000, total: 10_000 },
  pendingChannels: { perPrincipal: 100, total: 1_000 },
  heldCalls: { perPrincipal: 32, total: 1_000, bytes: 64 * 1_048_576, ttlMs: 300_000 },
  discovery: { enabled: true, openResource: 'none', mounted: 'none', version: '0.0.0' },
  limits: {
    bodyBytes: 4 * 1_048_576,
    headerBytes: 16_384,
    jsonDepth: 128,
    idBytes: 256,
    batch: 100,
    inFlightPerSession: 100,
    eventLogEvents: 200,
    eventLogBytes: 1_048_576,
  },
} as const satisfies Partial<DownstreamOptions>;
