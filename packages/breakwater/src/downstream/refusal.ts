import { ERRORS, type ErrorCode, type GatewayError } from '../core/errors.ts';
import type { RawId } from '../jsonrpc/id.ts';
import { RpcCode, type RpcError } from '../jsonrpc/message.ts';
import { encodeError, writeError } from '../jsonrpc/write.ts';
import { discardBody } from './body.ts';
import { type Arrival, baseUrlOf, endpointOf } from './inbound.ts';
import { discoverRecipe, initializeRecipe, type Recipe } from './recipe.ts';
import { refuseProblem } from './rest/problem.ts';

/** What a refusal may add to its row of the error table. */
export interface RefusalInit {
  /** The request's id where it is known. */
  readonly id?: RawId | undefined;
  /** Replaces the table's sentence. Never caller text. */
  readonly message?: string;
  /** Members added to `error.data`. */
  readonly data?: Readonly<Record<string, unknown>>;
  /** The caller speaks the modern era. */
  readonly modern?: boolean;
  /** The Allow header of a 405. */
  readonly allow?: string;
  /** Where the same request is served. */
  readonly location?: string;
  /** Close the connection: what the client still sends is not worth reading. */
  readonly close?: boolean;
  /** The session whose id every answer repeats. */
  readonly sessionId?: string | undefined;
}

/** What to do next, per code, in one sentence a program's log can show. */
const HINTS: Partial<Record<ErrorCode, string>> = {
  'body.parse': 'Send one JSON-RPC 2.0 message as UTF-8 JSON.',
  'body.invalid': 'Send one JSON-RPC 2.0 message: {"jsonrpc":"2.0","id":1,"method":"…","params":{…}}.',
  'body.media-type':
    'Use POST with Content-Type: application/json. curl -d sends a form unless it is told: -H "Content-Type: application/json".',
  'request.accept': 'Send Accept: application/json, text/event-stream.',
  'request.host': 'Use the name this gateway is configured for; an operator adds names to the allowed hosts.',
  'request.https': 'Send the same method, headers and body to the Location; publish and store that address.',
  'request.origin': 'An operator adds origins to the allowed origins.',
  'request.batch': 'Send each message as a request of its own.',
  'session.missing': 'Send initialize, read the Mcp-Session-Id header of its answer, and repeat it on every request.',
  'session.unknown': 'Send initialize without an Mcp-Session-Id header to get a new session.',
  'session.handshake':
    'Send notifications/initialized with the Mcp-Session-Id header of this session, then repeat the request.',
  'version.header': `Send the negotiated revision as MCP-Protocol-Version, or leave the header out.`,
  'version.unsupported': 'Repeat the request with one of data.supported.',
  'envelope.incomplete': 'Put the missing members into params._meta, or send initialize to open a session.',
  'envelope.mismatch':
    'Send the MCP-Protocol-Version, Mcp-Method, Mcp-Name and Mcp-Param-* headers that match the body.',
};

/** Media type of every refusal. */
const JSON_TYPE = 'application/json';

/** A gateway error as a JSON-RPC error; `exchangeId` lets an operator find it in the log. */
export function rpcErrorOf(error: GatewayError, exchangeId: string | undefined): RpcError {
  const { rpc, retryable } = error.row;
  const data: Record<string, unknown> = { ...error.data, reason: error.code };
  if (retryable) data['retryable'] = true;
  if (exchangeId !== undefined) data['exchange'] = exchangeId;
  return { code: rpc, message: error.message, data };
}

/** Answers a request with a refusal that says in a form programs can read what to send instead. Harmless when the answer is already under way. */
export function refuse(arrival: Arrival, code: ErrorCode, init: RefusalInit = {}): void {
  const { context, res, route, rest } = arrival;
  if (rest !== undefined)
    return refuseProblem(arrival, rest, code, { ...init, detail: init.message, extra: init.data });
  context.deps.emit({ type: 'refusal', code, route: route?.path, address: arrival.caller.address });
  const { http } = ERRORS[code];
  const { modern = false, id } = init;
  const pointers = pointersOf(arrival);
  const error = refusalError(arrival, code, init);
  // Modern SDK clients read the body of a 400 with a strict schema and would lose the error over unknown members: there everything is in data.
  const body = modern
    ? writeError(id, encodeError({ ...error, data: { ...pointers, ...(error.data as object) } }))
    : legacyBody(arrival, code, init);
  const headers: Record<string, string> = {};
  if (init.allow !== undefined) headers['allow'] = init.allow;
  if (init.location !== undefined) headers['location'] = init.location;
  if (init.close === true) headers['connection'] = 'close';
  if (init.sessionId !== undefined) headers['mcp-session-id'] = init.sessionId;
  if (http === 429 || http === 503) headers['retry-after'] = '1';
  discardUnread(arrival);
  sendJson(arrival, http, body, headers);
  if (res.writableEnded && init.close === true) res.once('finish', () => arrival.req.socket.end());
}

/** The body of a refusal as a legacy client gets it, for documents that say beforehand what an error looks like. */
export function describeRefusal(arrival: Arrival, code: ErrorCode): object {
  return JSON.parse(legacyBody(arrival, code, {}).toString()) as object;
}

