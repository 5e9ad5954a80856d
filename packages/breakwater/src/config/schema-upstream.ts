import { z } from 'zod';
import { HEADER_NAME_PATTERN } from './address.ts';
import { count, duration, durationsInMs, size, Text } from './fields.ts';

const UpstreamLimits = durationsInMs(
  z.strictObject({
    handles: count().default(32).meta({ description: 'Most live handles (processes or remote sessions) at one time.' }),
    acquireTimeout: duration()
      .prefault('10s')
      .meta({ description: 'How long a request waits for a free handle before it is refused with a retry hint.' }),
    startTimeout: duration()
      .prefault('60s')
      .meta({ description: 'How long a new handle may take until the server has answered its handshake.' }),
    requestTimeout: duration()
      .prefault('10m')
      .meta({ description: 'How long one request may take before it is cancelled at the server.' }),
    idleTimeout: duration().prefault('5m').meta({ description: 'How long a handle nobody uses stays open.' }),
    memoryBytes: size().optional().meta({
      description:
        'Resident memory of a child process, its own children included, beyond which it gets no new requests and is replaced when those it has are done. Needs /proc; unbounded when absent.',
    }),
  }),
  ['acquireTimeout', 'startTimeout', 'requestTimeout', 'idleTimeout'],
);

const CacheObject = z.strictObject({
  enabled: z.boolean().default(true).meta({ description: 'Whether lists are answered from the snapshot.' }),
  ttl: duration().prefault('5m').meta({ description: 'How long a snapshot of the lists is served before a refresh.' }),
});

const Cache = z
  .union([z.enum(['on', 'off']), z.boolean(), CacheObject])
  .transform((value) =>
    typeof value === 'object' ? value : CacheObject.parse({ enabled: value === 'on' || value === true }),
  )
  .transform(({ enabled, ttl }) => ({ enabled, ttlMs: ttl }));

const common = {
  era: z.enum(['auto', 'legacy', 'modern']).default('auto').meta({
    description: 'Protocol era to speak to this server. `auto` asks the server once and remembers the verdict.',
  }),
  prefix: z
    .union([
      z.string().regex(/^[A-Za-z0-9_-]{1,32}$/, 'expected 1 to 32 letters, digits, "_" or "-"'),
      z.literal(false),
    ])
    .optional()
    .meta({
      description:
        'What stands before this server’s tool and prompt names, joined with `__`; `false` for nothing. When absent: the upstream’s name on a route with several upstreams, nothing on a route with one.',
    }),
  isolation: z.enum(['auto', 'session', 'principal', 'shared', 'request']).default('auto').meta({
    description:
      'Who shares a handle: the requests of one client session, those of one principal, everybody, or nobody (a fresh one per request). `auto` is `session` for remote servers that keep state, otherwise `principal`; strangers on an open route are kept apart by their sessions, and those without a session get a handle that knows nobody. A principal’s handle is never another’s unless this says `shared`.',
  }),
  cache: Cache.prefault('on').meta({
    description: 'Whether lists are answered at the edge from a snapshot: `on`, `off`, or `{ ttl: "5m" }`.',
  }),
  disabled: z.boolean().default(false).meta({
    description: 'Keeps the definition and serves nothing from it; its secrets are not read.',
  }),
  disabledTools: z.array(z.string().min(1)).default([]).meta({
    description: 'Tools, by the server’s own name, that are neither listed nor callable.',
  }),
  limits: UpstreamLimits.prefault({}).meta({ description: 'Bounds for this upstream.' }),
  tasks: z
    .strictObject({
      cross: z.boolean().default(false).meta({
        description:
          'Whether tasks are translated between 2025-11-25 and the extension of 2026-07-28: a client that uses tasks of the one then has them also on a server of the other. Without it such a client sees an ordinary call.',
      }),
    })
    .prefault({})
    .meta({ description: 'Calls whose result is fetched later.' }),
  interactiveConcurrency: count().optional().meta({
    description:
      'Most requests at one time on one handle. `1` makes it certain which request a server’s question (elicitation, sampling) belongs to. Unbounded when absent.',
  }),
};

