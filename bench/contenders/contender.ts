import type { Load } from '../loads/load.ts';

/** What stands between the load generator and the upstream. Each contender is one line of `table.ts`. */

/** The core every contender is pinned to. */
export const CONTENDER_CORE = 0;

/** Where the upstream is, for a contender to stand in front of. */
export interface UpstreamAddress {
  /** The endpoint in the eras that the load wants of it. */
  readonly url: string;
  readonly pid: number;
  /** The same tools as a program on stdio: what to run, as arguments of this Node. */
  readonly program: readonly string[];
}

/** A contender that answers. */
export interface RunningContender {
  /** The MCP endpoint. */
  readonly url: string;
  /** The root of its process tree, whose CPU time and memory are charged to it. */
  readonly pid: number;
  close(): Promise<void>;
}

/** One way to reach the upstream. */
export interface Contender {
  readonly name: string;
  /** One line for the report. */
  readonly title: string;
  /** Why it cannot run on this machine now; absent when it can. */
  readonly missing?: () => string | undefined;
  /** Fetches what it is made of, before anything is measured. */
  readonly prepare?: () => Promise<void>;
  /**
   * What it stands in front of: `bytes` passes whatever it is given to the HTTP server of both eras, `http` speaks MCP to a server of the load's choice,
   * `stdio` runs the program, `server` is itself one.
   */
  readonly over: 'bytes' | 'http' | 'stdio' | 'server';
  /** Whether it can translate between the eras. */
  readonly bridges?: boolean;
  /** Processes that share the load; one by default. Each has its own code to warm up. */
  readonly processes?: number;
  /** The only loads it is asked to do; all that fit by default. */
  readonly only?: readonly string[];
  /** Starts a fresh process and resolves when it accepts connections. */
  start(upstream: UpstreamAddress): Promise<RunningContender>;
}

/** Whether a contender is asked to do a load. */
export function suits({ over, bridges = false, only }: Contender, load: Load): boolean {
  if (only !== undefined) return only.includes(load.name);
  if (over === 'bytes') return true;
  if (load.over === 'stdio') return over === 'stdio';
  if (load.upstream !== load.client) return bridges && over === 'http';
  return over === 'http' || over === 'server';
}
