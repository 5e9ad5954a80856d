import { isObject } from '../../protocol/capabilities.ts';
import { LATEST_MODERN } from '../../protocol/revision.ts';
import { html } from '../discovery/html.ts';
import { writePage } from '../discovery/page.ts';
import { endpointOf } from '../inbound.ts';
import { type RestRequest, subscriberOf, urlOf } from './request.ts';

/** Who serves a route. All texts are the server's own. */
export interface RouteIntroduction {
  readonly name: string;
  readonly version: string;
  readonly instructions: string | undefined;
}

/** Asks who serves the route; a server that cannot be asked leaves the door open all the same. */
export async function introduce(request: RestRequest): Promise<RouteIntroduction> {
  try {
    const { info, instructions } = await request.context.deps.edge.describe(subscriberOf(request));
    const facts: unknown = JSON.parse(info.toString());
    const server = isObject(facts) ? facts : {};
    const [name = 'MCP server'] = [server['title'], server['name']].filter((text) => typeof text === 'string');
    return { name, version: typeof server['version'] === 'string' ? server['version'] : '0', instructions };
  } catch {
    // What is asked next says what is wrong with the server.
    return { name: 'MCP server', version: '0', instructions: undefined };
  }
}

/** The index for programs: where everything is and how it is used. */
export function writeIndex(request: RestRequest, { name, version, instructions }: RouteIntroduction): object {
  return {
    name,
    version,
    ...(instructions === undefined ? {} : { instructions }),
    tools: urlOf(request, 'tools'),
    resources: urlOf(request, 'resources'),
    resourceTemplates: urlOf(request, 'resource-templates'),
    prompts: urlOf(request, 'prompts'),
    openapi: urlOf(request, 'openapi.json'),
    docs: urlOf(request, 'docs'),
    mcp: { url: endpointOf(request), revision: LATEST_MODERN },
    how: [
      `GET ${urlOf(request, 'tools')} lists the tools; each has a url.`,
      'GET a tool’s url to see its schema and a request that works.',
      'POST a JSON object with the arguments to a tool’s url to call it; the answer has content, structuredContent and isError.',
      'An answer with inputRequired is a question: its "how" is the request that answers it.',
      'Send Accept: text/event-stream to hear progress, or Prefer: respond-async to fetch the outcome later.',
    ],
  };
}

/** The index for people. */
export function indexPage(request: RestRequest, { name, version }: RouteIntroduction): Buffer {
  const links: readonly (readonly [string, string])[] = [
    ['All tools with their schemas', urlOf(request, 'docs')],
    ['Tools', urlOf(request, 'tools')],
    ['Resources', urlOf(request, 'resources')],
    ['Prompts', urlOf(request, 'prompts')],
    ['OpenAPI 3.1', urlOf(request, 'openapi.json')],
  ];
  const page = writePage({
    title: `${name} over HTTP`,
    heading: name,
    lead: `Version ${version}. Every tool, resource and prompt over plain HTTP; the same is served over MCP.`,
    intro: html`<div class="endpoint"><span>MCP endpoint</span><code>${endpointOf(request)}</code></div>`,
    main: html`<section><ul class="links">${links.map(([text, url]) => html`<li><a href="${url}">${text}</a></li>\n`)}</ul></section>`,
    footer: 'Programs that ask for JSON get JSON at this address.',
  });
  return Buffer.from(page);
}
