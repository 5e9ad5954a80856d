import { acceptsHtml } from '../discovery/accepts-html.ts';
import { PAGE_HEADERS } from '../discovery/page.ts';
import { baseUrlOf, type Context, headerOf } from '../inbound.ts';
import { mayBegin } from '../recording.ts';
import { writtenProblem } from './deliver.ts';
import { type Description, DescriptionCache } from './description-cache.ts';
import { docsPage } from './docs-page.ts';
import { HeldCalls } from './held-calls.ts';
import { indexPage, introduce, type RouteIntroduction, writeIndex } from './index-page.ts';
import { type Offer, readOffer } from './offer.ts';
import { writeOpenApi } from './openapi.ts';
import type { RestTarget } from './place.ts';
import { type RestRequest, refuseRest } from './request.ts';
import { sendBody, sendDescribed, sendDescription } from './send.ts';
import { serveHeldCall } from './serve-call.ts';
import { serveList } from './serve-list.ts';
import { servePrompt, servePromptAnswers } from './serve-prompt.ts';
import { serveResource, serveResourceAnswers } from './serve-resource.ts';
import { serveTool, serveToolAnswers } from './serve-tool.ts';

/** What asks no server for anything on a caller's behalf, or fetches what was asked before. */
const UNRECORDED: ReadonlySet<RestTarget['area']> = new Set(['index', 'docs', 'openapi', 'call', 'unknown']);
const HTML = 'text/html; charset=utf-8';

/** The third way in: every tool, resource and prompt of a route over plain HTTP. */
export class RestDoor {
  readonly #held: HeldCalls;
  readonly #descriptions = new DescriptionCache();

  /** @param former the door of the configuration before a reload: the calls it holds go on here. */
  constructor(context: Context, former?: RestDoor) {
    this.#held = former === undefined ? new HeldCalls(context) : former.#held;
    this.#held.adopt(context);
  }

  /** Serves one request. Resolves when it is answered or nobody is left to answer. */
  async serve(request: RestRequest): Promise<void> {
    const { drain } = request.context;
    drain.enter();
    try {
      await this.#serve(request);
    } finally {
      drain.leave();
    }
  }

  async #serve(request: RestRequest): Promise<void> {
    const { target } = request.rest;
    if (!UNRECORDED.has(target.area) && !mayBegin(request)) return;
    switch (target.area) {
      case 'tool':
        return target.answers
          ? serveToolAnswers(request, target.name, this.#held)
          : serveTool(request, target.name, this.#held);
      case 'prompt':
        return target.answers
          ? servePromptAnswers(request, target.name, this.#held)
          : servePrompt(request, target.name, this.#held);
      case 'resource':
        return serveResource(request, target.uri, this.#held);
      case 'resource-answers':
        return serveResourceAnswers(request, this.#held);
      case 'call':
        return serveHeldCall(request, target.id, this.#held);
      case 'unknown':
        return refuseRest(request, 'request.path');
      default:
        break;
    }
    const { method } = request.req;
    if (method !== 'GET' && method !== 'HEAD')
      return refuseRest(request, 'request.method', { allow: 'GET, HEAD, OPTIONS' });
    switch (target.area) {
      case 'index':
        return serveIndex(request);
      case 'docs':
        return serveDocs(request, this.#descriptions);
      case 'openapi':
        return serveOpenApi(request, target.form, this.#descriptions);
      case 'tools':
      case 'prompts':
        return serveList(request, target.area, this.#descriptions);
      case 'resource-templates':
        return serveList(request, 'resourceTemplates', this.#descriptions);
      case 'resources': {
        const uri = request.query.get('uri');
        return uri === null
          ? serveList(request, 'resources', this.#descriptions)
          : serveResource(request, uri, this.#held);
      }
    }
  }
}

async function serveIndex(request: RestRequest): Promise<void> {
  const introduction = await introduce(request);
  if (acceptsHtml(headerOf(request.req, 'accept'))) return sendPage(request, indexPage(request, introduction));
  sendDescribed(request, writeIndex(request, introduction));
}

async function serveDocs(request: RestRequest, cache: DescriptionCache): Promise<void> {
  const page = await describe(request, cache, 'docs', (introduction, offer) => docsPage(request, introduction, offer));
  if (page !== undefined) sendDescription(request, HTML, page.body, PAGE_HEADERS, page.etag);
}

async function serveOpenApi(
  request: RestRequest,
  form: 'json' | 'yaml' | 'moved',
  cache: DescriptionCache,
): Promise<void> {
  const server = baseUrlOf(request);
  if (form === 'moved') return sendBody(request, 302, Buffer.from('{}'), { location: `${server}/openapi.json` });
  const made = await describe(request, cache, 'openapi', ({ name, version, instructions }, offer) => {
    const { base } = request.rest;
    const document = writeOpenApi({ title: name, version, description: instructions, server, base, offer });
    return Buffer.from(escapeUnprintable(JSON.stringify(document)));
  });
  // JSON is YAML (1.2 §1.3), and twenty times faster to write.
  if (made !== undefined) sendDescription(request, `application/${form}`, made.body, {}, made.etag);
}

/** A description of all that the route offers this caller, made anew when something of that has changed. Undefined when the request was refused. */
async function describe(
  request: RestRequest,
  cache: DescriptionCache,
  kind: 'docs' | 'openapi',
  write: (introduction: RouteIntroduction, offer: Offer) => Buffer,
): Promise<Description | undefined> {
  const introduction = await introduce(request);
  return await cache.describe(request, [kind, introduction], async () => {
    const offer = await readOffer(request);
    if (offer.ok) return write(introduction, offer.value);
    const { status, body, headers } = writtenProblem(request, offer.problem);
    sendBody(request, status, body, headers);
    return undefined;
  });
}

// What may stand in a JSON text and not in a YAML one (1.2 §5.1).
function escapeUnprintable(json: string): string {
  return json.replace(
    /[\u007f-\u009f\ufeff\ufffe\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function sendPage(request: RestRequest, page: Buffer): void {
  sendDescription(request, HTML, page, PAGE_HEADERS);
}
