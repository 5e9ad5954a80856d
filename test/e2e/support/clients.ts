import { connectCurlBare, connectCurlLegacy, connectCurlModern } from './curl-clients.ts';
import { connectInspector } from './inspector-client.ts';
import { connectMcpRemote, connectV1Http, connectV1Sse } from './sdk-v1-clients.ts';
import { connectV2Http } from './sdk-v2-clients.ts';
import type { ClientKind, Listener, LiveClient } from './test-client.ts';

const PINNED = { pin: '2026-07-28' } as const;

/** The rows of the matrix. */
export const CLIENTS: readonly ClientKind[] = [
  { name: 'SDK v1, Streamable HTTP', revision: '2025-11-25', endsSession: true, connect: connectV1Http },
  { name: 'SDK v1, HTTP+SSE of 2024', revision: '2025-11-25', endsSession: true, connect: connectV1Sse },
  { name: 'SDK v2, legacy', revision: '2025-11-25', endsSession: true, connect: (url) => connectV2Http(url, 'legacy') },
  { name: 'SDK v2, auto', revision: '2026-07-28', endsSession: true, connect: (url) => connectV2Http(url, 'auto') },
  {
    name: 'SDK v2, 2026-07-28',
    revision: '2026-07-28',
    endsSession: true,
    connect: (url) => connectV2Http(url, PINNED),
  },
  {
    name: 'Inspector CLI, legacy',
    revision: '2025-11-25',
    endsSession: false,
    isSlow: true,
    connect: (url) => connectInspector(url, 'legacy'),
  },
  {
    name: 'Inspector CLI, modern',
    revision: '2026-07-28',
    endsSession: true,
    isSlow: true,
    connect: (url) => connectInspector(url, 'modern'),
  },
  { name: 'mcp-remote', revision: '2025-11-25', endsSession: false, connect: connectMcpRemote },
  { name: 'curl, 2025-11-25 session', revision: '2025-11-25', endsSession: true, connect: connectCurlLegacy },
  { name: 'curl, 2026-07-28', revision: '2026-07-28', endsSession: true, connect: connectCurlModern },
  { name: 'curl, no session, no version', revision: '2025-03-26', endsSession: true, connect: connectCurlBare },
];

/** A client that can also be told things: progress, and that a list changed. */
export interface LiveClientKind {
  readonly name: string;
  connect(url: string, listener: Listener): Promise<LiveClient>;
}

/** The clients that hear what they did not ask for. */
export const LIVE_CLIENTS: readonly LiveClientKind[] = [
  { name: 'SDK v1, Streamable HTTP', connect: connectV1Http },
  { name: 'SDK v1, HTTP+SSE of 2024', connect: connectV1Sse },
  { name: 'SDK v2, legacy', connect: (url, listener) => connectV2Http(url, 'legacy', listener) },
  { name: 'SDK v2, 2026-07-28', connect: (url, listener) => connectV2Http(url, PINNED, listener) },
  { name: 'mcp-remote', connect: connectMcpRemote },
];
