import type { LegacyRevision } from '../protocol/revision.ts';
import { Owner } from './owner.ts';
import type { ClientFacts, Principal } from './ports.ts';
import { Place } from './recency.ts';
import {
  type HostKind,
  hostKindOf,
  observedKind,
  type SessionKind,
  type SessionStage,
  type SessionUse,
} from './session-policy.ts';
import type { SessionNews, SessionProgress } from './session-vault.ts';

/** Which legacy transport a session belongs to; an id of one is unknown on the other. */
export type SessionTransport = 'streamable' | 'sse';

/** What the transport of a session keeps of it on this node, where the session is one of a fleet. */
export interface SessionKeeper {
  /** Something would be lost if this node let go of the session: a stream, a subscription, a running request. */
  readonly isBusy: boolean;
  /** Another node says something of it. */
  hear(news: SessionNews): void;
}

/** How a session stood when it was written down. */
interface WrittenSession {
  readonly at: number;
  readonly stage: SessionStage;
  /** Its handshake went on here. */
  readonly isSettled: boolean;
}

/** What a session is made of. */
export interface SessionInit {
  readonly route: string;
  readonly transport: SessionTransport;
  readonly principal: Principal;
  readonly client: ClientFacts & { readonly revision: LegacyRevision };
  /** The id of the stream it ends with, for a session of the 2024 transport. */
  readonly stream?: string | undefined;
  /** Nothing is served before its handshake is complete, so every node of a fleet has to know how far that is. */
  readonly isStrict?: boolean | undefined;
}

/** Who asks for a session: its id is unknown to everybody else, without telling them apart. */
export interface SessionKey {
  readonly id: string;
  readonly route: string;
  readonly transport: SessionTransport;
  readonly principal: Principal;
}

/**
 * Legacy `Mcp-Session-Id` state. What it owns (streams, subscriptions, handles) is released when it ends. Most sessions own nothing and are
 * never heard of again, so everything but a few words is made when it is first needed.
 */
export class Session implements SessionInit {
  readonly id: string;
  readonly route: string;
  readonly transport: SessionTransport;
  readonly principal: Principal;
  readonly client: SessionInit['client'];
  readonly isStrict: boolean;
  readonly createdAt: number;
  /** Time of the last request or delivered event. */
  lastSeenAt: number;
  /** Its place among the idle sessions of its stage, and among those of its principal; it stands there while nothing runs. */
  readonly place = new Place<Session>(this);
  readonly placeOfPrincipal = new Place<Session>(this);
  /** Its place in the order of creation. */
  readonly placeByAge = new Place<Session>(this);
  stage: SessionStage = 'opening';
  /** The client said `notifications/initialized`, or proved readiness by its first request. */
  initialized = false;
  /** `notifications/initialized` arrived. */
  confirmed = false;
  /** Level of `logging/setLevel`; undefined until it was called. */
  logLevel: string | undefined = undefined;
  /** Exchanges now running. */
  inFlight = 0;
  /** Any node of the fleet can go on with it. */
  readonly isShared: boolean;
  /** Set once its transport keeps anything. */
  keeper: SessionKeeper | undefined = undefined;
  /** What the vault wrote last of it, or is about to; the vault's own. A field, because a weak map costs the collector more than everything else here. */
  written: WrittenSession | undefined = undefined;
  /** This node has let go of it, and it lives on. */
  livesOn = false;
  /** Its place among those that this node may let go of. */
  placeToLeave: Place<Session> | undefined = undefined;
  #called = false;
  #streamed = false;
  #ended = false;
  #owner: Owner | undefined;
  readonly #settled: SessionKind | undefined;
  readonly #onFault: (error: unknown) => void;

  constructor(
    init: SessionInit,
    made: {
      readonly id: string;
      readonly now: number;
      /** The kind, when it is not for behaviour to show. */
      readonly settled: SessionKind | undefined;
      readonly isShared?: boolean;
      readonly onFault: (error: unknown) => void;
    },
  ) {
    this.id = made.id;
    this.route = init.route;
    this.transport = init.transport;
    this.principal = init.principal;
    this.client = init.client;
    this.isStrict = init.isStrict === true;
    this.createdAt = made.now;
    this.lastSeenAt = made.now;
    this.#settled = made.settled;
    this.isShared = made.isShared === true;
    this.#onFault = made.onFault;
  }

  /** The scope of what ends with it. After the session's end it releases at once what it is given. */
  get owner(): Owner {
    if (this.#owner === undefined) {
      this.#owner = new Owner(this.#onFault);
      if (this.#ended) void this.#owner.close();
    }
    return this.#owner;
  }

  /** Takes note that its client called something. */
  noteCall(): void {
    this.#called = true;
  }

  /** Takes note that its client opened a stream to listen on. */
  noteStream(): void {
    this.#streamed = true;
  }

  /** Goes on from where another node left it. */
  adopt(progress: SessionProgress): void {
    this.lastSeenAt = Math.max(this.lastSeenAt, progress.lastSeenAt);
    if (this.stage !== 'interactive') this.stage = progress.stage;
    this.#called ||= progress.called;
    this.#streamed ||= progress.streamed;
    this.adoptSettings(progress);
  }

  /** Takes over what was agreed on another node. */
  adoptSettings({
    initialized,
    confirmed,
    logLevel,
  }: Pick<SessionProgress, 'initialized' | 'confirmed' | 'logLevel'>): void {
    this.initialized ||= initialized;
    this.confirmed ||= confirmed;
    this.logLevel = logLevel ?? this.logLevel;
  }

  /** Takes note of a sign of life: sets the time and the stage. */
  noteSeen(now: number): void {
    this.lastSeenAt = now;
    if (this.stage !== 'interactive') this.stage = this.#settled ?? observedKind(this.use);
  }

  /** What it turned out to be. */
  get hostKind(): HostKind {
    return hostKindOf(this.use);
  }

  /** Releases what it owns; what it is given from now on is released at once. */
  async release(): Promise<void> {
    this.#ended = true;
    await this.#owner?.close();
  }

  /** How it was used. */
  get use(): SessionUse {
    return { called: this.#called, streamed: this.#streamed, activeMs: this.lastSeenAt - this.createdAt };
  }
}
