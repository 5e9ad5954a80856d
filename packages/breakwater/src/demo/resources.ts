import { type McpServer, ResourceNotFoundError, ResourceTemplate } from '@modelcontextprotocol/server';
import { encodePng } from './png.ts';
import type { DemoState } from './state.ts';

/** The resource that the tool `bump` changes. */
export const COUNTER_URI = 'demo://counter';

const ITEMS = new Map([
  ['anchor', 'Holds a ship where it is.'],
  ['buoy', 'Floats, and marks where the safe water ends.'],
  ['harbour', 'Where ships are safe from the sea.'],
  ['lighthouse', 'Shows a light, so that the shore is seen at night.'],
  ['mole', 'A breakwater with a road on it.'],
  ['pier', 'Stands on pillars and lets the water through.'],
]);

const README = `# Breakwater demo

A small MCP server to try clients against. Call the tool "bump" and watch ${COUNTER_URI} change, or "grow" and watch the list
of tools get longer.
`;

/** Registers the static text and the binary resource, the counter, and the template `demo://items/{id}`. */
export function registerResources(server: McpServer, state: DemoState): void {
  server.registerResource(
    'readme',
    'demo://readme',
    { title: 'Read me', description: 'What this server is for.', mimeType: 'text/markdown' },
    (uri) => ({ contents: [{ uri: uri.href, mimeType: 'text/markdown', text: README }] }),
  );

  server.registerResource(
    'flag',
    'demo://flag.png',
    { title: 'Flag', description: 'A small binary resource: the signal flag for "yes".', mimeType: 'image/png' },
    (uri) => ({ contents: [{ uri: uri.href, mimeType: 'image/png', blob: drawFlag().toString('base64') }] }),
  );

  server.registerResource(
    'counter',
    COUNTER_URI,
    { title: 'Counter', description: 'A number that changes; subscribe to be told.', mimeType: 'text/plain' },
    (uri) => ({ contents: [{ uri: uri.href, mimeType: 'text/plain', text: String(state.counter) }] }),
  );

  server.registerResource(
    'item',
    new ResourceTemplate('demo://items/{id}', {
      list: undefined,
      complete: { id: (value) => [...ITEMS.keys()].filter((id) => id.startsWith(value)) },
    }),
    { title: 'Item', description: 'One thing that stands at the shore, by its name.', mimeType: 'text/plain' },
    (uri, { id }) => {
      const text = ITEMS.get(String(id));
      if (text === undefined) throw new ResourceNotFoundError(uri.href);
      return { contents: [{ uri: uri.href, mimeType: 'text/plain', text }] };
    },
  );
}

/** Signal flag C: blue, white, red, white, blue. */
function drawFlag(): Buffer {
  return encodePng(20, 20, (_, y) => {
    if (y >= 0.4 && y < 0.6) return [200, 30, 40];
    return y >= 0.2 && y < 0.8 ? [255, 255, 255] : [20, 60, 150];
  });
}
