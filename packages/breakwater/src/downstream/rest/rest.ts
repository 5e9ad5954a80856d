import { stringify } from 'yaml';
import { acceptsHtml } from '../discovery/accepts-html.ts';
import { baseUrlOf, type Context, headerOf } from '../inbound.ts';
import { writtenProblem } from './deliver.ts';
import { docsPage } from './docs-page.ts';
import { HeldCalls } from './held-calls.ts';
import { indexPage, introduce, writeIndex } from './index-page.ts';
import { type Offer, readOffer } from './offer.ts';
import { writeOpenApi } from './openapi.ts';
import { PAGE_HEADERS } from './page.ts';
import { type RestRequest, refuseRest } from './request.ts';
import { sendBody, sendDescribed, sendDescription } from './send.ts';
import { serveHeldCall } from './serve-call.ts';
import { serveList } from './serve-list.ts';
import { servePrompt, servePromptAnswers } from './serve-prompt.ts';
import { serveResource, serveResourceAnswers } from './serve-resource.ts';
import { serveTool, serveToolAnswers } from './serve-tool.ts';

const HTML = 'text/html; charset=utf-8';

/** The third way in: every tool, resource and prompt of a route over plain HTTP. */
export class RestDoor {
  readonly #held: HeldCalls;

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
        return withOffer(request, async (offer) =>
          sendPage(request, docsPage(request, await introduce(request), offer)),
        );
      case 'openapi':
        return serveOpenApi(request, target.form);
      case 'tools':
      case 'prompts':
        return serveList(request, target.area);
      case 'resource-templates':
        return serveList(request, 'resourceTemplates');
      case 'resources': {
        const uri = request.query.get('uri');
        return uri === null ? serveList(request, 'resources') : serveResource(request, uri, this.#held);
      }
    }
  }
}

async function serveIndex(request: RestRequest): Promise<void> {
  const introduction = await introduce(request);
  if (acceptsHtml(headerOf(request.req, 'accept'))) return sendPage(request, indexPage(request, introduction));
  sendDescribed(request, writeIndex(request, introduction));
}

async function serveOpenApi(request: RestRequest, form: 'json' | 'yaml' | 'moved'): Promise<void> {
  const server = baseUrlOf(request);
  if (form === 'moved') return sendBody(request, 302, Buffer.from('{}'), { location: `${server}/openapi.json` });
  await withOffer(request, async (offer) => {
    const { name, version, instructions } = await introduce(request);
    const { base } = request.rest;
    const document = writeOpenApi({ title: name, version, description: instructions, server, base, offer });
    if (form === 'json') return sendDescription(request, 'application/json', Buffer.from(JSON.stringify(document)));
    // Through JSON once: what is written twice must not become an alias, nor an object without prototype a tag.
    const plain: unknown = JSON.parse(JSON.stringify(document));
    sendDescription(request, 'application/yaml', Buffer.from(stringify(plain, { aliasDuplicateObjects: false })));
  });
}

async function withOffer(request: RestRequest, send: (offer: Offer) => Promise<void>): Promise<void> {
  const offer = await readOffer(request);
  if (offer.ok) return await send(offer.value);
  const { status, body, headers } = writtenProblem(request, offer.problem);
  sendBody(request, status, body, headers);
}

function sendPage(request: RestRequest, page: Buffer): void {
  sendDescription(request, HTML, page, PAGE_HEADERS);
}
