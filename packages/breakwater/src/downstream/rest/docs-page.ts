import { ERRORS, type ErrorCode } from '../../core/errors.ts';
import { html, type Markup } from '../discovery/html.ts';
import { exampleOf } from './example.ts';
import type { RouteIntroduction } from './index-page.ts';
import type { Offer } from './offer.ts';
import { renderPage } from './page.ts';
import { problemAnchor, restStatusOf } from './problem.ts';
import { type RestRequest, urlOf } from './request.ts';

/** Most tools shown whole, and most of one text: the page is made for people. */
const MOST_TOOLS = 300;
const MOST_TEXT = 8_000;

/** The page that shows people what a route offers and how it is called. Everything a server says is escaped. */
export function docsPage(request: RestRequest, { name, instructions }: RouteIntroduction, offer: Offer): Buffer {
  const { tools, prompts, resources, templates } = offer;
  const more = tools.length - MOST_TOOLS;
  return renderPage(
    `${name}: API`,
    html`<h1>${name}</h1>
${instructions === undefined ? undefined : html`<p>${clip(instructions)}</p>`}
<p><a href="${urlOf(request, 'openapi.json')}">OpenAPI 3.1</a> · <a href="${urlOf(request)}">Index</a></p>
<h2>Tools</h2>
${tools.slice(0, MOST_TOOLS).map((tool) => toolSection(request, tool))}
${more > 0 ? html`<p>And ${more} more.</p>` : undefined}
<section><h2>Prompts</h2><ul>${prompts.slice(0, MOST_TOOLS).map((prompt) => html`<li><code>${urlOf(request, 'prompts', prompt.name)}</code> ${clip(prompt.description ?? '')}</li>`)}</ul></section>
<section><h2>Resources</h2><ul>${resources.slice(0, MOST_TOOLS).map((resource) => html`<li><code>${resource.name}</code> ${clip(resource.description ?? '')}</li>`)}${templates.slice(0, MOST_TOOLS).map((template) => html`<li><code>${template.name}</code> ${clip(template.description ?? '')}</li>`)}</ul></section>
<section><h2>Errors</h2><p>Every error is <code>application/problem+json</code> (RFC 9457); its <code>type</code> points here.</p>
<table><tr><th>code</th><th>status</th><th></th></tr>
${(Object.keys(ERRORS) as ErrorCode[]).map(
  (
    code,
  ) => html`<tr id="${problemAnchor(code)}"><td><code>${code}</code></td><td>${restStatusOf(code)}</td><td>${ERRORS[code].message}</td></tr>
`,
)}</table></section>`,
  );
}

function toolSection(
  request: RestRequest,
  { name, title, description, inputSchema, outputSchema }: Offer['tools'][number],
): Markup {
  const url = urlOf(request, 'tools', name);
  const body = JSON.stringify(exampleOf(inputSchema));
  const curl = `curl -X POST '${url.replaceAll("'", '%27')}' -H 'Content-Type: application/json' -d '${body.replaceAll("'", "'\\''")}'`;
  return html`<section><h3><code>${name}</code>${title === undefined ? undefined : html` ${clip(title)}`}</h3>
<p>${clip(description ?? '')}</p>
<pre>${clip(curl)}</pre>
<details><summary>Schemas</summary><pre>${schemaText(inputSchema)}</pre>${outputSchema === undefined ? undefined : html`<pre>${schemaText(outputSchema)}</pre>`}</details></section>
`;
}

function schemaText(schema: unknown): string {
  return clip(JSON.stringify(schema, null, 2) ?? '');
}

function clip(text: string): string {
  return text.length <= MOST_TEXT ? text : `${text.slice(0, MOST_TEXT)}…`;
}
