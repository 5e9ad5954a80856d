import { RpcCode } from '../jsonrpc/message.ts';
import { type Body, parseBody } from '../jsonrpc/parse.ts';
import { isModernClaim } from '../protocol/revision.ts';
import { acceptsOf, isJsonMediaType } from '../wire/content-type.ts';
import { readBody } from './body.ts';
import { decidePost, type EraHeaders } from './era.ts';
import { type AnswerForm, accommodates, headerOf, type Inbound } from './inbound.ts';
import { serveInitialize, serveLegacyPost } from './legacy.ts';
import { serveBatch } from './legacy-batch.ts';
import { accept } from './legacy-caller.ts';
import { serveModern } from './modern.ts';
import { mayServe } from './recording.ts';
import { refuse } from './refusal.ts';
import { readSessionId } from './session-id.ts';

const BOTH = 'application/json, text/event-stream';

/** Serves a POST on an endpoint: reads it within bounds, decides its era from the body, and hands it to that era's adapter. */
export async function servePost(arrived: Inbound): Promise<void> {
  const form = answerFormOf(arrived);
  const version = headerOf(arrived.req, 'mcp-protocol-version');
  const modern = isModernClaim(version);
  if (form === undefined) return refuse(arrived, 'request.accept', { modern });
  if (!isJsonBody(arrived)) return refuse(arrived, 'body.media-type', { modern });
  const inbound = withForm(arrived, form);
  const sessionId = readSessionId(inbound);
  if (sessionId === null) return;
  const headers: EraHeaders = { version, sessionId };
  const received = await receiveBody(inbound, modern);
  if (received === undefined) return;
  const { body, bytes } = received;
  if (!mayServe(inbound, body, modern)) return;
  if (body.kind === 'batch') return serveBatch(inbound, body.elements, { headers, bytes });
  const { message } = body;
  const decision = decidePost(message, headers);
  switch (decision.kind) {
    case 'refuse': {
      const id = message.kind === 'request' ? message.id : undefined;
      return refuse(inbound, decision.code, { id, modern: true, message: decision.message });
    }
    case 'ignore':
      return accept(inbound, undefined);
    case 'modern':
      if (message.kind === 'request') return serveModern(inbound, message, { claim: decision.claim, bytes });
      return;
    case 'initialize':
      if (message.kind === 'request') return serveInitialize(inbound, message, { headers, bytes, ...decision });
      return;
    case 'legacy':
      return serveLegacyPost(inbound, message, { headers, bytes, ...decision });
  }
}

// Member by member: a spread of an object of this size costs more than the rest of the decision.
function withForm(arrived: Inbound, accept: AnswerForm): Inbound {
  if (accept === arrived.accept) return arrived;
  const { context, req, res, route, caller, hosted, rest, principal } = arrived;
  return { context, req, res, route, caller, hosted, rest, principal, accept };
}

/** A body that was read, and its bytes. */
export interface ReceivedBody {
  readonly body: Body;
  readonly bytes: Buffer;
}

/** Reads and parses the body of a request; undefined when it was refused or nobody is left to answer. */
export async function receiveBody(inbound: Inbound, modern: boolean): Promise<ReceivedBody | undefined> {
  const { context, req } = inbound;
  const { limits, readMs } = context.options;
  const read = await readBody(req, { bodyBytes: limits.bodyBytes, readMs }, context.deps.clock);
  if (!read.ok) {
    if (read.reason === 'too-large') refuse(inbound, 'body.too-large', { modern });
    else if (read.reason === 'timeout') refuse(inbound, 'body.timeout', { modern, close: true });
    return undefined;
  }
  const body = parseBody(read.bytes, limits);
  if (body.ok) return { body: body.value, bytes: read.bytes };
  const { code, message, id } = body.fault;
  refuse(inbound, code === RpcCode.parseError ? 'body.parse' : 'body.invalid', { id, message, modern });
  return undefined;
}

/** Which answers the Accept header allows; undefined when none. Counts what is outside the specification. */
function answerFormOf(inbound: Inbound): AnswerForm | undefined {
  const header = headerOf(inbound.req, 'accept');
  if (header === BOTH) return 'either';
  const { json, sse, explicitJson, explicitSse } = acceptsOf(header);
  if (explicitJson && explicitSse) return 'either';
  if (header === undefined || header.trim() === '') return accommodates(inbound, 'accept-missing') ? 'json' : undefined;
  if (explicitJson && !sse) return accommodates(inbound, 'accept-json-only') ? 'json' : undefined;
  if (explicitSse && !json) return accommodates(inbound, 'accept-sse-only') ? 'sse' : undefined;
  if (!json && !sse) {
    const isModern = isModernClaim(headerOf(inbound.req, 'mcp-protocol-version'));
    return !isModern && accommodates(inbound, 'accept-foreign') ? 'json' : undefined;
  }
  if (!accommodates(inbound, 'accept-wildcard')) return undefined;
  // An event stream is sent only to who names it: a wildcard is what clients send that expect one JSON body.
  if (explicitSse) return 'either';
  return json ? 'json' : 'sse';
}

/**
 * True when the Content-Type allows to read the body as JSON; counts a missing one. text/plain and the other types that a page can send across sites without a
 * preflight stay closed (CSRF); so does a missing type with an Origin.
 */
export function isJsonBody(inbound: Inbound): boolean {
  const { headers } = inbound.req;
  if (headers['content-encoding'] !== undefined && headers['content-encoding'] !== 'identity') return false;
  const type = headers['content-type'];
  if (type !== undefined) return isJsonMediaType(type);
  return headers.origin === undefined && accommodates(inbound, 'content-type-missing');
}
