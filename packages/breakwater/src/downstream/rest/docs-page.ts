import { ERRORS, type ErrorCode } from '../../core/errors.ts';
import { html, type Markup } from '../discovery/html.ts';
import { writePage } from '../discovery/page.ts';
import { exampleOf } from './example.ts';
import type { RouteIntroduction } from './index-page.ts';
import type { Offer, Offered } from './offer.ts';
import { problemAnchor, restStatusOf } from './problem.ts';
import { type RestRequest, urlOf } from './request.ts';

/** Most entries of a list, and most of one text: the page is made for people. */
const MOST_SHOWN = 300;
const MOST_TEXT = 8_000;

/** The page that shows people what a route offers and how it is called. Everything a server says is escaped. */
export function docsPage(request: RestRequest, { name, instructions }: RouteIntroduction, offer: Offer): Buffer {
  const { tools, prompts, resources, templates } = offer;
  const page = writePage({
    title: `${name}: API`,
    heading: name,
    lead: instructions === undefined ? undefined : clip(instructions),
    intro: html`<div class="endpoint"><span>Plain HTTP, no MCP needed</span><code>${urlOf(request)}</code></div>
<ul class="links">
<li><a href="${urlOf(request, 'openapi.json')}">OpenAPI 3.1</a></li>
<li><a href="${urlOf(request)}">Index</a></li>
</ul>`,
    main: html`${toolsSection(request, tools)}
${listSection(
  'Prompts',
  prompts.map((prompt) => ({ ...prompt, name: urlOf(request, 'prompts', prompt.name) })),
)}
${listSection('Resources', [...resources, ...templates])}
<section aria-labelledby="errors">
<h2 id="errors">Errors</h2>
<p class="note">Every error is <code>application/problem+json</code> (RFC 9457); its <code>type</code> points here.</p>
<div class="scroll" tabindex="0" role="region" aria-labelledby="errors"><table>
<thead><tr><th scope="col">Code</th><th scope="col">Status</th><th scope="col">What it means</th></tr></thead>
<tbody>${(Object.keys(ERRORS) as ErrorCode[]).map(errorRow)}</tbody></table></div>
</section>`,
    footer: 'One click on a command or a schema selects all of it.',
  });
  return Buffer.from(page);
}

function toolsSection(request: RestRequest, tools: Offer['tools']): Markup {
  const more = tools.length - MOST_SHOWN;
  return html`<section aria-labelledby="tools">
<h2 id="tools">Tools</h2>
${tools.length === 0 ? html`<p class="note">None.</p>` : undefined}
${tools.slice(0, MOST_SHOWN).map((tool) => toolPanel(request, tool))}
${more > 0 ? html`<p class="note">And ${more} more; the list at ${urlOf(request, 'tools')} has them all.</p>` : undefined}
</section>`;
}

function toolPanel(request: RestRequest, tool: Offer['tools'][number]): Markup {
  const { name, title, description, inputSchema, outputSchema } = tool;
  const url = urlOf(request, 'tools', name);
  const body = JSON.stringify(exampleOf(inputSchema));
  const curl = `curl -X POST '${url.replaceAll("'", '%27')}' -H 'Content-Type: application/json' -d '${body.replaceAll("'", "'\\''")}'`;
  return html`<details><summary><code>${name}</code> <small>${clip(title ?? firstSentence(description))}</small></summary>
${description === undefined ? undefined : html`<p class="text">${clip(description)}</p>`}
${schemaBlock('Call it', curl)}
${schemaBlock('Arguments', schemaText(inputSchema))}
${outputSchema === undefined ? undefined : schemaBlock('Result', schemaText(outputSchema))}</details>
`;
}

function schemaBlock(label: string, text: string): Markup {
  return html`<p class="label">${label}</p>
<pre tabindex="0" aria-label="${label}"><code>${clip(text)}</code></pre>
`;
}

function listSection(title: string, entries: readonly Offered[]): Markup | undefined {
  if (entries.length === 0) return undefined;
  const id = title.toLowerCase();
  const items = entries.slice(0, MOST_SHOWN).map(
    ({
      name,
      description,
    }) => html`<li><code>${name}</code>${description === undefined ? undefined : html`<p>${clip(description)}</p>`}</li>
`,
  );
  return html`<section aria-labelledby="${id}">
<h2 id="${id}">${title}</h2>
<ul class="tools">${items}</ul>
</section>`;
}

function errorRow(code: ErrorCode): Markup {
  return html`<tr id="${problemAnchor(code)}"><td><code>${code}</code></td><td>${restStatusOf(code)}</td><td>${ERRORS[code].message}</td></tr>
`;
}

function firstSentence(text: string | undefined): string {
  return text?.split(/(?<=[.!?])\s/, 1)[0] ?? '';
}

function schemaText(schema: unknown): string {
  return clip(JSON.stringify(schema, null, 2) ?? '');
}

function clip(text: string): string {
  return text.length <= MOST_TEXT ? text : `${text.slice(0, MOST_TEXT)}…`;
}