const ENV_NAME = /^[^=\0]+$/;

const Restart = durationsInMs(
  z.strictObject({
    minDelay: duration().prefault('250ms').meta({ description: 'Wait before the first restart after a crash.' }),
    maxDelay: duration().prefault('30s').meta({ description: 'Longest wait; the delay doubles from crash to crash.' }),
    failFastAfter: count().default(5).meta({
      description:
        'Failures in a row after which requests are refused at once with a retry hint, while one at a time tries whether the server is back.',
    }),
  }),
  ['minDelay', 'maxDelay'],
);

const StdioUpstream = z
  .strictObject({
    command: Text.meta({ description: 'Program to run; it speaks MCP on standard input and output.' }),
    args: z.array(Text).default([]).meta({ description: 'Arguments of the program.' }),
    env: z.record(z.string().regex(ENV_NAME, 'expected the name of a variable, without "="'), Text).default({}).meta({
      description: 'Environment variables of the program, besides the harmless inherited ones. Literals are allowed.',
    }),
    cwd: Text.optional().meta({ description: 'Working directory of the program.' }),
    restart: Restart.prefault({}).meta({ description: 'How a program that crashed is started again.' }),
    maxLineBytes: size().prefault('64MiB').meta({ description: 'Longest line (one message) read from the program.' }),
    ...common,
  })
  .transform((upstream) => ({ kind: 'stdio' as const, ...upstream }));

const RemoteUpstream = z
  .strictObject({
    url: Text.meta({ description: 'Address of the MCP endpoint, http or https.' }),
    transport: z.enum(['auto', 'streamable-http', 'sse']).default('auto').meta({
      description: 'Transport of the server. `auto` tries Streamable HTTP first, then the 2024 SSE transport.',
    }),
    headers: z.record(z.string().regex(HEADER_NAME_PATTERN, 'expected an HTTP header name'), Text).default({}).meta({
      description:
        'Headers sent with every request. Credentials (`Authorization`, `Cookie`, `X-API-Key`, …) must be references.',
    }),
    ...common,
  })
  .transform((upstream) => ({ kind: 'remote' as const, ...upstream }));

/** What the gateway needs of an in-process MCP server: the SDK's `McpServer` and `Server` both fit. */
export interface McpServerLike {
  /** Starts to speak over the transport. */
  connect(transport: unknown): Promise<void>;
  /** Ends the conversation. */
  close(): Promise<void>;
}

/** Builds one in-process MCP server; it is called once per handle. */
export type ServerFactory = () => McpServerLike | Promise<McpServerLike>;

const InProcessUpstream = z
  .strictObject({
    factory: z
      .custom<ServerFactory>((value) => typeof value === 'function', 'expected a function that builds an MCP server')
      .meta({ description: 'Builds one MCP server; called once per handle.' }),
    ...common,
  })
  .transform((upstream) => ({ kind: 'in-process' as const, ...upstream }));

/** An upstream as a configuration file can write it. */
export const FileUpstream = z.union([StdioUpstream, RemoteUpstream]);
/** An upstream as a program can write it: a file's, or an in-process server. */
export const LibraryUpstream = z.union([StdioUpstream, RemoteUpstream, InProcessUpstream]);

/** One named server definition: `kind` says which. */
export type Upstream = z.output<typeof LibraryUpstream>;
/** A program that speaks MCP on standard input and output. */
export type StdioUpstream = z.output<typeof StdioUpstream>;
/** A server reached over HTTP. */
export type RemoteUpstream = z.output<typeof RemoteUpstream>;
/** A server that lives in this process. */
export type InProcessUpstream = z.output<typeof InProcessUpstream>;
