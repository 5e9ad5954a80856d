import { isPublicSite } from '../origin.ts';
import { type Document, jsonDocument, type Rendered, textDocument } from './document.ts';
import { documentUrls } from './document-urls.ts';
import type { Site } from './site.ts';

/** `/robots.txt` (RFC 9309): everything on a public address, nothing elsewhere. */
export const robots: Document = {
  paths: ['/robots.txt'],
  owner: 'site',
  render: ({ arrival, site }) => {
    const isPublic = isPublicSite(arrival.context.options.publicUrl);
    const rule = isPublic ? `Allow: /\nSitemap: ${site.base}/sitemap.xml` : 'Disallow: /';
    return textDocument(`User-agent: *\n${rule}\n`);
  },
};

/** `/sitemap.xml`: the pages there are to read. */
export const sitemap: Document = {
  paths: ['/sitemap.xml'],
  owner: 'site',
  render: ({ site }) => {
    const { page, llms } = documentUrls(site.base);
    const urls = [page, llms].map((url) => `<url><loc>${url.replaceAll('&', '&amp;')}</loc></url>`).join('');
    const body = `<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">${urls}</urlset>\n`;
    return textDocument(body, 'application/xml');
  },
};

/** `/agents.txt`: where agents find what, and how to begin. */
export const agentsText: Document = {
  paths: ['/agents.txt', '/.well-known/agents.txt'],
  owner: 'site',
  render: ({ site }) => {
    const { agentCard, mcp, catalog, llms } = documentUrls(site.base);
    const lines = [
      `# ${oneLine(site.title)}`,
      ...site.routes.map(({ url }) => `mcp: ${url}`),
      `agent-card: ${agentCard}`,
      `mcp-json: ${mcp}`,
      `catalog: ${catalog}`,
      `llms: ${llms}`,
      '',
      '# How to speak MCP here',
      ...STEPS,
    ];
    return textDocument(`${lines.join('\n')}\n`);
  },
};

const STEPS = [
  '1. POST an initialize request to the endpoint as Content-Type: application/json, with Accept: application/json, text/event-stream.',
  '2. Read the Mcp-Session-Id header of the answer; POST notifications/initialized with that header.',
  '3. POST tools/list and tools/call with that header. Clients of 2026-07-28 need no session: server/discover first.',
];

/** A line of its own in a text file: a title with a line break in it must not become two. */
function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

/** What `/llms.txt` says of a tool. */
interface ListedTool {
  readonly name: string;
  readonly description: string | undefined;
}

/** The text of `/llms.txt` (llmstxt.org): a heading, a quotation, sections of links. `tools` is undefined where the server could not be asked. */
export function llmsText(site: Site, title: string, tools: readonly ListedTool[] | undefined): Rendered {
  const { agentCard, mcp, catalog, agents } = documentUrls(site.base);
  const lines = [
    `# ${oneLine(title)}`,
    '',
    `> ${oneLine(site.description)}`,
    '',
    'This host speaks the Model Context Protocol (MCP). Everything is reached by POSTing JSON-RPC messages to an endpoint:',
    '',
    '## Endpoints',
    '',
    ...site.routes.flatMap((route) =>
      route.transports.map(({ name, url, revisions }) => `- [${url}](${url}): ${name}, ${revisions.join(', ')}`),
    ),
    ...site.routes.flatMap(({ rest }) =>
      rest === undefined
        ? []
        : [`- [${rest.index}](${rest.index}): the same tools over plain HTTP, [OpenAPI](${rest.openapi})`],
    ),
    '',
    '## How to begin',
    '',
    ...STEPS,
    '',
    ...(tools === undefined || tools.length === 0
      ? []
      : ['## Tools', '', ...tools.map(({ name, description }) => `- ${code(name)}${textAfter(description)}`), '']),
    '## Discovery',
    '',
    `- [Agent card](${agentCard}): transports with requests to copy`,
    `- [mcp.json](${mcp}): endpoints and transports`,
    `- [Catalogue of server cards](${catalog})`,
    `- [agents.txt](${agents})`,
    '',
    '## Docs',
    '',
    `- [How the transport works](${site.documentation})`,
  ];
  return { ...textDocument(`${lines.join('\n')}\n`), freshness: 'checked' };
}

function code(name: string): string {
  return `\`${oneLine(name).replaceAll('`', "'")}\``;
}

// What a server calls its tool must not add sections or links to this file.
function textAfter(description: string | undefined): string {
  return description === undefined ? '' : `: ${oneLine(description).replace(/[[\]<>]/g, ' ')}`;
}

/** `/` for programs: where everything is, as JSON. */
export function rootJson(
  site: Site,
  title: string,
  tools: readonly ListedTool[] | undefined,
  recipe: object,
): Rendered {
  const [first] = site.routes;
  const body = {
    name: title,
    description: site.description,
    version: site.version,
    canonical_endpoint: first?.url,
    endpoints: site.routes.map(({ url, transports, rest, auth }) => ({
      url,
      transports,
      ...(rest === undefined ? {} : { rest }),
      authentication: { required: auth.kind === 'protected' },
    })),
    documents: documentUrls(site.base),
    documentation: site.documentation,
    recipe,
    ...(tools === undefined ? {} : { tools: tools.map(({ name, description }) => ({ name, description })) }),
  };
  return { ...jsonDocument(body), freshness: 'checked' };
}
