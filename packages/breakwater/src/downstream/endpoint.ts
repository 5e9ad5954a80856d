import { LEGACY_REVISIONS, MODERN_REVISIONS } from '../protocol/revision.ts';
import { acceptsOf, isJsonMediaType } from '../wire/content-type.ts';
import { discoveryLinks } from './discovery/document-urls.ts';
import { decideGet } from './era.ts';
import { accommodates, baseUrlOf, endpointOf, headerOf, type Inbound } from './inbound.ts';
import { checkVersion, findStreamable } from './legacy-caller.ts';
import { servePost } from './post.ts';
import { initializeRecipe } from './recipe.ts';
import { mayBegin } from './recording.ts';
import { pointersOf, refuse, refusePlace, sendJson } from './refusal.ts';
import { resumeElsewhere } from './resume-elsewhere.ts';
import { readSessionId } from './session-id.ts';
import type { SseChannels } from './sse.ts';

const ALLOW = 'POST, GET, HEAD, DELETE, OPTIONS';
const HOW_TO = 'This is an MCP endpoint: POST JSON-RPC messages to canonical_endpoint, beginning with recipe.';
const DOWNGRADED =
  'This arrived as GET with a JSON Content-Type: a redirect on the way here turned a POST into it. POST to canonical_endpoint itself, scheme and host as they stand there.';

/** Serves a request on a route's endpoint by its verb. */
export function serveEndpoint(inbound: Inbound, channels: SseChannels): Promise<void> | undefined {
  switch (inbound.req.method) {
    case 'POST':
      return servePost(inbound);
    case 'GET':
      return serveGet(inbound, channels);
    case 'HEAD':
      serveLiveness(inbound);
      return undefined;
    case 'DELETE':
      return serveDelete(inbound);
    default:
      refusePlace(inbound, 'request.method', 'transport', ALLOW);
      return undefined;
  }
}

async function serveGet(inbound: Inbound, channels: SseChannels): Promise<void> {
  const { req, route } = inbound;
  const wantsStream = acceptsOf(headerOf(req, 'accept')).explicitSse;
  const sessionId = wantsStream ? readSessionId(inbound) : undefined;
  if (sessionId === null) return;
  const headers = { version: headerOf(req, 'mcp-protocol-version'), sessionId };
  switch (decideGet(headers, wantsStream, route.legacySse)) {
    case 'liveness':
      return serveLiveness(inbound);
    case 'sse-2024':
      return channels.open(inbound);
    case 'refuse':
      return refusePlace(inbound, 'request.method', 'transport', 'POST, DELETE, OPTIONS');
    case 'session-stream': {
      const streamable = await findStreamable(inbound, sessionId);
      if (streamable === undefined) return refuse(inbound, 'session.unknown');
      if (!checkVersion(inbound, headers, streamable.session, undefined)) return;
      const lastEventId = headerOf(req, 'last-event-id');
      // Who comes back for the rest of an answer begins nothing.
      if (lastEventId === undefined && !mayBegin(inbound)) return;
      if (await resumeElsewhere(inbound, streamable, lastEventId)) return;
      // Who left while the fleet was asked must not end the stream that the session has.
      if (inbound.res.destroyed) return;
      streamable.stream.open(inbound, lastEventId);
    }
  }
}

/** Answers GET and HEAD that ask for no stream: the endpoint is there, and this is how to use it. */
export function serveLiveness(inbound: Inbound): void {
  if (!accommodates(inbound, 'liveness-probe')) {
    refusePlace(inbound, 'request.method', 'transport', 'POST, DELETE, OPTIONS');
    return;
  }
  const { req } = inbound;
  // What a client keeps of its POST when a redirect (301, 302) made it a GET.
  const wasPost = req.method === 'GET' && isJsonMediaType(headerOf(req, 'content-type'));
  const explains = wasPost && accommodates(inbound, 'downgraded-post');
  const facts = {
    ready: inbound.context.deps.ready(),
    transport: 'streamable_http',
    ...pointersOf(inbound),
    protocol_versions: [...MODERN_REVISIONS, ...[...LEGACY_REVISIONS].reverse()],
    methods: ['POST', 'GET', 'DELETE'],
    hint: explains ? DOWNGRADED : HOW_TO,
    recipe: initializeRecipe(endpointOf(inbound)),
  };
  const { context, hosted } = inbound;
  const isLinked = context.options.discovery.enabled && !hosted;
  const link = isLinked ? { link: discoveryLinks(baseUrlOf(inbound)) } : {};
  sendJson(inbound, 200, Buffer.from(JSON.stringify(facts)), link);
}

/** Ends a session. Always 200: a client that repeats DELETE after a lost answer has what it wants (AIP-1 §7.3.2). */
async function serveDelete(inbound: Inbound): Promise<void> {
  const { context, res } = inbound;
  const sessionId = readSessionId(inbound);
  if (sessionId === null) return;
  const streamable = await findStreamable(inbound, sessionId);
  if (streamable !== undefined) await context.deps.sessions.end(streamable.session.id, 'client');
  else if (!accommodates(inbound, 'delete-idempotent')) {
    if (sessionId !== undefined) return refuse(inbound, 'session.unknown');
    return refusePlace(inbound, 'request.method', 'transport', 'POST, GET, OPTIONS');
  }
  res.writeHead(200, { 'content-length': '0' });
  res.end();
}
