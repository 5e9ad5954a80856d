import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Principal } from '../core/ports.ts';
import type { Caller } from '../wire/forwarded.ts';
import { type AccommodationId, useAccommodation } from './accommodations.ts';
import type { Backlog } from './backlog.ts';
import type { ClientTable } from './client-table.ts';
import type { Drain } from './drain.ts';
import type { ExchangeIds } from './exchange-of.ts';
import type { Heartbeats } from './heartbeats.ts';
import type { DownstreamDeps, DownstreamOptions, RouteOptions } from './options.ts';
import { isAllowedHost } from './origin.ts';
import type { RestPlace } from './rest/place.ts';
import type { StreamSlots } from './stream-slots.ts';

/** What every request handler of the downstream side works with. */
export interface Context {
  readonly options: DownstreamOptions;
  readonly deps: DownstreamDeps;
  readonly drain: Drain;
  readonly clients: ClientTable;
  readonly heartbeats: Heartbeats;
  /** What clients of this node have not read yet. */
  readonly backlog: Backlog;
  readonly exchangeIds: ExchangeIds;
  readonly listens: StreamSlots;
}

/** One HTTP request before it is known what it wants. */
export interface Arrival {
  readonly context: Context;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly route: RouteOptions | undefined;
  readonly caller: Caller;
  /** The site is somebody else's: only what belongs to a route is answered here. */
  readonly hosted: boolean;
  /** Set for a request over plain HTTP: what it is told has another form. */
  readonly rest?: RestPlace | undefined;
}

/** One HTTP request to a route. */
export interface Inbound extends Arrival {
  readonly route: RouteOptions;
  readonly principal: Principal;
  /** What the client accepts as the answer of a POST; meaningless for other verbs. */
  readonly accept: AnswerForm;
}

/** Which bodies an answer may have: `either` is JSON until something must be streamed. */
export type AnswerForm = 'json' | 'sse' | 'either';

/** Whether an accommodation is on for this request's route; counts its use. */
export function accommodates(inbound: Inbound, id: AccommodationId): boolean {
  return useAccommodation(id, inbound.route, inbound.context.deps.emit);
}

/** A header's value where it can be sent only once; the joined values otherwise. */
export function headerOf(req: IncomingMessage, name: string): string | undefined {
  const value = req.headers[name];
  return typeof value === 'string' ? value : value?.join(', ');
}

const HOST = /^[A-Za-z0-9.:[\]-]+$/;

/** Protocol and authority by which this client reaches the gateway, or should, with the path prefix of a public URL. */
export function baseUrlOf({ context, req, caller }: Arrival): string {
  const { publicUrl, allowedHosts } = context.options;
  if (publicUrl !== undefined) return publicUrl.replace(/\/+$/, '');
  const { protocol, httpsPort } = caller;
  const base = `${protocol}://${authorityOf(req, caller, allowedHosts)}`;
  if (httpsPort === undefined || protocol === 'https') return base;
  // A port of six digits is an allowed host and no URL.
  const url = URL.parse(base) ?? new URL('http://localhost');
  url.port = String(httpsPort);
  url.protocol = 'https:';
  return url.origin;
}

function authorityOf(req: IncomingMessage, caller: Caller, allowedHosts: readonly string[]): string {
  for (const host of [caller.host, req.headers.host]) {
    // A Host that was refused is not repeated to the caller: it may be an attacker's name for us.
    if (host !== undefined && HOST.test(host) && isAllowedHost(host, allowedHosts)) return host;
  }
  return `localhost:${req.socket.localPort ?? 80}`;
}

/** Absolute URL of the endpoint a client should use: its own route, or the first one where the path names none. */
export function endpointOf(arrival: Arrival): string {
  const path = arrival.route?.path ?? arrival.context.options.routes[0]?.path ?? '/mcp';
  return `${baseUrlOf(arrival)}${path}`;
}