function legacyBody(arrival: Arrival, code: ErrorCode, init: RefusalInit): Buffer {
  return appendMembers(writeError(init.id, encodeError(refusalError(arrival, code, init))), pointersOf(arrival));
}

/** What somebody looked for who is refused: a way to speak MCP, a document clients know by name, or nothing anybody knows. */
export type Sought = 'transport' | 'document' | 'unknown';

/** Answers a path or verb that nothing is served on (AIP-1 §7.2): in one answer it says where to go instead. */
export function refusePlace(
  arrival: Arrival,
  code: 'request.path' | 'request.method',
  sought: Sought,
  allow?: string,
): void {
  arrival.context.deps.emit({ type: 'refusal', code, route: arrival.route?.path, address: arrival.caller.address });
  const row = ERRORS[code];
  const pointers = pointersOf(arrival);
  const body = {
    error: wordFor(arrival, sought),
    message: `${row.message} The MCP endpoint is ${pointers.canonical_endpoint}: POST JSON-RPC messages there.`,
    ...(allow === undefined ? {} : { allow: allow.split(', ') }),
    canonical_mcp_endpoint: pointers.canonical_endpoint,
    transport: 'streamable_http',
    ...pointers,
    authentication: { required: isProtected(arrival) },
    ...(hasDocuments(arrival) ? { discovery: `${baseUrlOf(arrival)}/.well-known/mcp.json` } : {}),
    recipe: recipeOf(arrival, false),
  };
  discardUnread(arrival);
  sendJson(arrival, row.http, Buffer.from(JSON.stringify(body)), allow === undefined ? {} : { allow });
}

/** AIP-1 has a word of its own for a transport that is not there; everybody else knows the common one. */
function wordFor({ context, route }: Arrival, sought: Sought): string {
  if (sought === 'unknown') return 'not_found';
  const routes = route === undefined ? context.options.routes : [route];
  const speaksAip = routes.some(({ oabp }) => oabp !== undefined);
  return sought === 'transport' && speaksAip ? 'TransportNotSupported' : 'not_implemented';
}

function isProtected({ context, route }: Arrival): boolean {
  const { routes, authOf } = context.options;
  const asked = route ?? routes[0];
  return asked !== undefined && authOf?.(asked).kind === 'protected';
}

/** Sends a whole JSON body. Does nothing when an answer was already begun: an error must not garble it. */
export function sendJson(
  arrival: Arrival,
  status: number,
  body: Buffer,
  headers: Readonly<Record<string, string>> = {},
): void {
  const { req, res } = arrival;
  if (res.headersSent || res.destroyed) return;
  res.writeHead(status, {
    'content-type': JSON_TYPE,
    'content-length': String(body.length),
    'cache-control': 'no-store',
    ...headers,
  });
  res.end(req.method === 'HEAD' ? undefined : body);
}

function discardUnread({ context, req }: Arrival): void {
  const { limits, readMs } = context.options;
  discardBody(req, { bodyBytes: limits.bodyBytes, readMs }, context.deps.clock);
}

/** Where to go instead, as every refusal says it. */
export function pointersOf(arrival: Arrival): {
  readonly canonical_endpoint: string;
  readonly supported_transports: readonly string[];
  readonly documentation: string;
} {
  const { options } = arrival.context;
  const sse = arrival.route === undefined ? options.routes.some((route) => route.legacySse) : arrival.route.legacySse;
  return {
    canonical_endpoint: endpointOf(arrival),
    supported_transports: sse ? ['streamable_http', 'sse'] : ['streamable_http'],
    documentation: options.documentation,
  };
}

function refusalError(arrival: Arrival, code: ErrorCode, init: RefusalInit): RpcError {
  const { rpc, message, retryable } = ERRORS[code];
  const hint = HINTS[code];
  return {
    // 2026-07-28 basic/index §Error Codes: -32002 must not be sent to modern clients.
    code: init.modern === true && rpc === RpcCode.resourceNotFound ? RpcCode.invalidParams : rpc,
    message: init.message ?? message,
    data: {
      ...init.data,
      reason: code,
      ...(retryable ? { retryable } : {}),
      ...(hint === undefined ? {} : { hint }),
      expected_transport: 'streamable_http',
      ...recipeUrlOf(arrival, init.modern === true),
      recipe: recipeOf(arrival, init.modern === true),
    },
  };
}

function recipeOf(arrival: Arrival, modern: boolean): Recipe {
  const url = endpointOf(arrival);
  return modern ? discoverRecipe(url) : initializeRecipe(url);
}

/** Where the agent card has the handshake (AIP-1 §7.4). The card spells it out for the first route. */
function recipeUrlOf(arrival: Arrival, modern: boolean): { readonly recipeUrl?: string } {
  const isFirst = arrival.route === undefined || arrival.route === arrival.context.options.routes[0];
  if (modern || !isFirst || !hasDocuments(arrival)) return {};
  return { recipeUrl: `${baseUrlOf(arrival)}/.well-known/agent-card.json#/transport/protocols/0/handshake` };
}

function hasDocuments({ context, hosted }: Arrival): boolean {
  return context.options.discovery.enabled && !hosted;
}

function appendMembers(object: Buffer, members: object): Buffer {
  const tail = Buffer.from(`,${JSON.stringify(members).slice(1)}`);
  return Buffer.concat([object.subarray(0, object.length - 1), tail]);
}
