import type { Arrival, Context } from '../inbound.ts';
import { initializeRecipe } from '../recipe.ts';
import { refusePlace } from '../refusal.ts';
import { acceptsHtml } from './accepts-html.ts';
import { agentCard, agentDirectory } from './agent-card.ts';
import type { Document, DocumentRequest } from './document.ts';
import { renderPage } from './front-page.ts';
import { mcpJson, routeMcpJson } from './mcp-json.ts';
import { oabpManifest } from './oabp.ts';
import { resourceMetadata, rootResourceMetadata } from './protected-resource.ts';
import { serveDocument } from './serve-document.ts';
import { catalog, routeServerCard, serverCard } from './server-card.ts';
import { agentsText, llmsText, robots, rootJson, sitemap } from './text-files.ts';
import { type Glance, ToolGlances } from './tool-glance.ts';

/** The discovery documents of one configuration. */
export interface Discovery {
  /** All their paths. */
  readonly paths: ReadonlySet<string>;
  /** True for a path that is answered also inside somebody's own server. */
  isMounted(path: string): boolean;
  /** True for a document that shows the server behind a route as it is now. */
  isLiving(path: string): boolean;
  serve(arrival: Arrival, path: string): Promise<void>;
}

/** Collects the documents that this configuration serves. */
export function createDiscovery(context: Context): Discovery {
  const { routes, publicUrl, discovery } = context.options;
  const byPath = new Map<string, Document>();
  const needed = new Set<string>();
  const living = livingDocuments(context);
  const livingPaths = new Set(living.flatMap(({ paths }) => paths));
  if (discovery.enabled) {
    const prefix = publicUrl === undefined ? '' : new URL(publicUrl).pathname.replace(/\/+$/, '');
    const own = routes.flatMap((route) => {
      const metadata = resourceMetadata(route, prefix);
      // A challenge points at it: without it nobody could get a token.
      if (context.options.authOf?.(route).kind === 'protected') for (const path of metadata.paths) needed.add(path);
      return [metadata, routeServerCard(route), routeMcpJson(route)];
    });
    for (const document of [...SITE_DOCUMENTS, ...living, ...own]) {
      for (const path of document.paths) if (!byPath.has(path)) byPath.set(path, document);
    }
  }
  return {
    paths: new Set(byPath.keys()),
    isMounted: (path) => needed.has(path) || (discovery.mounted === 'routes' && byPath.get(path)?.owner === 'route'),
    isLiving: (path) => livingPaths.has(path),
    async serve(arrival, path) {
      const document = byPath.get(path);
      if (document === undefined) refusePlace(arrival, 'request.path', 'document');
      else await serveDocument(arrival, document, path);
    },
  };
}

const SITE_DOCUMENTS: readonly Document[] = [
  rootResourceMetadata,
  agentCard,
  agentDirectory,
  mcpJson,
  serverCard,
  catalog,
  oabpManifest,
  robots,
  sitemap,
  agentsText,
];

/** The documents that show the server behind the first route as it is now. */
function livingDocuments(context: Context): Document[] {
  const glances = new ToolGlances(context);
  const look = async ({ arrival, site }: DocumentRequest): Promise<Glance | undefined> => {
    const [first] = site.routes;
    // What a protected route offers is told to who may use it.
    if (first === undefined || first.auth.kind === 'protected') return undefined;
    return await glances.look(first.path, context.options.principalOf(arrival.req));
  };
  const titleOf = (request: DocumentRequest, glance: Glance | undefined): string =>
    context.options.discovery.title ?? glance?.title ?? request.site.title;
  return [
    {
      paths: ['/'],
      owner: 'site',
      render: async (request) => {
        const glance = await look(request);
        const title = titleOf(request, glance);
        if (acceptsHtml(request.arrival.req.headers.accept)) return renderPage(request.site, title, glance);
        const recipe = initializeRecipe(request.site.routes[0]?.url ?? request.site.base);
        return { ...rootJson(request.site, title, glance?.tools, recipe), negotiated: true };
      },
    },
    {
      paths: ['/llms.txt', '/.well-known/llms.txt'],
      owner: 'site',
      render: async (request) => {
        const glance = await look(request);
        return llmsText(request.site, titleOf(request, glance), glance?.tools);
      },
    },
  ];
}
