import { describe, expect, test } from 'vitest';
import type { RouteOptions } from './options.ts';
import { createPlaces, splitTarget } from './paths.ts';

function route(path: string, legacySse = true): RouteOptions {
  return { path, handshake: 'lenient', sessionless: true, rest: false, legacySse, accommodations: {} };
}

describe('what a path means', () => {
  const placeOf = createPlaces([route('/mcp'), route('/mcp/files'), route('/mcp/sse')]);

  test.each([
    ['/mcp', 'endpoint', '/mcp'],
    ['/mcp/', 'endpoint', '/mcp'],
    ['/mcp/files', 'endpoint', '/mcp/files'],
    ['/mcp/files/sse', 'sse', '/mcp/files'],
    ['/sse', 'sse', '/mcp'],
    ['/sse/', 'sse', '/mcp'],
    // A route of that name is what its operator named it.
    ['/mcp/sse', 'endpoint', '/mcp/sse'],
    ['/mcp/sse/sse', 'sse', '/mcp/sse'],
  ])('%s is the %s of %s', (path, kind, of) => {
    expect(placeOf(path)).toMatchObject({ kind, route: { path: of } });
  });

  test.each([
    ['/messages/', 'messages'],
    ['/messages', 'messages'],
    ['/mcp/mcp', 'probe'],
    ['/mcp/files/', 'endpoint'],
    ['/mcp//', 'probe'],
    ['/api/mcp/', 'probe'],
    ['/MCP', 'unknown'],
    ['/mcp%2f', 'unknown'],
    ['/', 'unknown'],
    ['//', 'unknown'],
    ['*', 'unknown'],
    ['/__proto__', 'unknown'],
  ])('%s is %s', (path, kind) => {
    expect(placeOf(path).kind).toBe(kind);
  });

  test('a document is one, unless a route has its path', () => {
    const documents = ['/', '/mcp', '/.well-known/mcp.json'];
    const withDocuments = createPlaces([route('/mcp')], documents);
    expect(documents.map((path) => withDocuments(path).kind)).toEqual(['document', 'endpoint', 'document']);
    expect(createPlaces([route('/mcp')])('/.well-known/mcp.json').kind).toBe('probed-document');
  });

  test.each(['/mcp&quot', '/mcp&quot;', '/mcp%22', '/mcp&amp;quot;', '/mcp)', '/mcp".', '/mcp/files%27'])(
    '%s is an endpoint out of markup',
    (path) => {
      expect(placeOf(path)).toMatchObject({
        kind: 'escaped',
        route: { path: path.startsWith('/mcp/') ? '/mcp/files' : '/mcp' },
      });
    },
  );

  // Attack: paths that make a search of every beginning, or of every reading, take forever.
  test.each([
    `/mcp${'&quot;'.repeat(5_000)}x`,
    `/mcp${')'.repeat(30_000)}x`,
    `/${'.well-known/'.repeat(3_000)}`,
    `/${'a/'.repeat(15_000)}`,
  ])('a long path is read at once (%#)', (path) => {
    for (let n = 0; n < 200; n++) expect(['unknown', 'probe', 'probed-document']).toContain(placeOf(path).kind);
  });

  test('without the 2024 transport its paths are probes, but the alias of the endpoint stays', () => {
    const off = createPlaces([route('/mcp', false)]);
    expect(off('/sse').kind).toBe('probe');
    expect(off('/messages/').kind).toBe('probe');
    expect(off('/mcp/sse')).toMatchObject({ kind: 'sse', alias: true });
  });
});

test.each([
  ['/mcp', { path: '/mcp', query: '' }],
  ['/mcp?a=1?b', { path: '/mcp', query: 'a=1?b' }],
  ['http://host:1/mcp?a=1', { path: '/mcp', query: 'a=1', host: 'host:1' }],
  ['*', { path: '*', query: '' }],
  ['', { path: '', query: '' }],
])('the target %j splits', (target, parts) => {
  expect(splitTarget(target)).toEqual(parts);
});
