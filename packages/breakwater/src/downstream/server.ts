import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { isGatewayError } from '../core/errors.ts';
import { acceptsOf } from '../wire/content-type.ts';
import { isAccommodationId } from './accommodations.ts';
import { Backlog } from './backlog.ts';
import { refuseBytes } from './client-error.ts';
import { ClientTable } from './client-table.ts';
import { allowOrigin, answerPreflight } from './cors.ts';
import { createDiscovery } from './discovery/discovery.ts';
import { Drain } from './drain.ts';
import { serveEndpoint, serveLiveness } from './endpoint.ts';
import { ExchangeIds } from './exchange-of.ts';
import { reportFault } from './fault-report.ts';
import { Heartbeats } from './heartbeats.ts';
import { httpsUrlFor } from './https-only.ts';
import { type Arrival, accommodates, type Context, endpointOf, headerOf, type Inbound } from './inbound.ts';
import { comesTooLate } from './last-answers.ts';
import type { DownstreamDeps, DownstreamOptions, RouteOptions } from './options.ts';
import { isAllowedHost, isAllowedOrigin, isPublicSite, repeatsHost } from './origin.ts';
import { createPlaces, type Place, splitTarget, type Target } from './paths.ts';
import { refuse, refusePlace, type Sought, sendJson } from './refusal.ts';
import { RestDoor } from './rest/rest.ts';
import { SseChannels } from './sse.ts';
import { StreamSlots } from './stream-slots.ts';

/** The clients' side of the gateway as a request listener for `node:http`. */
export interface Downstream {
  /** Serves one request; never throws. With `next`, a path that is nobody's here goes on to it untouched. */
  readonly handleRequest: (req: IncomingMessage, res: ServerResponse, next?: () => void) => void;
  /** Answers what is no HTTP request (a listener for `clientError`). */
  readonly handleClientError: (error: NodeJS.ErrnoException, socket: Duplex) => void;
  /** The open streams of the 2024 transport. */
  readonly channels: SseChannels;
  /** The way in without MCP, and the calls it holds. */
  readonly door: RestDoor;
  /** Takes no new work, ends open streams in order, and resolves when every answer that was owed is given. */
  close(): Promise<void>;
  /** Every event stream, also those of former configurations: one may outlive what it was opened under. */
  readonly heartbeats: Heartbeats;
  /** Cuts every event stream: the HTTP server does not know the connections of all. */
  cut(): void;
}

/** Kinds of places that are nobody's here. */
const FOREIGN: ReadonlySet<Place['kind']> = new Set(['unknown', 'probe', 'probed-document', 'escaped']);
const LIVE: ReadonlySet<string> = new Set(['/health', '/healthz', '/livez']);
const READY: ReadonlySet<string> = new Set(['/ready', '/readyz']);

