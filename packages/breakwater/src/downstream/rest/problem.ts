import { ERRORS, type ErrorCode } from '../../core/errors.ts';
import { discardBody } from '../body.ts';
import { type Arrival, baseUrlOf } from '../inbound.ts';
import type { RestPlace } from './place.ts';

/** An answer that says what is wrong, for programs (RFC 9457). */
export interface Problem {
  readonly code: ErrorCode;
  readonly status: number;
  /** What is wrong with this request. */
  readonly detail?: string | undefined;
  /** What to send instead, in one sentence; the table's own when absent. */
  readonly how?: string | undefined;
  /** Members beside the standard ones. */
  readonly extra?: Readonly<Record<string, unknown>> | undefined;
}

/** What a refusal of an HTTP request may add. */
export interface ProblemInit extends Partial<Omit<Problem, 'code'>> {
  /** The Allow header of a 405. */
  readonly allow?: string | undefined;
  readonly location?: string | undefined;
  readonly close?: boolean | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** A request over plain HTTP is answered by its status: what JSON-RPC tells in band is told by the status here. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  'params.invalid': 422,
  'capability.missing': 422,
  'resource.unknown': 404,
  'exchange.cancelled': 409,
  'stream.lost': 410,
  'upstream.unavailable': 503,
  'upstream.busy': 503,
  'upstream.timeout': 504,
  'upstream.lost': 502,
  'upstream.session-lost': 502,
  'upstream.invalid': 502,
  'upstream.too-large': 502,
  'upstream.version': 502,
  'upstream.auth': 502,
  'upstream.headers': 502,
  'upstream.result-type': 502,
  'upstream.subscription': 502,
  'fleet.node-lost': 502,
};

const HOW: Partial<Record<ErrorCode, string>> = {
  'body.parse': 'Send the arguments as one JSON object: {"name":"value"}.',
  'body.invalid': 'Send the arguments as one JSON object: {"name":"value"}.',
  'body.too-large': 'Send less, or put the data where the server can fetch it.',
  'body.media-type': 'Send the body as Content-Type: application/json, without Content-Encoding.',
  'body.timeout': 'Send the whole body at once.',
  'request.host': 'Use the name this gateway is configured for; an operator adds names to the allowed hosts.',
  'request.origin': 'Use POST with Content-Type: application/json; an operator adds origins to the allowed origins.',
  'request.https': 'Send the same request to the Location.',
  'request.method': 'Use one of the methods in the Allow header.',
  'request.path': 'Start at the first of canonical_paths: it links to everything else.',
  'request.rate': 'Wait as long as Retry-After says. DELETE calls you no longer need.',
  'name.unknown': 'Take a name from the list at "list".',
  'call.unknown': 'Make the call again. Finished calls are kept for a few minutes.',
  'cursor.expired': 'Start the list again without a cursor.',
  'params.invalid': 'Send arguments that fit the schema.',
  'capability.missing': 'Use the MCP endpoint with a client that has this capability.',
  'gateway.draining': 'Send the request again: another node or the restarted one takes it.',
};

/** The status of a gateway error over plain HTTP. */
export function restStatusOf(code: ErrorCode): number {
  const { http } = ERRORS[code];
  return STATUS[code] ?? (http === 200 ? 502 : http);
}

/** The name of a code's section on a route's page. */
export function problemAnchor(code: ErrorCode): string {
  return code.replaceAll('.', '');
}

/** Bytes of the problem document. */
export function writeProblem(arrival: Arrival, base: string, problem: Problem): Buffer {
  const { code, status, detail, how = HOW[code], extra } = problem;
  const { message, retryable } = ERRORS[code];
  const body = {
    type: `${baseUrlOf(arrival)}${base}/docs#${problemAnchor(code)}`,
    title: message,
    status,
    ...(detail === undefined || detail === message ? {} : { detail }),
    code,
    ...(retryable ? { retryable } : {}),
    ...(how === undefined ? {} : { how }),
    ...extra,
  };
  return Buffer.from(JSON.stringify(body));
}

/** Headers that go with a problem of this status. */
export function problemHeaders(status: number): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  };
  if (status === 429 || status === 503) headers['retry-after'] = '1';
  return headers;
}

/** Refuses a request before it became an exchange. Harmless when an answer is already under way. */
export function refuseProblem(
  arrival: Arrival,
  { base, target }: RestPlace,
  code: ErrorCode,
  init: ProblemInit = {},
): void {
  const { context, req, res, route, caller } = arrival;
  const { limits, readMs } = context.options;
  context.deps.emit({ type: 'refusal', code, route: route?.path, address: caller.address });
  discardBody(req, { bodyBytes: limits.bodyBytes, readMs }, context.deps.clock);
  if (res.headersSent || res.destroyed) return;
  const { status = restStatusOf(code), detail, how, allow, location, close, headers } = init;
  const pointers = target.area === 'unknown' ? unknownPathMembers(arrival, base) : {};
  const body = writeProblem(arrival, base, { code, status, detail, how, extra: { ...pointers, ...init.extra } });
  res.writeHead(status, {
    ...problemHeaders(status),
    'content-length': String(body.length),
    ...(allow === undefined ? {} : { allow }),
    ...(location === undefined ? {} : { location }),
    ...(close === true ? { connection: 'close' } : {}),
    ...headers,
  });
  res.end(req.method === 'HEAD' ? undefined : body);
  if (close === true) res.once('finish', () => req.socket.end());
}

// Clients in a loop do not read discovery again: the answer itself must lead them out (field notes A.4.15).
function unknownPathMembers(arrival: Arrival, base: string): Readonly<Record<string, unknown>> {
  const root = `${baseUrlOf(arrival)}${base}`;
  const paths = [
    '',
    '/tools',
    '/tools/{name}',
    '/resources',
    '/resources?uri={uri}',
    '/resource-templates',
    '/prompts',
    '/prompts/{name}',
  ];
  return { error: 'not_found', canonical_paths: [...paths, '/openapi.json', '/docs'].map((path) => root + path) };
}
