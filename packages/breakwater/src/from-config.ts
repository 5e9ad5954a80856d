import type { Config } from './config/schema.ts';
import type { ResolvedUpstream as ConfiguredUpstream, ResolvedConfig } from './config/secrets.ts';
import type { ParkLimits } from './core/parks.ts';
import type { Route, RouteMember } from './core/route.ts';
import type { SessionLimits } from './core/sessions.ts';
import type { OverloadLimits } from './overload.ts';
import type { ResolvedUpstream } from './upstream/options.ts';
import type { WatchedUpstream } from './upstream/upstream.ts';

/** How long a server may be silent on the era probe before it counts as legacy (eras.md §3.5). */
const PROBE_TIMEOUT_MS = 4_000;
/** Calls held open while a modern client gathers input (eras.md §2.5). */
const PARK_LIMITS = { perPrincipal: 32, total: 1_000, keepMs: 300_000 } as const;

/** An upstream at work and the definition it was made from. */
export interface RunningUpstream {
  readonly configured: ConfiguredUpstream;
  readonly upstream: WatchedUpstream;
}

/** When this process refuses new work. */
export function overloadLimits({ limits }: ResolvedConfig): OverloadLimits {
  return { eventLoopDelayMs: limits.eventLoopDelayMs, rssBytes: limits.rssBytes };
}

/** How long sessions live, and how many. */
export function sessionLimits(config: ResolvedConfig): SessionLimits {
  const { clients, ...times } = config.sessions;
  return {
    ...times,
    clients: new Map(Object.entries(clients)),
    routes: new Map(config.routes.flatMap(({ path, sessions }) => (sessions === undefined ? [] : [[path, sessions]]))),
    perPrincipal: config.limits.sessionsPerPrincipal,
    total: config.limits.sessions,
  };
}

/** How many calls wait for their clients, and how long. */
export function parkLimits({ timeouts }: ResolvedConfig): ParkLimits {
  return { ...PARK_LIMITS, ttlMs: timeouts.answerMs };
}

/** Whether two definitions of an upstream are one. */
// Compared as JSON: plain data after secrets are resolved, but for a factory, which JSON leaves out and which is only equal to itself.
export function isSame(a: ConfiguredUpstream, b: ConfiguredUpstream): boolean {
  return factoryOf(a) === factoryOf(b) && JSON.stringify(a) === JSON.stringify(b);
}

function factoryOf(configured: ConfiguredUpstream): unknown {
  return configured.kind === 'in-process' ? configured.factory : undefined;
}

/** A route with its running upstreams. */
export function makeRoute(route: Config['routes'][number], upstreams: ReadonlyMap<string, RunningUpstream>): Route {
  const members: RouteMember[] = [];
  for (const name of route.upstreams) {
    const running = upstreams.get(name);
    if (running === undefined) continue;
    const { configured, upstream } = running;
    const isAlone = route.upstreams.length === 1;
    members.push({
      upstream,
      prefix: configured.prefix === false ? '' : (configured.prefix ?? (isAlone ? '' : name)),
      cached: configured.cache.enabled,
      ttlMs: configured.cache.ttlMs,
      crossTasks: configured.tasks.cross,
      disabledTools: new Set(configured.disabledTools),
      acquireTimeoutMs: configured.limits.startTimeoutMs,
      requestTimeoutMs: configured.limits.requestTimeoutMs,
    });
  }
  return { path: route.path, members };
}

/** What the upstream side is told of one server. */
export function upstreamOptions(
  name: string,
  configured: ConfiguredUpstream,
  config: ResolvedConfig,
): ResolvedUpstream {
  const { era, isolation, limits, interactiveConcurrency } = configured;
  const common = {
    name,
    era,
    isolation,
    limits: {
      handles: limits.handles,
      acquireTimeoutMs: limits.acquireTimeoutMs,
      startTimeoutMs: limits.startTimeoutMs,
      memoryBytes: limits.memoryBytes,
    },
    probeTimeoutMs: PROBE_TIMEOUT_MS,
    idleMs: limits.idleTimeoutMs,
    restart:
      configured.kind === 'stdio' ? configured.restart : { minDelayMs: 250, maxDelayMs: 30_000, failFastAfter: 5 },
    maxMessageBytes: configured.kind === 'stdio' ? configured.maxLineBytes : config.limits.resultBytes,
    ...(interactiveConcurrency !== undefined && { interactiveConcurrency }),
  };
  switch (configured.kind) {
    case 'stdio': {
      const { command, args, env, cwd } = configured;
      return { ...common, kind: 'stdio', command, args, env, ...(cwd !== undefined && { cwd }) };
    }
    case 'remote': {
      const { url, transport, headers } = configured;
      return { ...common, kind: 'http', url, transport, headers };
    }
    case 'in-process':
      return { ...common, kind: 'in-process', factory: configured.factory };
  }
}
