/**
 * Breakwater as a library: the gateway as a Node request listener, to be mounted wherever one fits.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { App } from './app.ts';
import { openAuditLog } from './audit-log.ts';
import { formatIssues } from './config/issue.ts';
import { parseLibraryConfig } from './config/library.ts';
import type { LibraryConfig } from './config/schema.ts';
import { resolveSecrets } from './config/secrets.ts';
import type { GatewayEvent } from './core/events.ts';
import type { Principal } from './core/ports.ts';
import { ambientPrincipal } from './principal.ts';
import type { CounterValues } from './telemetry/counters.ts';

export type { LibraryConfig } from './config/schema.ts';
export { ERRORS, type ErrorCode, GatewayError, isGatewayError } from './core/errors.ts';
export type { ExchangeRecord, GatewayEvent } from './core/events.ts';
export type { Principal } from './core/ports.ts';
export type { CounterValues } from './telemetry/counters.ts';

/** What the embedding program may add to the configuration. */
export interface BreakwaterOptions {
  /**
   * Says who sends a request; must not throw. Without it callers are strangers to each other, except on a loopback `listen.host`
   * without `publicUrl`, where they are one person.
   */
  readonly principalOf?: (request: IncomingMessage) => Principal;
  /** Gets every event: finished exchanges, opened and closed resources, notices. Must not throw. */
  readonly onEvent?: (event: GatewayEvent) => void;
}

/** The gateway as a request listener; in a framework with `next`, paths that are not the gateway's go on to it. */
export interface Breakwater {
  (request: IncomingMessage, response: ServerResponse, next?: () => void): void;
  /** Answers bytes that are no HTTP request with JSON: `server.on('clientError', breakwater.handleClientError)`. */
  handleClientError(error: NodeJS.ErrnoException, socket: Duplex): void;
  /** What was counted since the start. */
  counters(): CounterValues;
  /** Replaces the configuration: unchanged upstreams and all sessions live on. Rejects with a TypeError and changes nothing when it is invalid. */
  reload(config: LibraryConfig): Promise<void>;
  /** Stops taking work, lets exchanges finish, ends sessions, children and remote sessions. */
  close(): Promise<void>;
}

/**
 * Wires a gateway from the same configuration a file holds, plus in-process servers (`{ factory: () => new McpServer(…) }`). Opens no socket and starts no
 * server before the first request needs one. Rejects with a TypeError for an invalid configuration or a missing secret, and with an Error
 * when the audit log cannot be opened.
 */
export async function createBreakwater(config: LibraryConfig, options: BreakwaterOptions = {}): Promise<Breakwater> {
  const parsed = await resolve(config);
  const ambient = ambientPrincipal(parsed.listen.host, parsed.publicUrl);
  const onEvent = options.onEvent ?? (() => undefined);
  const app = await App.open({
    config: parsed,
    audit: await openAuditLog(parsed, onEvent),
    principalOf: options.principalOf ?? (() => ambient),
    onEvent,
  });
  const listener = (request: IncomingMessage, response: ServerResponse, next?: () => void): void =>
    app.handle(request, response, next);
  return Object.assign(listener, {
    handleClientError: (error: NodeJS.ErrnoException, socket: Duplex) => app.handleClientError(error, socket),
    counters: () => app.counters,
    reload: async (next: LibraryConfig) => await app.reload(await resolve(next)),
    close: () => app.close(),
  });
}

async function resolve(config: LibraryConfig) {
  const resolved = await resolveSecrets(parseLibraryConfig(config), { env: process.env });
  if (!resolved.ok) throw new TypeError(`Invalid configuration:\n${formatIssues(resolved.issues)}`);
  return resolved.config;
}
