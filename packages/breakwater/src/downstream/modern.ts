import { toGatewayError } from '../core/errors.ts';
import type { ClientFacts } from '../core/ports.ts';
import type { RequestMessage } from '../jsonrpc/message.ts';
import { memberObject, memberValue } from '../jsonrpc/raw.ts';
import { writeResult } from '../jsonrpc/write.ts';
import { writeDiscoverResult } from '../protocol/bridge/initialize.ts';
import { type JsonObject, profileOf } from '../protocol/capabilities.ts';
import type { Checked, ProtocolFault } from '../protocol/fault.ts';
import { isMethodOf, methodTraits } from '../protocol/methods.ts';
import { type Envelope, type EnvelopeClaim, validateEnvelope } from '../protocol/modern/envelope.ts';
import {
  type HeaderLookup,
  type MirroredRequest,
  MODERN_HEADERS,
  validateModernHeaders,
} from '../protocol/modern/headers.ts';
import { type ParamHeader, validateParamHeaders } from '../protocol/modern/param-headers.ts';
import { MODERN_REVISIONS } from '../protocol/revision.ts';
import { LateAnswer } from './answer.ts';
import { makeExchange } from './exchange-of.ts';
import type { Inbound } from './inbound.ts';
import { serveListen } from './listen.ts';
import { continueElsewhere } from './pass-on.ts';
import { refuse } from './refusal.ts';
import { ExchangeReply, writeFailure } from './reply.ts';

// What discover says depends on the principal's upstreams and changes with them.
const DISCOVER_CACHE = { ttlMs: 0, cacheScope: 'private' } as const;

/** Serves a request of the modern era: validated strictly, because a proxy in front may have decided by its headers. */
export async function serveModern(
  inbound: Inbound,
  message: RequestMessage,
  { claim, bytes }: { readonly claim: EnvelopeClaim; readonly bytes: Buffer },
): Promise<void> {
  const { id, method, params } = message;
  const headers = linesOf(inbound.req);
  const envelope = validateEnvelope(claim);
  const fault = faultOf(claim, envelope, { headers, method, params });
  if (fault !== undefined) return refuseFault(inbound, message, fault);
  if (!envelope.ok) return;
  // A method no revision knows may be an extension of the server's: the server has the last word on it.
  if (methodTraits(method) !== undefined && !isMethodOf(method, 'modern'))
    return refuse(inbound, 'method.unknown', { id, modern: true });
  const client = clientOf(envelope.value);
  if (method === 'tools/call') {
    const declared = declaredHeaders(inbound, message, client);
    if (declared instanceof Promise) {
      const mismatch = mismatchOf(await declared, params, headers);
      if (mismatch !== undefined) return refuseFault(inbound, message, mismatch);
      // Who left meanwhile has cancelled: the call must not run.
      if (inbound.res.destroyed) return;
    } else {
      const mismatch = mismatchOf(declared, params, headers);
      if (mismatch !== undefined) return refuseFault(inbound, message, mismatch);
    }
  }
  if (method === 'server/discover') return serveDiscover(inbound, message, client);
  if (method === 'subscriptions/listen') return serveListen(inbound, message, client);
  const passed = continueElsewhere(inbound, { method, params, sessionId: undefined }, bytes);
  if (passed !== false) {
    if (await passed) return;
    // Another node was looked for, and for long where it is gone: who left meanwhile has cancelled.
    if (inbound.res.destroyed) return;
  }
  serveExchange(inbound, message, client, envelope.value);
}

/** The lines of each header. Node joins repeated lines with a comma: only where there is one the whole head is read again. */
function linesOf(req: Inbound['req']): HeaderLookup {
  return (name) => {
    const value = req.headers[name];
    if (value === undefined) return NO_LINES;
    return typeof value === 'string' && !value.includes(',') ? [value] : (req.headersDistinct[name] ?? NO_LINES);
  };
}

const NO_LINES: readonly string[] = [];

