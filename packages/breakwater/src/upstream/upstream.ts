import type { Emit } from '../core/events.ts';
import type { Ownership, SessionKeep } from '../core/fleet.ts';
import type { Clock, Random, Upstream } from '../core/ports.ts';
import type { DuplexChannel } from './channel.ts';
import { InProcessChannel } from './in-process-channel.ts';
import { duplexOpener } from './open-duplex.ts';
import type { UrlOpening } from './open-url.ts';
import type { HandleOpener } from './opener.ts';
import type {
  HttpUpstreamOptions,
  InProcessUpstreamOptions,
  ResolvedUpstream,
  StdioUpstreamOptions,
  UpstreamLog,
} from './options.ts';
import { HandlePool } from './pool.ts';
import type { PoolStatus } from './pool-options.ts';
import { StdioChannel } from './stdio-channel.ts';

/** What upstreams work with. */
export interface UpstreamDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly emit: Emit;
  readonly log: UpstreamLog;
  /** Settles which node of a fleet has a handle; absent for a node alone. */
  readonly ownership?: Ownership | undefined;
  /** Keeps sessions at HTTP servers for the node that owns their handle next. */
  readonly sessions?: SessionKeep | undefined;
  /** The gateway's version, as servers are told it. */
  readonly version: string;
  /** A tool's `inputSchema` as JSON bytes, when the catalogue has it at hand; modern HTTP servers want parameters in headers. */
  readonly toolSchema?: (tool: string) => Promise<Buffer | undefined>;
}

/** An upstream that says how it is doing. */
export interface WatchedUpstream extends Upstream {
  readonly status: PoolStatus;
  /** Lets another node of the fleet have what exists once; what runs on it here goes on. Before {@link close}. */
  handOver(): void;
}

/** Makes one configured upstream, whatever its transport and era. Nothing is opened until somebody acquires a handle. */
export function createUpstream(config: ResolvedUpstream, deps: UpstreamDeps): WatchedUpstream {
  const log: UpstreamLog = (level, message, detail) => deps.log(level, message, { upstream: config.name, ...detail });
  const onReached = (error: Error | undefined): void => pool.noteReached(error);
  const { open, transport, release } = openingOf(config, { ...deps, log, onReached });
  const pool = new HandlePool(config, { ...deps, open, transport });
  return {
    name: config.name,
    get status() {
      return pool.status;
    },
    acquire: (need) => pool.acquire(need),
    endSession: (sessionId) => pool.endSession(sessionId),
    handOver: () => pool.handOver(),
    close: async () => {
      await pool.close();
      await release();
    },
  };
}

interface OpeningDeps extends UpstreamDeps {
  readonly onReached: (error: Error | undefined) => void;
}

interface Opening {
  readonly open: HandleOpener;
  readonly transport: () => 'duplex' | 'http';
  /** Releases what handles leave behind for the next one. */
  readonly release: () => Promise<void>;
}

function openingOf(config: ResolvedUpstream, deps: OpeningDeps): Opening {
  if (config.kind === 'http') return urlOpening(config, deps);
  const connect =
    config.kind === 'stdio'
      ? async (): Promise<DuplexChannel> => spawnChannel(config, deps)
      : (signal: AbortSignal): Promise<DuplexChannel> => inProcessChannel(config, deps, signal);
  return {
    open: duplexOpener({ ...deps, ...config, upstream: config.name, connect }),
    transport: () => 'duplex',
    release,
  };
}

async function release(): Promise<void> {
  // A duplex handle takes everything with it.
}

function spawnChannel(config: StdioUpstreamOptions, { clock, log }: UpstreamDeps): StdioChannel {
  return new StdioChannel({
    command: config.command,
    args: config.args,
    env: config.env,
    cwd: config.cwd,
    maxMessageBytes: config.maxMessageBytes,
    clock,
    onStderr: (line) => log('info', 'stderr', { line }),
  });
}

async function inProcessChannel(
  config: InProcessUpstreamOptions,
  { log }: UpstreamDeps,
  signal: AbortSignal,
): Promise<DuplexChannel> {
  const opening = InProcessChannel.open(config.factory, (error) =>
    log('warn', 'The server reported an error.', { error }),
  );
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => {
    aborted.reject(signal.reason);
    // A factory cannot be stopped; what it brings too late is closed.
    opening.then(
      (late) => late.close(),
      () => undefined,
    );
  };
  signal.addEventListener('abort', onAbort);
  try {
    return await Promise.race([opening, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** What an HTTP server is spoken to with is loaded for whoever has one: the HTTP client is a sixth of a start. It is there before the first request, as a rule. */
function urlOpening(config: HttpUpstreamOptions, deps: OpeningDeps): Opening {
  const loading = import('./open-url.ts').then(({ openUrl }) => openUrl(config, deps));
  let opening: UrlOpening | undefined;
  loading.then(
    (loaded) => {
      opening = loaded;
    },
    () => {
      // Whoever opens a handle is told.
    },
  );
  return {
    open: async (need) => (await loading).open(need),
    transport: () => opening?.transport() ?? (config.transport === 'sse' ? 'duplex' : 'http'),
    release: async () => (await loading).close(),
  };
}
