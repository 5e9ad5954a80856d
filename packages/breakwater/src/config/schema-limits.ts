import { z } from 'zod';
import { count, duration, durationsInMs, size } from './fields.ts';

/** Numeric bounds of the downstream side. */
export const Limits = durationsInMs(
  z.strictObject({
    bodyBytes: size().prefault('4MiB').meta({ description: 'Largest request body; beyond it 413.' }),
    headerBytes: size().prefault('16KiB').meta({ description: 'Largest request head; beyond it 431.' }),
    jsonDepth: count().default(128).meta({ description: 'Deepest nesting of a JSON body.' }),
    batch: count().default(100).meta({ description: 'Most messages in one JSON-RPC batch.' }),
    idBytes: size().prefault('256B').meta({ description: 'Longest JSON-RPC id.' }),
    inFlightPerSession: count().default(100).meta({ description: 'Most unfinished requests of one session.' }),
    sessionsPerPrincipal: count().default(1000).meta({ description: 'Most sessions of one principal.' }),
    sessions: count().default(10_000).meta({ description: 'Most sessions on this node.' }),
    resultBytes: size().prefault('64MiB').meta({ description: 'Largest answer accepted from an upstream.' }),
    eventLogEvents: count().default(200).meta({ description: 'Events kept per stream for a client that resumes.' }),
    eventLogBytes: size().prefault('1MiB').meta({ description: 'Bytes kept per stream for a client that resumes.' }),
    nodeStreamBytes: size().prefault('256MiB').meta({
      description:
        'Most bytes that all clients of this node together leave unread; beyond it the stream furthest behind is cut.',
    }),
    eventLoopDelay: duration().prefault('1s').meta({
      description:
        'How late this process may be on average, for a second; beyond it new requests get 503 with Retry-After.',
    }),
    rssBytes: size().optional().meta({
      description:
        'Resident memory of this process beyond which new requests get 503 with Retry-After; unbounded when absent.',
    }),
  }),
  ['eventLoopDelay'],
);

/** What a session is taken for, whatever its client does. */
export const SessionKind = z.enum(['interactive', 'ephemeral']);

/** How long legacy sessions live. */
export const Sessions = durationsInMs(
  z.strictObject({
    idle: duration().prefault('30m').meta({
      description:
        'An interactive session (one that listens, or calls beyond its first seconds) ends after this long without traffic.',
    }),
    ephemeralIdle: duration().prefault('5m').meta({
      description:
        'Any other session (handshake and lists, or one burst of calls) ends after this long without traffic.',
    }),
    handshake: duration().prefault('30s').meta({
      description: 'A session of which nothing is heard after `initialize` ends after this long.',
    }),
    clients: z.record(z.string().min(1), SessionKind).default({}).meta({
      description:
        'Kinds by client name (`clientInfo.name`), instead of what behaviour shows. They win over those of routes.',
    }),
    maxAge: duration().prefault('24h').meta({ description: 'A session ends at this age, whatever its traffic.' }),
  }),
  ['idle', 'ephemeralIdle', 'handshake', 'maxAge'],
);

/** How long the gateway waits on the downstream side. */
export const Timeouts = durationsInMs(
  z.strictObject({
    commit: duration()
      .prefault('10s')
      .meta({ description: 'How long a reply waits for its first upstream message before it becomes an SSE stream.' }),
    heartbeat: duration().prefault('15s').meta({ description: 'Pause after which a silent stream carries a comment.' }),
    read: duration().prefault('30s').meta({ description: 'How long a client may take to send its request.' }),
    write: duration()
      .prefault('30s')
      .meta({ description: 'How long a client may leave written bytes unread before its stream is cut.' }),
    answer: duration()
      .prefault('10m')
      .meta({ description: "How long a client may take to answer a server's question." }),
    drain: duration().prefault('25s').meta({ description: 'How long unfinished requests may go on at shutdown.' }),
  }),
  ['commit', 'heartbeat', 'read', 'write', 'answer', 'drain'],
);

/** What is logged, and how. */
export const Log = z.strictObject({
  level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info').meta({
    description: 'Least level that is logged.',
  }),
  format: z.enum(['json', 'pretty']).optional().meta({
    description: 'One JSON object per line, or text for people. When absent: `pretty` on a terminal, `json` otherwise.',
  }),
});
