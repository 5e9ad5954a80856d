/** How a client uses its session: a person's program that sits idle for long, or a burst of requests that is over. */
export type SessionKind = 'interactive' | 'ephemeral';

/** Where a session stands: nothing was heard since `initialize`, or what its client is taken for. */
export type SessionStage = 'opening' | SessionKind;

/** What a closed session was, as the statistics count it (observability.md §1a, "host kind"). */
export type HostKind = 'probe' | 'transactional' | 'interactive' | 'unclear';

/** How long sessions live. Durations in ms. */
export interface SessionPolicy {
  /** Silence after which an interactive session ends. */
  readonly idleMs: number;
  /** Silence after which an ephemeral one ends. */
  readonly ephemeralIdleMs: number;
  /** How long `initialize` may stay the only thing heard. */
  readonly handshakeMs: number;
  readonly maxAgeMs: number;
  /** Kinds that are settled by configuration, by route path and by client name. A name says more than a route. */
  readonly routes: ReadonlyMap<string, SessionKind>;
  readonly clients: ReadonlyMap<string, SessionKind>;
}

/** What is known of how a session was used. */
export interface SessionUse {
  readonly called: boolean;
  readonly streamed: boolean;
  /** From `initialize` to the last thing heard. */
  readonly activeMs: number;
}

/** Calls within this time of the opening are one burst: a program that opens, calls and is gone. */
const BURST_MS = 5_000;
const INTERACTIVE_MS = 60_000;

/** The kind that configuration settles, if it does. `name` is what the client calls itself. */
export function configuredKind(
  { routes, clients }: SessionPolicy,
  route: string,
  name: string | undefined,
): SessionKind | undefined {
  return (name === undefined ? undefined : clients.get(name)) ?? routes.get(route);
}

/**
 * The kind that behaviour shows: a stream kept open, or calls that come later than the first burst, mean somebody who stays. Handshake
 * and lists alone mean nobody (97 of 100 sessions in the field).
 */
export function observedKind({ called, streamed, activeMs }: SessionUse): SessionKind {
  return streamed || (called && activeMs >= BURST_MS) ? 'interactive' : 'ephemeral';
}

/** How long a session at this stage may be silent. */
export function silenceMs(policy: SessionPolicy, stage: SessionStage): number {
  if (stage === 'opening') return policy.handshakeMs;
  return stage === 'ephemeral' ? policy.ephemeralIdleMs : policy.idleMs;
}

/** What a session turned out to be. */
export function hostKindOf({ called, streamed, activeMs }: SessionUse): HostKind {
  if (streamed || activeMs >= INTERACTIVE_MS) return 'interactive';
  if (activeMs < BURST_MS) return called ? 'transactional' : 'probe';
  return 'unclear';
}

/** The `name` in a client's `clientInfo`, when it has one. */
export function clientNameOf(info: Buffer | undefined): string | undefined {
  if (info === undefined) return undefined;
  const { name } = JSON.parse(info.toString()) as { readonly name?: unknown };
  return typeof name === 'string' ? name : undefined;
}