/** Makes the clients' side. `former` is the one that a reload replaces: its 2024 streams go on here. Throws a TypeError when the options name an accommodation that does not exist. */
export function createDownstream(options: DownstreamOptions, deps: DownstreamDeps, former?: Downstream): Downstream {
  for (const route of options.routes) {
    for (const id of Object.keys(route.accommodations)) {
      if (!isAccommodationId(id)) throw new TypeError(`Route ${route.path} switches an unknown accommodation: ${id}`);
    }
  }
  const heartbeats = former?.heartbeats ?? new Heartbeats(deps.clock, options.heartbeatMs);
  heartbeats.retime(options.heartbeatMs);
  const context: Context = {
    options,
    deps,
    drain: new Drain(),
    clients: new ClientTable(),
    heartbeats,
    backlog: new Backlog(options.nodeStreamBytes),
    exchangeIds: new ExchangeIds(deps.random.id().slice(0, 8)),
    listens: new StreamSlots(options.listens),
  };
  const discovery = createDiscovery(context);
  const placeOf = createPlaces(options.routes, discovery.paths);
  const channels = new SseChannels(context, former?.channels);
  const door = new RestDoor(context, former?.door);

  function handleRequest(req: IncomingMessage, res: ServerResponse, next?: () => void): void {
    if (comesTooLate(req)) {
      // As once the connection has left `node:http`: whatever its client still sends ends it.
      req.socket.destroy();
      return;
    }
    const target = splitTarget(req.url ?? '/');
    const place = placeOf(target.path);
    // Inside somebody's own server health and probe paths are theirs.
    if (
      next !== undefined &&
      (FOREIGN.has(place.kind) ||
        (place.kind === 'document' && !discovery.isMounted(target.path)) ||
        (place.kind === 'rest' && !place.mounted))
    ) {
      next();
      return;
    }
    const rest = place.kind === 'rest' ? place : undefined;
    const hosted = next !== undefined;
    const arrival: Arrival = { context, req, res, route: undefined, caller: options.callerOf(req), hosted, rest };
    try {
      const served = dispatch(arrival, place, target);
      if (served !== undefined) served.catch((error: unknown) => failInside(arrival, error));
    } catch (error) {
      failInside(arrival, error);
    }
  }

  function dispatch(arrival: Arrival, place: Place, target: Target): Promise<void> | undefined {
    const { path } = target;
    // Before the Host check: probes of load balancers and orchestrators come under an address.
    if (place.kind === 'unknown' && serveHealth(arrival, path)) return undefined;
    if (!admitOrigin(arrival, target, place)) return undefined;
    const refusal = obstacleTo(arrival);
    if (refusal !== undefined) {
      refusal();
      return undefined;
    }
    // One promise for the whole way in: each `async` function on it would be another 0.2 µs of every request.
    if (place.kind === 'endpoint' && !place.slash) return serveEndpoint(enter(arrival, place.route), channels);
    return servePlace(arrival, place, target);
  }

  /** What is said instead of serving a request on any path; undefined when it is served. */
  function obstacleTo(arrival: Arrival): (() => void) | undefined {
    const { req } = arrival;
    if (req.method === 'OPTIONS') return () => answerPreflight(req, arrival.res);
    const secure = httpsUrlFor(arrival);
    if (secure !== undefined) return () => refuse(arrival, 'request.https', { location: secure });
    // Whoever ends something helps; everybody else is told before any work is done for them.
    if (req.method === 'DELETE') return undefined;
    if (context.drain.begun && !mayFinish(arrival)) return () => refuse(arrival, 'gateway.draining', { close: true });
    return deps.overloaded?.() === true ? () => refuse(arrival, 'gateway.overloaded', { close: true }) : undefined;
  }

  /**
   * True for what is served while the gateway drains: a node of a fleet answers whatever still comes by a connection that a balancer kept, once each;
   * answers to questions are what running calls wait for; and the rest of an answer, which another node asks for, can be had here alone.
   */
  function mayFinish({ req, res }: Arrival): boolean {
    if (deps.peers === undefined) return false;
    const isRest = req.method === 'GET' && req.headers['last-event-id'] !== undefined && deps.peers.wasForwarded(req);
    if (req.method !== 'POST' && !isRest) return false;
    res.setHeader('connection', 'close');
    return true;
  }

  async function servePlace(arrival: Arrival, place: Place, { path, query }: Target): Promise<void> {
    switch (place.kind) {
      case 'endpoint': {
        const inbound = enter(arrival, place.route);
        if (place.slash && !accommodates(inbound, 'trailing-slash')) return refuseUnknown(arrival, 'unknown');
        return serveEndpoint(inbound, channels);
      }
      case 'sse':
        return serveStreamPath(enter(arrival, place.route), place.alias);
      case 'messages': {
        if (arrival.req.method !== 'POST') {
          return refusePlace(arrival, 'request.method', 'transport', 'POST, OPTIONS');
        }
        const route = channels.routeOf(query) ?? options.routes[0];
        return route === undefined ? refuseUnknown(arrival, 'unknown') : channels.receive(enter(arrival, route), query);
      }
      case 'rest':
        return door.serve({ ...enter(arrival, place.route), rest: place, query: new URLSearchParams(query) });
      case 'document':
        return discovery.serve(arrival, path);
      case 'escaped':
        return redirectLink(enter(arrival, place.route));
      case 'probe':
        return refuseUnknown(arrival, 'transport');
      case 'probed-document':
        return refuseUnknown(arrival, 'document');
      case 'unknown':
        return refuseUnknown(arrival, 'unknown');
    }
  }

  async function serveStreamPath(inbound: Inbound, alias: boolean): Promise<void> {
    const { req, route } = inbound;
    const { method } = req;
    const streamable = method === 'POST' || method === 'DELETE' || req.headers['mcp-session-id'] !== undefined;
    if (alias && streamable && accommodates(inbound, 'sse-path-post')) return serveEndpoint(inbound, channels);
    if (!route.legacySse) return refuseUnknown(inbound, 'transport');
    if (method === 'HEAD' || (method === 'GET' && !acceptsOf(headerOf(req, 'accept')).sse))
      return serveLiveness(inbound);
    if (method === 'GET') return channels.open(inbound);
    return refusePlace(inbound, 'request.method', 'transport', 'GET, HEAD, OPTIONS');
  }

  /** 308 keeps the verb: a client that follows with its POST is served. */
  function redirectLink(inbound: Inbound): void {
    if (!accommodates(inbound, 'escaped-link')) return refuseUnknown(inbound, 'unknown');
    const location = endpointOf(inbound);
    sendJson(inbound, 308, Buffer.from(JSON.stringify({ canonical_endpoint: location })), { location });
  }

  function enter({ req, res, caller, hosted }: Arrival, route: RouteOptions): Inbound {
    return { context, req, res, route, caller, hosted, principal: options.principalOf(req), accept: 'json' };
  }

  function serveHealth(arrival: Arrival, path: string): boolean {
    const { method } = arrival.req;
    if (!LIVE.has(path) && !READY.has(path)) return false;
    if (method !== 'GET' && method !== 'HEAD') return false;
    const ready = LIVE.has(path) || (deps.ready() && !context.drain.begun);
    sendJson(arrival, ready ? 200 : 503, Buffer.from(ready ? '{"status":"ok"}' : '{"status":"unavailable"}'));
    return true;
  }

  /** Checks Host and Origin (DNS rebinding); false when the request was refused. */
  function admitOrigin(arrival: Arrival, { host: targetHost, path }: Target, place: Place): boolean {
    const { req, res } = arrival;
    const { allowedHosts, allowedOrigins } = options;
    const { host, origin } = req.headers;
    const isOurs = isAllowedHost(host, allowedHosts) && !repeatsHost(req.rawHeaders);
    if (!isOurs || (targetHost !== undefined && !isAllowedHost(targetHost, allowedHosts))) {
      refuse(arrival, 'request.host');
      return false;
    }
    if (origin !== undefined) {
      // Documents, there or not, are for everybody where everybody can fetch them (RFC 9728 clients in browsers).
      const isOpen = (place.kind === 'document' || place.kind === 'probed-document') && isPublicSite(options.publicUrl);
      const isAllowed = isAllowedOrigin(origin, allowedOrigins);
      if (!isOpen && !isAllowed) {
        refuse(arrival, 'request.origin');
        return false;
      }
      // What shows the server as it is now may be on a network that only the visitor of that page reaches.
      if (isAllowed || !discovery.isLiving(path)) allowOrigin(res, origin, isOpen || allowedOrigins.includes('*'));
    }
    return true;
  }

  function refuseUnknown(arrival: Arrival, sought: Sought): void {
    refusePlace(arrival, 'request.path', sought);
  }

  function failInside(arrival: Arrival, error: unknown): void {
    // The store is away, or there is no room for a session of the fleet.
    if (isGatewayError(error) && error.row.retryable && error.row.http >= 400) return refuse(arrival, error.code);
    const exchange = reportFault(context, error);
    try {
      refuse(arrival, 'gateway.internal', { data: { exchange } });
    } catch {
      // The socket is in a state in which not even a refusal can be written; the notice above is all there is to say.
      arrival.res.destroy();
    }
  }

  const handleClientError = (error: NodeJS.ErrnoException, socket: Duplex): void => refuseBytes(context, error, socket);
  return {
    handleRequest,
    handleClientError,
    channels,
    door,
    close: () => context.drain.begin(),
    heartbeats,
    cut: () => heartbeats.cutAll(),
  };
}
