import type { Emit } from '../core/events.ts';
import type { Ownership } from '../core/fleet.ts';
import type { Clock, Random } from '../core/ports.ts';
import type { CircuitState } from './back-off.ts';
import type { HandleOpener } from './opener.ts';
import type { CommonUpstreamOptions } from './options.ts';

/** What a pool works with. */
export interface PoolDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly emit: Emit;
  readonly open: HandleOpener;
  /** Settles which node of a fleet has a handle; without it all are this node's. */
  readonly ownership?: Ownership | undefined;
  /** What is known of the transport now; a URL may turn out to be either. */
  readonly transport: () => 'duplex' | 'http';
  /** A number in [0, 1); Math.random unless a test needs to know it. */
  readonly jitter?: () => number;
}

/** The part of an upstream's options that concerns its pool. */
export type PoolOptions = Pick<CommonUpstreamOptions, 'name' | 'isolation' | 'limits' | 'idleMs' | 'restart'>;

/** How a pool is doing. */
export interface PoolStatus {
  /** Open handles. */
  readonly handles: number;
  /** Those of them that are other nodes'. */
  readonly borrowed: number;
  readonly opening: number;
  /** Callers who wait for a place. */
  readonly waiting: number;
  readonly circuit: CircuitState;
  /** Handles that ended by themselves or could not be opened, since the start. */
  readonly failures: number;
}
