/** What stands between the load generator and the upstream. Each contender is one line of `table.ts`. */

/** The core every contender is pinned to. */
export const CONTENDER_CORE = 0;

/** Where the upstream is, for a contender to stand in front of. */
export interface UpstreamAddress {
  readonly url: string;
  readonly pid: number;
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
  /** Loads it is not asked to do, by name. */
  readonly without?: readonly string[];
  /** Starts a fresh process and resolves when it accepts connections. */
  start(upstream: UpstreamAddress): Promise<RunningContender>;
}