// Where header and body name different versions, that is told before the body's version is judged: one of the two was tampered with, and only
// the client can say which (the official suite expects -32020 there). A body that is otherwise unsound is told of itself first.
function faultOf(
  claim: EnvelopeClaim,
  envelope: Checked<Envelope>,
  request: Omit<MirroredRequest, 'revision'>,
): ProtocolFault | undefined {
  if (envelope.ok) return validateModernHeaders({ ...request, revision: envelope.value.revision });
  const { fault } = envelope;
  const isVersion = fault.code === 'version.unsupported' && claim.version !== undefined;
  if (!isVersion || request.headers(MODERN_HEADERS.version).length === 0) return fault;
  const mismatch = validateModernHeaders({ ...request, revision: claim.version });
  return mismatch?.code === 'envelope.mismatch' ? mismatch : fault;
}

function serveExchange(inbound: Inbound, message: RequestMessage, client: ClientFacts, envelope: Envelope): void {
  const { id } = message;
  const { progressToken, logLevel } = envelope;
  const progress = progressToken !== undefined;
  const exchange = makeExchange(inbound, message, { client, sessionId: undefined, progress, logLevel });
  let stop: ((reason: string) => void) | undefined;
  // 2026-07-28 patterns/cancellation: a closed response stream is a cancellation.
  const answer = answerOf(inbound, message, () => {
    reply.abandon();
    stop?.('client disconnected');
  });
  const reply = new ExchangeReply({
    answer,
    exchange,
    id,
    progressToken,
    session: undefined,
    onDone: noteNothing,
  });
  stop = inbound.context.deps.handler.handle(exchange, reply);
}

async function serveDiscover(inbound: Inbound, message: RequestMessage, client: ClientFacts): Promise<void> {
  const { route, principal, context } = inbound;
  const answer = answerOf(inbound, message, noteNothing);
  try {
    const facts = await context.deps.edge.describe({ route: route.path, principal, sessionId: undefined, client });
    const result = writeDiscoverResult({ ...facts, supportedVersions: MODERN_REVISIONS, cache: DISCOVER_CACHE });
    answer.respond(writeResult(message.id, result), 200);
  } catch (error) {
    const { message: text, status } = writeFailure(toGatewayError(error), client.revision, message.id, undefined);
    answer.respond(text, status);
  }
}

/** What the tool of a call mirrors into headers; a promise only where its list is not known yet. */
function declaredHeaders(
  inbound: Inbound,
  { params }: RequestMessage,
  client: ClientFacts,
): readonly ParamHeader[] | Promise<readonly ParamHeader[]> {
  const tool = params === undefined ? undefined : memberValue(params, 'name');
  if (typeof tool !== 'string') return NO_HEADERS;
  const { route, principal, context } = inbound;
  return context.deps.edge.paramHeaders({ route: route.path, principal, sessionId: undefined, client }, tool);
}

function mismatchOf(
  declared: readonly ParamHeader[],
  params: RequestMessage['params'],
  headers: HeaderLookup,
): ProtocolFault | undefined {
  if (declared.length === 0 || params === undefined) return undefined;
  return validateParamHeaders(declared, memberObject(params, 'arguments'), headers);
}

const NO_HEADERS: readonly ParamHeader[] = [];

function answerOf(inbound: Inbound, { id }: RequestMessage, onGone: () => void): LateAnswer {
  return new LateAnswer({
    inbound,
    ids: [id],
    extra: 0,
    batch: false,
    sessionId: undefined,
    log: undefined,
    primes: false,
    onGone,
  });
}

/** The same object for the same envelope, whose capabilities are an object of its own: what is made of it further on can be kept beside it. */
function clientOf({ revision, clientInfo, clientCapabilities }: Envelope): ClientFacts {
  let client = CLIENTS.get(clientCapabilities);
  if (client === undefined) {
    client = { revision, info: clientInfo, capabilities: clientCapabilities, profile: profileOf(clientCapabilities) };
    CLIENTS.set(clientCapabilities, client);
  }
  return client;
}

const CLIENTS = new WeakMap<JsonObject, ClientFacts>();

function refuseFault(inbound: Inbound, { id }: RequestMessage, fault: ProtocolFault): void {
  const { code, data = {} } = fault;
  const supported = code === 'version.unsupported' ? `. Supported versions: ${String(data['supported'])}` : '';
  refuse(inbound, code, { id, modern: true, message: fault.message + supported, data });
}

function noteNothing(): void {
  // Nothing is held for a modern request beyond its exchange.
}
