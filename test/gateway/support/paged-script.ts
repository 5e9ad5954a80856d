import { at } from '../../requirements/support/json.ts';
import { legacyScript, modernResult, modernScript } from '../../requirements/support/scripted-eras.ts';
import { resultOf, type Script, sendJson } from '../../requirements/support/scripted-upstream.ts';

/** A tool of this name. */
export function toolNamed(name: string): { readonly name: string; readonly inputSchema: object } {
  return { name, inputSchema: { type: 'object' } };
}

/** A server whose list of tools comes in pages; `cursorTo` writes the cursor of the page with this index. */
export function servePages(
  era: 'legacy' | 'modern',
  pages: readonly (readonly string[])[],
  cursorTo: (index: number) => string | undefined = (index) => (index < pages.length ? `page ${index}` : undefined),
): Script {
  const make = era === 'legacy' ? legacyScript : modernScript;
  return make({
    capabilities: { tools: {} },
    instead: (request, response) => {
      if (request.message?.['method'] !== 'tools/list') return false;
      const cursor = at(request.message, 'params', 'cursor');
      const index = typeof cursor === 'string' ? Number(cursor.replace('page ', '')) : 0;
      const nextCursor = cursorTo(index + 1);
      const page = { tools: (pages[index] ?? []).map(toolNamed), ...(nextCursor === undefined ? {} : { nextCursor }) };
      const kept = { ttlMs: 300_000, cacheScope: 'private' };
      sendJson(response, 200, resultOf(request, era === 'legacy' ? page : modernResult({ ...page, ...kept })));
      return true;
    },
  });
}
