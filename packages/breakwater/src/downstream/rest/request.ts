import type { ErrorCode } from '../../core/errors.ts';
import type { ClientFacts } from '../../core/ports.ts';
import type { Subscriber } from '../../core/subscription.ts';
import { profileOf } from '../../protocol/capabilities.ts';
import { LATEST_MODERN } from '../../protocol/revision.ts';
import { baseUrlOf, type Inbound } from '../inbound.ts';
import type { RestPlace } from './place.ts';
import { type ProblemInit, refuseProblem } from './problem.ts';

/** One HTTP request to a route's REST door. */
export interface RestRequest extends Inbound {
  readonly rest: RestPlace;
  readonly query: URLSearchParams;
}

/**
 * What a caller over plain HTTP can be asked: whatever can be answered by another request. Roots are left out: many servers ask for them before they do
 * anything, and a caller by URL has none.
 */
const CAPABILITIES = { elicitation: { form: {}, url: {} }, sampling: {} };

/** Every REST caller, as servers see it. What it says of itself (User-Agent) is nobody's proof and stays here. */
export const REST_CLIENT: ClientFacts = {
  revision: LATEST_MODERN,
  info: Buffer.from('{"name":"breakwater-rest","title":"REST caller of Breakwater","version":"1.0.0"}'),
  capabilities: CAPABILITIES,
  profile: profileOf(CAPABILITIES),
};

/** The caller as the core knows it. */
export function subscriberOf({ route, principal }: RestRequest): Subscriber {
  return { route: route.path, principal, sessionId: undefined, client: REST_CLIENT };
}

/** Absolute URL of a place in this door; the parts are encoded. */
export function urlOf(request: RestRequest, ...parts: readonly string[]): string {
  return [`${baseUrlOf(request)}${request.rest.base}`, ...parts.map(encodeURIComponent)].join('/');
}

/** Refuses the request with a problem document. */
export function refuseRest(request: RestRequest, code: ErrorCode, init: ProblemInit = {}): void {
  refuseProblem(request, request.rest, code, init);
}

/** Any value of it says that no page sent the request by a mere link: a page has to ask before it sends it. */
const ASKED = 'x-requested-with';
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;

/**
 * True when a page of another site may have made the browser send this without asking anybody (a link, an image, a form): such a request carries no Origin that could
 * have been checked, and the user's own address lets it in (CSRF). Browsers say where a request comes from only over https and to the machine itself; elsewhere
 * a GET must prove that it is no link.
 */
export function isCrossSite({ req, caller }: RestRequest): boolean {
  const { origin, host, 'sec-fetch-site': site } = req.headers;
  if (origin !== undefined) return false;
  if (site !== undefined) return site === 'cross-site' || site === 'same-site';
  const tellsSite = caller.protocol === 'https' || LOOPBACK.test(caller.host ?? host ?? '');
  return req.method !== 'POST' && !tellsSite && req.headers[ASKED] === undefined;
}
