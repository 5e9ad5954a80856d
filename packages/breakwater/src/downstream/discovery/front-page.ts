import type { Rendered } from './document.ts';
import { documentUrls } from './document-urls.ts';
import { html, type Markup } from './html.ts';
import { PAGE_HEADERS, writePage } from './page.ts';
import type { Site, SiteRoute } from './site.ts';
import { type Snippet, snippetsFor } from './snippets.ts';
import type { Glance } from './tool-glance.ts';

/** The page for people: how to connect, what is served, which tools there are. `glance` is undefined where the server could not be asked. */
export function renderPage(site: Site, title: string, glance: Glance | undefined): Rendered {
  const [first] = site.routes;
  const body = writePage({
    title: `${title} · MCP`,
    heading: title,
    lead: site.description,
    head: html`<meta name="description" content="${site.description}">
<link rel="alternate" type="text/plain" href="${documentUrls(site.base).llms}" title="llms.txt">
<link rel="service-desc" type="application/json" href="${documentUrls(site.base).mcp}">
<link rel="describedby" type="application/json" href="${documentUrls(site.base).agentCard}">`,
    intro: first && endpointBox(first, glance),
    main: html`${first === undefined ? undefined : connectSection(first, title)}
${servedSection(site)}
${first === undefined ? undefined : toolsSection(first, glance)}
${documentsSection(site)}`,
    footer: `Served by Breakwater ${site.version}. Programs that ask for JSON get JSON at this address.`,
  });
  return { type: 'text/html; charset=utf-8', body, freshness: 'checked', negotiated: true, headers: PAGE_HEADERS };
}

function endpointBox(route: SiteRoute, glance: Glance | undefined): Markup {
  const box = html`<div class="endpoint"><span>MCP endpoint</span><code>${route.url}</code></div>`;
  if (route.auth.kind === 'protected') {
    return html`${box}<p class="status">Asks for a token of ${route.auth.authorizationServers.join(' or ')}.</p>`;
  }
  if (glance === undefined) {
    return html`${box}<p class="status away">The server behind it did not answer just now; connecting may still work.</p>`;
  }
  const count = glance.tools.length + glance.more;
  const version = glance.version === undefined ? '' : ` ${glance.version}`;
  return html`${box}<p class="status">Ready: ${glance.title ?? 'the server'}${version}, ${count} ${count === 1 ? 'tool' : 'tools'}, no sign-in.</p>`;
}

function connectSection(route: SiteRoute, title: string): Markup {
  return html`<section aria-labelledby="connect">
<h2 id="connect">Connect</h2>
<p class="note">One click on a snippet selects all of it.</p>
${snippetsFor(route, title).map(snippetPanel)}
</section>`;
}

function snippetPanel({ id, client, where, text }: Snippet, index: number): Markup {
  const open: Markup = { markup: index === 0 ? ' open' : '' };
  return html`<details name="snippet"${open}><summary>${client} <small>${where}</small></summary>
<pre tabindex="0" aria-label="Snippet for ${client}"><code data-snippet="${id}">${text}</code></pre></details>
`;
}

function servedSection(site: Site): Markup {
  const rows = site.routes.flatMap(({ transports, rest }) => [
    ...transports.map(({ name, url, revisions }) =>
      servedRow(
        url,
        TRANSPORT_NAMES[name],
        revisions.map((revision) => html`<span>${revision}</span> `),
      ),
    ),
    ...(rest === undefined ? [] : [servedRow(rest.index, 'REST', [html`<a href="${rest.openapi}">OpenAPI 3.1</a>`])]),
  ]);
  return html`<section aria-labelledby="served">
<h2 id="served">What is served</h2>
<div class="scroll" tabindex="0" role="region" aria-labelledby="served"><table>
<thead><tr><th scope="col">Address</th><th scope="col">Transport</th><th scope="col">Revisions</th></tr></thead>
<tbody>${rows}</tbody></table></div>
</section>`;
}

function servedRow(url: string, transport: string, revisions: readonly Markup[]): Markup {
  return html`<tr><td><code>${url}</code></td><td>${transport}</td><td>${revisions}</td></tr>
`;
}

const TRANSPORT_NAMES = { streamable_http: 'Streamable HTTP', sse: 'HTTP+SSE of 2024' } as const;

function toolsSection(route: SiteRoute, glance: Glance | undefined): Markup | undefined {
  if (glance === undefined || glance.tools.length === 0) return undefined;
  const items = glance.tools.map(({ name, title, description }) => {
    const text = description ?? title;
    return html`<li><code>${name}</code>${text === undefined ? undefined : html`<p>${text}</p>`}</li>
`;
  });
  const rest =
    glance.more === 0 ? undefined : html`<p class="note">And ${glance.more} more; tools/list names them all.</p>`;
  return html`<section aria-labelledby="tools">
<h2 id="tools">Tools at ${route.path}</h2>
<ul class="tools">${items}</ul>${rest}
</section>`;
}

function documentsSection(site: Site): Markup {
  const { agentCard, mcp, serverCard, catalog, llms, agents } = documentUrls(site.base);
  const links: readonly (readonly [string, string])[] = [
    ['Agent card', agentCard],
    ['mcp.json', mcp],
    ['Server card', serverCard],
    ['Catalogue', catalog],
    ...site.routes.flatMap(({ path, rest }): readonly (readonly [string, string])[] =>
      rest === undefined
        ? []
        : [
            [`REST of ${path}`, rest.docs],
            [`OpenAPI of ${path}`, rest.openapi],
          ],
    ),
    ['llms.txt', llms],
    ['agents.txt', agents],
    ['How the transport works', site.documentation],
  ];
  return html`<section aria-labelledby="documents">
<h2 id="documents">For programs</h2>
<ul class="links">${links.map(([name, url]) => html`<li><a href="${url}">${name}</a></li>`)}</ul>
</section>`;
}
