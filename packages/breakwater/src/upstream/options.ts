/** Writes a line to the gateway's own log; `detail` may hold upstream text and is never shown to clients. */
export type UpstreamLog = (
  level: 'info' | 'warn' | 'error',
  message: string,
  detail?: Readonly<Record<string, unknown>>,
) => void;

/** Who shares a handle (config key `isolation`). */
export type Isolation = 'auto' | 'session' | 'principal' | 'shared' | 'request';

/** What every upstream has, whatever its transport. Durations in ms. */
export interface CommonUpstreamOptions {
  readonly name: string;
  readonly era: 'auto' | 'legacy' | 'modern';
  readonly isolation: Isolation;
  readonly limits: {
    /** Most handles at one time. */
    readonly handles: number;
    /** How long a request waits for a free handle. */
    readonly acquireTimeoutMs: number;
    /** How long one handle may take to open; callers give up earlier by their own deadline. */
    readonly startTimeoutMs: number;
    /** Resident memory beyond which a child process is replaced once its calls are done. */
    readonly memoryBytes?: number | undefined;
  };
  /** How long a server may be silent on `server/discover` before it counts as legacy. */
  readonly probeTimeoutMs: number;
  /** How long an unused handle stays open. */
  readonly idleMs: number;
  /** Bounds of the wait before the next opening after one failed or a handle crashed; it doubles from failure to failure. */
  readonly restart: {
    readonly minDelayMs: number;
    readonly maxDelayMs: number;
    /** Failures in a row after which requests are refused at once; absent means never. */
    readonly failFastAfter?: number | undefined;
  };
  /** Longest message read from the server. */
  readonly maxMessageBytes: number;
  /** Most interactive requests (tools/call, prompts/get, resources/read) at one time on one handle. */
  readonly interactiveConcurrency?: number;
}

/** A program that speaks MCP on its standard input and output. */
export interface StdioUpstreamOptions extends CommonUpstreamOptions {
  readonly kind: 'stdio';
  readonly command: string;
  readonly args: readonly string[];
  /** Added to the allow-listed part of the gateway's own environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** What the gateway needs of an MCP server object: the SDK's `McpServer` and `Server` both fit. */
export interface InProcessServer {
  connect(transport: unknown): Promise<void>;
  close(): Promise<void>;
}

/** Builds one server; called once per handle (and once more when the era is settled). */
export type InProcessFactory = () => InProcessServer | Promise<InProcessServer>;

/** A server that lives in this process. */
export interface InProcessUpstreamOptions extends CommonUpstreamOptions {
  readonly kind: 'in-process';
  readonly factory: InProcessFactory;
}

/** A server reached over HTTP. */
export interface HttpUpstreamOptions extends CommonUpstreamOptions {
  readonly kind: 'http';
  readonly url: string;
  readonly transport: 'auto' | 'streamable-http' | 'sse';
  /** Sent with every request; secrets are resolved. */
  readonly headers: Readonly<Record<string, string>>;
}

/** One configured upstream as plain data: references to secrets are resolved and defaults are filled in. */
export type ResolvedUpstream = StdioUpstreamOptions | InProcessUpstreamOptions | HttpUpstreamOptions;
