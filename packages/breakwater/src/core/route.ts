import type { Upstream } from './ports.ts';

/** How one upstream takes part in a route. Durations in ms. */
export interface RouteMember {
  readonly upstream: Upstream;
  /** Put before tool and prompt names; empty for none. */
  readonly prefix: string;
  /** False for a server whose lists depend on the session: its lists are then read for each caller. */
  readonly cached: boolean;
  /** How long a list is believed when the server reports no changes. This and the timeouts are the upstream's, the same on every route. */
  readonly ttlMs: number;
  /** Tasks are translated between the eras, for clients that use them in the other one's form. */
  readonly crossTasks: boolean;
  readonly disabledTools: ReadonlySet<string>;
  readonly acquireTimeoutMs: number;
  readonly requestTimeoutMs: number;
}

/** One public endpoint path and the upstreams behind it, in the order that decides collisions. */
export interface Route {
  readonly path: string;
  readonly members: readonly RouteMember[];
}
